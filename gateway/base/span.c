/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/span.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

const char *span_text(int64_t seconds, char ret[SPAN_SIZE]) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (i < sizeof units / sizeof *units - 1 &&
           seconds < 2 * units[i].seconds) {
        i++;
    }
    snprintf(ret, SPAN_SIZE, "%" PRId64 " %s", seconds / units[i].seconds,
             units[i].name);
    return ret;
}

const char *span_bytes(uint64_t bytes, char ret[SPAN_SIZE]) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (bytes < 1024) {
        snprintf(ret, SPAN_SIZE, "%" PRIu64 " B", bytes);
        return ret;
    }
    double amount = (double)bytes / 1024;
    size_t i = 0;
    for (; amount >= 1024 && i < sizeof units / sizeof *units - 1; i++) {
        amount /= 1024;
    }
    snprintf(ret, SPAN_SIZE, "%.1f %s", amount, units[i]);
    return ret;
}
