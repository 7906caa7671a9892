/* SPDX-License-Identifier: Apache-2.0 */
/* One line for each event on standard error: time, level, module, then
 * key=value. It never contains a payload or a secret. */
#ifndef GATEWAY_BASE_LOG_H
#define GATEWAY_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO };

void log_line(enum log_level level, const char *module, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Limits one cause to one line a second. The caller keeps this with the cause.
 * Zeroed is ready. */
struct log_limit {
    int64_t last_ms;  /* monotonic */
    uint64_t skipped; /* lines suppressed since the last one */
};

/* True if a line may be written now; `*ret_skipped` says how many were
 * suppressed since the last. */
bool log_allowed(struct log_limit *limit, uint64_t *ret_skipped);

#endif
