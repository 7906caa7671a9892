/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 1024, LOG_INTERVAL_MS = 1000 };

/* The line is built whole and written with one call, so that lines of two
 * threads never mix. */
void log_line(enum log_level level, const char *module, const char *format,
              ...) {
    static const char *const names[] = {"error", "warn", "info"};
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char line[LOG_LINE_MAX];
    size_t len = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(line + len, sizeof line - len, ".%03ldZ %-5s %s ",
                            now.tv_nsec / 1000000, names[level], module);
    va_list args;
    va_start(args, format);
    int text = vsnprintf(line + len, sizeof line - len - 1, format, args);
    va_end(args);
    size_t room = sizeof line - len - 2;
    len += text < 0 ? 0 : (size_t)text > room ? room : (size_t)text;
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) {
        return; /* there is nowhere left to report it */
    }
}

bool log_allowed(struct log_limit *limit, uint64_t *ret_skipped) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (limit->last_ms != 0 && now_ms - limit->last_ms < LOG_INTERVAL_MS) {
        limit->skipped++;
        return false;
    }
    limit->last_ms = now_ms;
    *ret_skipped = limit->skipped;
    limit->skipped = 0;
    return true;
}
