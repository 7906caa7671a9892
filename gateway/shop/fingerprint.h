/* SPDX-License-Identifier: Apache-2.0 */
/* A 64-bit hash of state, computed field by field: every integer as eight
 * bytes, big-endian, every text with its length before it. So it depends on
 * values only, not on padding, byte order or layout in memory. */
#ifndef GATEWAY_SHOP_FINGERPRINT_H
#define GATEWAY_SHOP_FINGERPRINT_H

#include "gateway/base/base.h"

struct fingerprint {
    uint64_t value; /* XXH3-64 of the last field, seeded with those before */
};

void fingerprint_begin(struct fingerprint *print);
void fingerprint_u64(struct fingerprint *print, uint64_t value);
void fingerprint_slice(struct fingerprint *print, struct slice slice);
uint64_t fingerprint_end(const struct fingerprint *print);

#endif
