/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/shop_events.h"

#include <assert.h>

#include "gateway/event/json.h"

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

err_t shop_events_timed_out(struct own_event *own, struct state *state,
                            struct slice order_id, const struct shop_bus *bus) {
    char text[DATA_MAX];
    struct writer data = writer_over(text, sizeof text);
    writer_str(&data, "{\"orderId\":");
    json_write_string(&data, order_id);
    writer_u8(&data, '}');
    ENSURE(!data.full, ERR_FULL);
    return say(own, state, EVENT_TYPE_PAYMENT_TIMED_OUT, 't',
               writer_slice(&data), bus);
}

err_t shop_events_resolved(struct own_event *own, struct state *state,
                           struct slice refund_id, struct slice how,
                           struct slice why, const struct shop_bus *bus) {
    char text[DATA_MAX];
    struct writer data = writer_over(text, sizeof text);
    writer_str(&data, "{\"refundId\":");
    json_write_string(&data, refund_id);
    writer_str(&data, ",\"how\":");
    json_write_string(&data, how);
    if (why.len > 0) {
        writer_str(&data, ",\"reason\":");
        json_write_string(&data, why);
    }
    writer_u8(&data, '}');
    ENSURE(!data.full, ERR_RANGE);
    return say(own, state, EVENT_TYPE_PAYMENT_RESOLVED, 'p',
               writer_slice(&data), bus);
}
