/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/payment_outputs.h"

#include <assert.h>

#include "gateway/shop/money.h"

/* {"orderId":..,"amount":..,"currency":..,"paymentTransactionId":.. without the
 * closing brace; the last member is left out if there is no transaction. */
static struct writer begin_data(struct reaction *reaction, struct slice id,
                                int64_t amount_minor, struct slice currency,
                                struct slice transaction) {
    char text[MONEY_TEXT_MAX + 1];
    struct writer amount = writer_over(text, sizeof(text));
    money_write(&amount, amount_minor, currency);
    assert(!amount.full);
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", id);
    reaction_text(&data, "amount", writer_slice(&amount));
    reaction_text(&data, "currency", currency);
    if (transaction.len > 0) {
        reaction_text(&data, "paymentTransactionId", transaction);
    }
    return data;
}

err_t payment_publish_processed(const struct shop_event *event,
                                const char *mode, int64_t amount_minor,
                                struct slice currency, struct slice transaction,
                                struct reaction *reaction) {
    struct writer data = begin_data(reaction, event->order_id, amount_minor,
                                    currency, transaction);
    reaction_text(&data, "mode", slice_from_str(mode));
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_PAYMENT_PROCESSED, event->order_id,
                        &data);
}

err_t payment_publish_declined(const struct shop_event *event, struct slice why,
                               struct reaction *reaction) {
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", event->order_id);
    reaction_text(&data, "reason", why);
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_PAYMENT_DECLINED, event->order_id,
                        &data);
}

err_t payment_publish_requested(const struct shop_event *event,
                                int64_t amount_minor,
                                struct reaction *reaction) {
    struct writer data = begin_data(reaction, event->order_id, amount_minor,
                                    event->currency, SLICE_EMPTY);
    reaction_text(&data, "terminal", event->terminal);
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_PAYMENT_REQUESTED, event->order_id,
                        &data);
}

err_t payment_publish_refunded(const struct shop_event *event,
                               int64_t amount_minor, struct slice currency,
                               struct slice transaction,
                               struct reaction *reaction) {
    struct writer data = begin_data(reaction, event->order_id, amount_minor,
                                    currency, transaction);
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_PAYMENT_REFUNDED, event->order_id,
                        &data);
}
