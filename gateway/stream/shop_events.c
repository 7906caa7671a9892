/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/shop_events.h"

#include <assert.h>

enum { DATA_MAX = 1024 };

/* Appends an event of the gateway's own and runs it through the shop. */
static err_t say(struct own_event *own, struct state *state,
                 enum event_type type, char mark, struct slice data,
                 const struct shop_bus *bus) {
    const struct shop_stamp at = {batch_end(own->batch),
                                  batch_begin(own->batch).wall_us};
    struct own_event_made made;
    own_event_make(own, type, mark, data, at, &made);
    struct shop_stamp stamp;
    TRY(batch_append(own->batch, &made.event, &stamp));
    assert(stamp.seq == at.seq);
    return shop_run_own(state_shop(state), &made.event, stamp, bus);
}

err_t shop_events_config(struct own_event *own, struct state *state,
                         const struct shop_bus *bus) {
    const struct shop *shop = state_shop(state);
    if (shop == NULL || shop_is_current(shop)) {
        return ERR_OK;
    }
    char text[DATA_MAX];
    struct writer data = writer_over(text, sizeof text);
    shop_config(shop, SHOP_RULES_NEWEST, &data);
    ENSURE(!data.full, ERR_FULL);
    return say(own, state, EVENT_TYPE_CONFIG_CHANGED, 'c', writer_slice(&data),
               bus);
}

err_t shop_events_begin(struct own_event *own, struct state *state,
                        const struct shop_bus *bus) {
    if (batch_end(own->batch) == 0 || !batch_has_room(own->batch)) {
        return ERR_OK;
    }
    return shop_events_config(own, state, bus);
}
