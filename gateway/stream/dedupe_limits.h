/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of the dedupe windows: see dedupe.h. */
#ifndef GATEWAY_STREAM_DEDUPE_LIMITS_H
#define GATEWAY_STREAM_DEDUPE_LIMITS_H

#include <stdint.h>

enum {
    DEDUPE_WINDOW = 4096,   /* ids remembered for a device */
    DEDUPE_IDS_A_NAME = 16, /* names are at most ids_max / this */
    DEDUPE_IDS_MIN = 2 * DEDUPE_WINDOW,
    DEDUPE_IDS_MAX = 4 * 1024 * 1024,
    DEDUPE_IDS_DEFAULT = 128 * 1024,
    DEDUPE_ID_BYTES = 64, /* memory of one id, its share of a name included */
};

/* How far a `time` may be from the gateway's clock and still be believed. A
 * clock that stood still while the power was off is hours behind, one that
 * lost its battery is years behind. */
#define DEDUPE_AHEAD_US ((int64_t)3600 * 1000 * 1000)
#define DEDUPE_BACK_US (30 * (int64_t)24 * 3600 * 1000 * 1000)

#define DEDUPE_NO_TIME INT64_MIN /* the event has none */

#endif
