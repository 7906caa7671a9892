/* SPDX-License-Identifier: Apache-2.0 */
/* The check of an input before it is journaled. */
#include <stdlib.h>

#include "gateway/shop/shop.h"
#include "gateway/shop/shop_event.h"

/* What is taken runs by the newest rules: the shop changes to them first. */
static const struct shop_reading intake = {.rules = SHOP_RULES_NEWEST,
                                           .intake = true};

/* A CBOR item may be far shorter than its JSON (one byte becomes `false,`), and
 * what the services publish from it must fit into a frame. */
static err_t check_cbor(const struct event *input, enum event_type type,
                        struct shop_event *event, struct reason *reason) {
    size_t room = 2 * input->data.len + SHOP_CBOR_ROOM;
    uint8_t *memory = malloc(room);
    ENSURE(memory != NULL, ERR_MEMORY);
    struct arena arena = arena_over(memory, room);
    struct slice data;
    err_t err = event_data_json(input, &arena, &data, reason);
    if (err == ERR_FULL ||
        (err == ERR_OK && data.len > input->data.len + SHOP_CBOR_GROWTH_MAX)) {
        err = reason_set(reason, ERR_RANGE,
                         "data: expected CBOR that is not much longer as JSON; "
                         "leave out what is not needed");
    } else if (err == ERR_OK) {
        err = shop_event_read_data(type, data, intake, event, reason);
    } else {
        err = ERR_RANGE;
    }
    free(memory);
    return err;
}

err_t shop_check(const struct event *input, struct reason *reason) {
    enum event_type type;
    if (event_type_find(input->type, &type) != ERR_OK ||
        !event_type_is_sendable(type)) {
        return reason_set(reason, ERR_RANGE,
                          "type: \"%.*s\" is not an event that a device may "
                          "send; docs/events.md lists those",
                          SLICE_ARG(input->type));
    }
    if (!shop_event_is_read(type)) {
        return ERR_OK; /* no service listens to it: its data is anything */
    }
    struct shop_event event;
    if (input->data_kind == EVENT_DATA_CBOR) {
        return check_cbor(input, type, &event, reason);
    }
    if (input->data_kind != EVENT_DATA_JSON) {
        return reason_set(reason, ERR_RANGE,
                          "data: expected an object, in JSON or CBOR");
    }
    return shop_event_read_data(type, input->data, intake, &event, reason);
}
