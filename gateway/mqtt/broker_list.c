/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_list.h"

#include <assert.h>
#include <stdlib.h>

enum { ROOM_FIRST = 256 };

err_t broker_list_grow(void **list, size_t *room, size_t count, size_t size) {
    assert(count <= *room && size > 0);
    if (count < *room) {
        return ERR_OK;
    }
    size_t more = *room == 0 ? ROOM_FIRST : 2 * *room;
    void *larger = realloc(*list, more * size);
    ENSURE(larger != NULL, ERR_MEMORY);
    *list = larger;
    *room = more;
    return ERR_OK;
}

int broker_list_by_number(const void *a, const void *b) {
    uint64_t x;
    uint64_t y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}
