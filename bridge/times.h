/* SPDX-License-Identifier: Apache-2.0 */
/* Of two times. */
#ifndef BRIDGE_TIMES_H
#define BRIDGE_TIMES_H

#include <stdint.h>

static inline int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

#endif
