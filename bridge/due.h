/* SPDX-License-Identifier: Apache-2.0 */
/* Of two monotonic times; INT64_MAX is never. */
#ifndef BRIDGE_DUE_H
#define BRIDGE_DUE_H

#include <stdint.h>

static inline int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

#endif
