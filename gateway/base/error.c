/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/error.h"

#include <stdarg.h>
#include <stdio.h>

const char *err_name(err_t err) {
    static const char *const names[] = {
        [ERR_OK] = "ok",
        [ERR_AGAIN] = "again",
        [ERR_END] = "end",
        [ERR_FULL] = "full",
        [ERR_PARSE] = "parse",
        [ERR_CORRUPT] = "corrupt",
        [ERR_IO] = "io",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_RANGE] = "range",
        [ERR_BUSY] = "busy",
        [ERR_CONFIG] = "config",
        [ERR_MEMORY] = "memory",
        [ERR_NETWORK] = "network",
        [ERR_REFUSED] = "refused",
        [ERR_UNSUPPORTED] = "unsupported",
    };
    if ((unsigned)err >= sizeof names / sizeof *names) {
        return "unknown";
    }
    return names[err];
}

err_t reason_set(struct reason *reason, err_t err, const char *format, ...) {
    if (reason == NULL) {
        return err;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(reason->text, sizeof reason->text, format, args);
    va_end(args);
    return err;
}
