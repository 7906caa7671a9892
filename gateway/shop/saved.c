/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/saved.h"

#include <assert.h>
#include <stdlib.h>

void saved_i64(struct writer *to, int64_t value) {
    writer_u64(to, (uint64_t)value);
}

err_t saved_i64_read(struct cursor *from, int64_t *ret) {
    uint64_t value;
    TRY(cursor_u64(from, &value));
    *ret = (int64_t)value;
    return ERR_OK;
}

void saved_text(struct writer *to, struct slice text) {
    assert(text.len <= UINT16_MAX);
    writer_u16(to, (uint16_t)text.len);
    writer_slice_add(to, text);
}

err_t saved_text_read(struct cursor *from, size_t max, struct slice *ret) {
    uint16_t len;
    TRY(cursor_u16(from, &len));
    ENSURE(len <= max, ERR_PARSE);
    return cursor_take(from, len, ret);
}

void saved_kept(struct writer *to, const struct kept *kept) {
    writer_u32(to, (uint32_t)kept->len);
    writer_slice_add(to, slice_of(kept->data, kept->len));
    writer_u64(to, kept->stamp.seq);
    saved_i64(to, kept->stamp.wall_us);
}

err_t saved_kept_read(struct cursor *from, struct kept *ret) {
    uint32_t len;
    struct slice stored;
    struct shop_stamp stamp;
    TRY(cursor_u32(from, &len));
    TRY(cursor_take(from, len, &stored));
    TRY(cursor_u64(from, &stamp.seq));
    TRY(saved_i64_read(from, &stamp.wall_us));
    if (len == 0) {
        return ERR_OK;
    }
    struct event event;
    ENSURE(event_load(stored, &event) == ERR_OK, ERR_PARSE);
    return kept_set(ret, &event, stamp);
}

void saved_state(struct writer *to, uint32_t state) {
    assert(state <= UINT8_MAX);
    writer_u8(to, (uint8_t)state);
}

err_t saved_state_read(struct cursor *from, uint32_t end, uint32_t *ret) {
    uint8_t state;
    TRY(cursor_u8(from, &state));
    ENSURE(state < end, ERR_PARSE);
    *ret = state;
    return ERR_OK;
}

err_t saved_entry_read(struct cursor *from, struct table *table, size_t size,
                       size_t key_max, void *ret_entry) {
    struct slice key;
    TRY(saved_text_read(from, key_max, &key));
    ENSURE(key.len > 0 && table_find(table, key) == NULL, ERR_PARSE);
    void *entry = table_add(table, key, size);
    ENSURE(entry != NULL, ERR_MEMORY);
    memcpy(ret_entry, &entry, sizeof entry);
    return ERR_OK;
}
