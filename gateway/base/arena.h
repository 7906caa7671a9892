/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator over a caller's buffer: memory that lives as long as one
 * message or one batch, and is freed all at once. */
#ifndef GATEWAY_BASE_ARENA_H
#define GATEWAY_BASE_ARENA_H

#include "gateway/base/bytes.h"

struct arena {
    uint8_t *data;
    size_t len; /* used */
    size_t cap;
};

struct arena arena_over(void *data, size_t cap);
void arena_reset(struct arena *arena);
/* 16-byte aligned if the buffer is; NULL if there is no room. */
void *arena_alloc(struct arena *arena, size_t len) MUST_USE;
/* A copy that lives in the arena. ERR_FULL if there is no room. */
err_t arena_copy(struct arena *arena, struct slice slice,
                 struct slice *ret) MUST_USE;

#endif
