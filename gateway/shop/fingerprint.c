/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/fingerprint.h"

#include <xxhash.h>

static void add(struct fingerprint *print, const void *data, size_t len) {
    print->value = XXH3_64bits_withSeed(data, len, print->value);
}

void fingerprint_begin(struct fingerprint *print) {
    print->value = 0;
}

void fingerprint_u64(struct fingerprint *print, uint64_t value) {
    uint8_t bytes[8];
    struct writer writer = writer_over(bytes, sizeof(bytes));
    writer_u64(&writer, value);
    add(print, bytes, sizeof(bytes));
}

void fingerprint_slice(struct fingerprint *print, struct slice slice) {
    fingerprint_u64(print, slice.len);
    add(print, slice.data, slice.len);
}

uint64_t fingerprint_end(const struct fingerprint *print) {
    return print->value;
}
