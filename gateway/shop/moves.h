/* SPDX-License-Identifier: Apache-2.0 */
/* The newest movements of stock: what a sku had at a moment that is past, so
 * that a count of then can be used now.
 *
 * A movement is a sale, a delivery or an adjustment, at the time when it was
 * journaled. The newest MOVES_MAX of all skus are remembered, in a ring. */
#ifndef GATEWAY_SHOP_MOVES_H
#define GATEWAY_SHOP_MOVES_H

#include "gateway/base/base.h"
#include "gateway/shop/fingerprint.h"

enum {
    MOVES_MAX = 16 * 1024, /* 400 KB of memory and of a snapshot; a day of 5,000
                              orders of three lines */
};

/* Numbers of movements begin at 1 and name none twice. */
enum { MOVES_NONE = 0 };

struct move {
    int64_t wall_us;
    int64_t change;   /* of what is on hand, in thousandths */
    uint64_t earlier; /* the same sku's movement before it; or MOVES_NONE */
};

struct moves {
    struct move *ring; /* owned; NULL before the first */
    uint64_t first;    /* number of the oldest that is remembered */
    uint64_t last;     /* of the newest; first - 1 if there is none */
    /* Nothing is known of what was before it. INT64_MIN: all is known. */
    int64_t known_from_us;
};

/* Knows all that was, which is nothing. */
void moves_begin(struct moves *moves);
void moves_free(struct moves *moves);
/* Nothing is known of what was before `wall_us`. */
void moves_forget(struct moves *moves, int64_t wall_us);

/* Adds one; `newest` is the number of its sku's newest movement and becomes
 * this one's. ERR_MEMORY. */
err_t moves_add(struct moves *moves, int64_t wall_us, int64_t change,
                uint64_t *newest) MUST_USE;
/* The sum of a sku's movements later than `wall_us`, and not later than
 * `now_us`: those are of a clock that was put back, and were before. */
int64_t moves_since(const struct moves *moves, uint64_t newest, int64_t wall_us,
                    int64_t now_us);

void moves_fingerprint(const struct moves *moves, struct fingerprint *print);
/* For a snapshot: with the newest movements' numbers of all skus, which their
 * owner saves. ERR_PARSE, ERR_MEMORY. */
void moves_save(const struct moves *moves, struct writer *to);
err_t moves_load(struct moves *moves, struct cursor *from) MUST_USE;

#endif
