/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/arena.h"

enum { ARENA_ALIGN = 16 };

struct arena arena_over(void *data, size_t cap) {
    return (struct arena){.data = data, .len = 0, .cap = cap};
}

void arena_reset(struct arena *arena) {
    arena->len = 0;
}

void *arena_alloc(struct arena *arena, size_t len) {
    size_t at = (arena->len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (at > arena->cap || arena->cap - at < len) {
        return NULL;
    }
    arena->len = at + len;
    return arena->data + at;
}

err_t arena_copy(struct arena *arena, struct slice slice, struct slice *ret) {
    uint8_t *copy = arena_alloc(arena, slice.len);
    ENSURE(copy != NULL, ERR_FULL);
    if (slice.len > 0) {
        memcpy(copy, slice.data, slice.len);
    }
    *ret = slice_of(copy, slice.len);
    return ERR_OK;
}
