/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/judge.h"

#include <stdlib.h>

#include "gateway/shop/inventory.h"
#include "gateway/shop/shop_event.h"
#include "gateway/shop/shop_parts.h"

enum { FORMS_SIZE = SHOP_ITEMS_MAX * SHOP_SKU_MAX }; /* of all skus */

static err_t judge(const struct shop *shop, const struct event *input,
                   enum event_type type, int64_t wall_us, struct arena *arena,
                   struct reason *reason) {
    const struct shop_reading reading = {.rules = SHOP_RULES_NEWEST,
                                         .intake = true};
    struct slice data;
    struct shop_event event;
    TRY(event_data_json(input, arena, &data, reason));
    TRY(shop_event_read_data(type, data, reading, &event, reason));
    event.cloud_event = input;
    event.stamp.wall_us = wall_us;
    return inventory_check(shop->services[SHOP_INVENTORY], &event, arena,
                           reason);
}

err_t shop_judge(const struct shop *shop, const struct event *input,
                 int64_t wall_us, struct reason *reason) {
    enum event_type type;
    if (event_type_find(input->type, &type) != ERR_OK ||
        !inventory_checks(type)) {
        return ERR_OK;
    }
    size_t room = FORMS_SIZE;
    if (input->data_kind == EVENT_DATA_CBOR) {
        room += 2 * input->data.len + SHOP_CBOR_ROOM;
    }
    uint8_t *memory = malloc(room);
    ENSURE(memory != NULL, ERR_MEMORY);
    struct arena arena = arena_over(memory, room);
    err_t err = judge(shop, input, type, wall_us, &arena, reason);
    free(memory);
    return err;
}

err_t shop_check_older(const struct shop *shop, struct reason *reason) {
    return inventory_check_whole(shop->services[SHOP_INVENTORY], reason);
}
