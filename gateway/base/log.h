/* SPDX-License-Identifier: Apache-2.0 */
/* One line for each event on standard error: time, level, module, then
 * key=value. It never contains a payload or a secret. If standard error is the
 * systemd journal, a line begins with the priority that the journal reads
 * (`<3>` error to `<7>` debug, sd-daemon(3)) in place of the time.
 *
 * After log_start() no caller waits for who reads standard error: lines go
 * through a buffer (log_ring.h) to a thread that writes them. What does not fit
 * is counted, and "log_dropped lines=N" says so as soon as there is room. */
#ifndef GATEWAY_BASE_LOG_H
#define GATEWAY_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/error.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_line(enum log_level level, const char *module, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Lines above this level are left out; LOG_INFO until it is set. From any
 * thread. */
void log_set_level(enum log_level level);
/* Reads "error", "warn", "info" or "debug". ERR_RANGE. */
err_t log_level_read(const char *text, enum log_level *ret) MUST_USE;
/* What a line that does not come through log_line() begins with: "<3>" under
 * the systemd journal, else nothing. */
const char *log_prefix(enum log_level level);

/* Starts the thread; it also holds up abort(3) until the buffer is written, for
 * a second at most. ERR_MEMORY if there is no thread: lines are then written by
 * who logs them, as before this call. Once a process. */
err_t log_start(void);
/* Writes what is in the buffer, but waits for `wait_ms` at most, and ends the
 * thread. What is logged later is lost. Nothing happens without log_start(). */
void log_stop(uint32_t wait_ms);
/* Lines that did not fit, since the start. From any thread. */
uint64_t log_dropped(void);

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
