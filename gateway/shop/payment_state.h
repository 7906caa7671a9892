/* SPDX-License-Identifier: Apache-2.0 */
/* What the Payment service's parts share: its state, and what it decides. */
#ifndef GATEWAY_SHOP_PAYMENT_STATE_H
#define GATEWAY_SHOP_PAYMENT_STATE_H

#include "gateway/shop/payment.h"
#include "gateway/shop/takings.h"

struct payment {
    struct table_entry entry;
    uint32_t state;
    int64_t amount_minor; /* what the order asks */
    char currency[MONEY_CURRENCY_LEN + 1];
    uint8_t terminal_len; /* 0: none was asked */
    uint8_t transaction_len;
    char terminal[SHOP_DEVICE_MAX];
    char transaction[SHOP_TRANSACTION_MAX];
    struct kept request;   /* while requested */
    struct taking *taking; /* the card's money that pays it */
    struct payment *earlier;
    struct payment *later; /* of those requested */
};

struct payments {
    struct table table;
    struct takings takings;
    char currency[MONEY_CURRENCY_LEN + 1]; /* the shop's */
    uint32_t rules;
    struct payment *oldest; /* of those requested */
    struct payment *newest;
    uint64_t open_count;
    uint64_t answers_ignored;
};

static inline struct slice payment_terminal_of(const struct payment *payment) {
    return slice_of(payment->terminal, payment->terminal_len);
}

static inline struct slice payment_currency_of(const struct payment *payment) {
    return slice_of(payment->currency, MONEY_CURRENCY_LEN);
}

static inline struct slice payment_transaction_of(
    const struct payment *payment) {
    return slice_of(payment->transaction, payment->transaction_len);
}

void payment_keep_text(char *ret, uint8_t *ret_len, struct slice text,
                       size_t size);
/* To the end of those requested. */
void payment_link_open(struct payments *payments, struct payment *payment);

/* As in struct service. */
uint64_t payment_hash(const void *self);
void payment_save(const void *self, struct writer *to);
err_t payment_load(void *self, uint32_t rules, struct cursor *from) MUST_USE;

/* Is the order's terminal asked, and is the event from it? */
bool payment_answers(const struct payment *payment,
                     const struct shop_event *event);

/* What the service publishes on an event, live only. `payment` is NULL for an
 * order that it does not know. */
typedef err_t payment_react(const struct payments *payments,
                            const struct payment *payment,
                            const struct shop_event *event,
                            struct reaction *reaction);
payment_react payment_react_created;    /* OrderCreated */
payment_react payment_react_authorized; /* PaymentAuthorized */
payment_react payment_react_refused;    /* PaymentRefused while requested */
payment_react payment_react_timed_out;  /* PaymentTimedOut */
payment_react payment_react_cancelled;  /* OrderCancelled of what is paid */

#endif
