/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/payment_outputs.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/shop/money.h"

static void add_text(struct writer *data, const char *name, struct slice text) {
    if (text.len > 0) {
        reaction_text(data, name, text);
    }
}

/* {"orderId":..,"amount":..,"currency":..,"paymentTransactionId":.. without the
 * closing brace; what is not known is left out. */
static struct writer begin_data(struct reaction *reaction, struct slice id,
                                const struct payment_money *money) {
    struct writer data = reaction_begin(reaction);
    writer_u8(&data, '{');
    reaction_text(&data, "orderId", id);
    if (money->amount_minor >= 0) {
        char text[MONEY_TEXT_MAX + 8];
        struct writer amount = writer_over(text, sizeof(text));
        money_write(&amount, money->amount_minor, money->currency);
        assert(!amount.full);
        reaction_text(&data, "amount", writer_slice(&amount));
        reaction_text(&data, "currency", money->currency);
    }
    add_text(&data, "paymentTransactionId", money->transaction);
    return data;
}

/* Who has the money, and its report if it has no transaction. */
static void add_place(struct writer *data, const struct payment_money *money) {
    add_text(data, "terminal", money->terminal);
    if (money->transaction.len == 0) {
        add_text(data, "reportId", money->report);
    }
}

err_t payment_publish_processed(const struct shop_event *event,
                                const char *mode,
                                const struct payment_money *money,
                                struct reaction *reaction) {
    struct writer data = begin_data(reaction, event->order_id, money);
    reaction_text(&data, "mode", slice_from_str(mode));
    add_place(&data, money);
    add_text(&data, "tip", money->tip);
    add_text(&data, "surcharge", money->surcharge);
    add_text(&data, "cashback", money->cashback);
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
    const struct payment_money money = {.amount_minor = amount_minor,
                                        .currency = event->currency};
    struct writer data = begin_data(reaction, event->order_id, &money);
    reaction_text(&data, "terminal", event->terminal);
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_PAYMENT_REQUESTED, event->order_id,
                        &data);
}

err_t payment_publish_unmatched(const struct shop_event *event,
                                const struct payment_money *money,
                                struct reaction *reaction) {
    struct writer data = begin_data(reaction, event->order_id, money);
    add_place(&data, money);
    writer_u8(&data, '}');
    return reaction_add(reaction, EVENT_TYPE_PAYMENT_UNMATCHED, event->order_id,
                        &data);
}

/* Made of the cause's number and of how many it has led to, in this life: a box
 * that was wiped, or set back to a backup, does not give it again. */
static void add_refund_id(struct writer *data, const struct shop_event *event,
                          uint32_t number) {
    char text[SHOP_REFUND_ID_MAX];
    struct writer id = writer_over(text, sizeof(text));
    writer_printf(&id, "r-%s-%" PRIu64 "-%" PRIu32, event->life_hex,
                  event->stamp.seq, number);
    assert(!id.full);
    reaction_text(data, "refundId", writer_slice(&id));
}

err_t payment_publish_refunded(const struct shop_event *event,
                               const struct payment_money *money,
                               struct slice why, struct reaction *reaction) {
    struct writer data = begin_data(reaction, event->order_id, money);
    add_place(&data, money);
    add_refund_id(&data, event, reaction->count + 1);
    reaction_text(&data, "reason", why);
    writer_u8(&data, '}');
    TRY(reaction_add(reaction, EVENT_TYPE_PAYMENT_REFUNDED, event->order_id,
                     &data));
    return reaction_tell(reaction, money->terminal);
}
