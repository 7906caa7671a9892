/* SPDX-License-Identifier: Apache-2.0 */
#include <xxhash.h>

#include "gateway/event/entries.h"

/* Each piece is hashed with the hash of all pieces before it as the seed. XXH3
 * mixes the length in, so moving a byte to the next piece changes the hash. */
uint64_t event_hash(const struct event *event) {
    struct entries entries = event_entries_of(event);
    uint64_t hash = entries.count;
    for (uint32_t i = 0; i < entries.count; i++) {
        const struct entry *entry = &entries.list[i];
        uint64_t scalar =
            (uint64_t)entry->kind << 32 | (uint64_t)(uint32_t)entry->integer;
        struct slice bytes = entry->bytes;
        hash = XXH3_64bits_withSeed(entry->name.data, entry->name.len, hash);
        hash = XXH3_64bits_withSeed(bytes.data, bytes.len, hash ^ scalar);
    }
    return hash;
}
