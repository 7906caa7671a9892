/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/event_source.h"

#include <assert.h>

err_t event_source_parse(struct slice source, struct slice store,
                         struct slice *ret_name) {
    assert(store.len > 0);
    struct cursor in = cursor_over(source);
    struct slice found;
    uint8_t slash;
    TRY(cursor_u8(&in, &slash));
    ENSURE(slash == '/', ERR_PARSE);
    TRY(cursor_take(&in, store.len, &found));
    ENSURE(slice_eq(found, store), ERR_PARSE);
    TRY(cursor_u8(&in, &slash));
    ENSURE(slash == '/', ERR_PARSE);
    size_t len = cursor_left(&in);
    ENSURE(len > 0 && len <= EVENT_SOURCE_NAME_MAX, ERR_PARSE);
    TRY(cursor_take(&in, len, &found));
    ENSURE(memchr(found.data, '/', found.len) == NULL, ERR_PARSE);
    *ret_name = found;
    return ERR_OK;
}

void event_source_write(struct writer *writer, struct slice store,
                        struct slice name) {
    assert(store.len > 0 && name.len > 0);
    writer_u8(writer, '/');
    writer_slice_add(writer, store);
    writer_u8(writer, '/');
    writer_slice_add(writer, name);
}
