/* SPDX-License-Identifier: Apache-2.0 */
/* How services write their state into a snapshot and read it back: integers are
 * big-endian, a text is its length and its bytes, a table is its count and its
 * entries in the order in which they came. Reading anything else gives
 * ERR_PARSE. */
#ifndef GATEWAY_SHOP_SAVED_H
#define GATEWAY_SHOP_SAVED_H

#include "gateway/shop/kept.h"
#include "gateway/shop/table.h"

void saved_i64(struct writer *to, int64_t value);
err_t saved_i64_read(struct cursor *from, int64_t *ret) MUST_USE;

void saved_text(struct writer *to, struct slice text); /* under 64 KiB */
/* Borrows from what `from` reads; at most `max` bytes. */
err_t saved_text_read(struct cursor *from, size_t max,
                      struct slice *ret) MUST_USE;

void saved_kept(struct writer *to, const struct kept *kept);
/* Reads into an empty one.
 * ERR_PARSE also if it is not an event, ERR_MEMORY. */
err_t saved_kept_read(struct cursor *from, struct kept *ret) MUST_USE;

/* A small enumeration's value, below `end`. */
void saved_state(struct writer *to, uint32_t state);
err_t saved_state_read(struct cursor *from, uint32_t end,
                       uint32_t *ret) MUST_USE;

/* An entry's key, added to the table: ERR_PARSE if it is there already,
 * ERR_MEMORY. `size` as table_add(). */
err_t saved_entry_read(struct cursor *from, struct table *table, size_t size,
                       size_t key_max, void *ret_entry) MUST_USE;

#endif
