/* SPDX-License-Identifier: Apache-2.0 */
/* Payment: cash, a card that was charged already, or a card terminal that is
 * asked; and all that a terminal took and no order has (takings.h). An order is
 * paid in full or not at all. By the present rules:
 *
 *     none ------ PaymentRequested ----> requested
 *     none ------ PaymentProcessed ----> taken       cash, charged already, 0
 *     none ------ PaymentDeclined -----> declined    a card nobody can charge
 *     requested - PaymentProcessed ----> taken       the terminal took it
 *     requested - PaymentDeclined -----> declined    the terminal did not
 *     requested - OrderCancelled ------> void
 *     requested - PaymentTimedOut -----> expired     within a run
 *     expired --- PaymentDeclined -----> void
 *     taken ----- OrderCancelled ------> refunded    PaymentRefunded follows
 *
 * PaymentRefunded, PaymentUnmatched and what answers them change what becomes
 * of the money, and no order's state. Rules 1 (release 0.2.0) knew of no money
 * but an order's: there PaymentRefunded ended the payment. */
#include "gateway/shop/payment.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/shop/payment_state.h"
#include "gateway/shop/saved.h"

struct payment_verb {
    uint8_t next;
    payment_react *react;
    err_t (*apply)(struct payments *payments, struct payment *payment,
                   const struct shop_event *event);
};

void payment_keep_text(char *ret, uint8_t *ret_len, struct slice text,
                       size_t size) {
    assert(text.len <= size);
    if (text.len > 0) {
        memcpy(ret, text.data, text.len);
    }
    *ret_len = (uint8_t)text.len;
}

static void take_terms(struct payment *payment,
                       const struct shop_event *event) {
    err_t err =
        money_parse(event->amount, event->currency, &payment->amount_minor);
    assert(err == ERR_OK);
    memcpy(payment->currency, event->currency.data, MONEY_CURRENCY_LEN);
}

void payment_link_open(struct payments *payments, struct payment *payment) {
    payment->earlier = payments->newest;
    if (payments->newest != NULL) {
        payments->newest->later = payment;
    } else {
        payments->oldest = payment;
    }
    payments->newest = payment;
    payments->open_count++;
}

static void unlink_open(struct payments *payments, struct payment *payment) {
    if (payment->earlier != NULL) {
        payment->earlier->later = payment->later;
    } else {
        payments->oldest = payment->later;
    }
    if (payment->later != NULL) {
        payment->later->earlier = payment->earlier;
    } else {
        payments->newest = payment->earlier;
    }
    payment->earlier = NULL;
    payment->later = NULL;
    payments->open_count--;
    kept_free(&payment->request);
}

static err_t apply_request(struct payments *payments, struct payment *payment,
                           const struct shop_event *event) {
    take_terms(payment, event);
    payment_keep_text(payment->terminal, &payment->terminal_len,
                      event->terminal, sizeof(payment->terminal));
    TRY(kept_set(&payment->request, event->cloud_event, event->stamp));
    payment_link_open(payments, payment);
    return ERR_OK;
}

/* The card's money, if there is any, is the order's from here on. */
static err_t take_card(struct payments *payments, struct payment *payment,
                       const struct shop_event *event) {
    const struct slice extras[] = {event->tip, event->surcharge,
                                   event->cashback};
    int64_t total = payment->amount_minor;
    if (event->transaction.len == 0 && event->terminal.len == 0) {
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof(extras) / sizeof(*extras); i++) {
        int64_t minor = 0;
        if (extras[i].len > 0 &&
            money_parse(extras[i], event->currency, &minor) == ERR_OK) {
            total += minor;
        }
    }
    return takings_pay(&payments->takings, event, total, &payment->taking);
}

static err_t apply_take(struct payments *payments, struct payment *payment,
                        const struct shop_event *event) {
    take_terms(payment, event);
    if (event->transaction.len > 0) {
        payment_keep_text(payment->transaction, &payment->transaction_len,
                          event->transaction, sizeof(payment->transaction));
    }
    if (payment->state == PAYMENT_REQUESTED) {
        unlink_open(payments, payment);
    }
    return payments->rules > SHOP_RULES_FIRST
               ? take_card(payments, payment, event)
               : ERR_OK;
}

static err_t apply_close(struct payments *payments, struct payment *payment,
                         const struct shop_event *event) {
    (void)event;
    if (payment->state == PAYMENT_REQUESTED) {
        unlink_open(payments, payment);
    }
    return ERR_OK;
}

/* A valid answer changes nothing yet: the event that follows from it does. */
static err_t apply_answer(struct payments *payments, struct payment *payment,
                          const struct shop_event *event) {
    if (!payment_answers(payment, event)) {
        payments->answers_ignored++;
    }
    return ERR_OK;
}

static err_t apply_unasked(struct payments *payments, struct payment *payment,
                           const struct shop_event *event) {
    (void)payment;
    (void)event;
    payments->answers_ignored++;
    return ERR_OK;
}

/* The same money reported again is counted; other money is taken up by the
 * event that follows. */
static err_t apply_report(struct payments *payments, struct payment *payment,
                          const struct shop_event *event) {
    (void)payment;
    if (takings_find(&payments->takings, event) != NULL) {
        payments->answers_ignored++;
    }
    return ERR_OK;
}

static err_t apply_note(struct payments *payments, struct payment *payment,
                        const struct shop_event *event) {
    (void)payment;
    return takings_note(&payments->takings, event);
}

static err_t apply_owe(struct payments *payments, struct payment *payment,
                       const struct shop_event *event) {
    return takings_owe(&payments->takings, event, payment != NULL);
}

static err_t apply_settle(struct payments *payments, struct payment *payment,
                          const struct shop_event *event) {
    (void)payment;
    takings_settle(&payments->takings, event);
    return ERR_OK;
}

/* What paid an order under the first rules pays no other one. */
static err_t take_over(struct payments *payments) {
    for (struct table_entry *at = payments->table.first; at != NULL;
         at = at->next) {
        const struct payment *payment = (const struct payment *)at;
        bool paid = payment->state == PAYMENT_TAKEN;
        if (payment->transaction_len > 0) {
            TRY(takings_import(&payments->takings, table_key(at),
                               payment_transaction_of(payment),
                               payment_terminal_of(payment), !paid));
        }
    }
    return ERR_OK;
}

static err_t apply_change(struct payments *payments, struct payment *payment,
                          const struct shop_event *event) {
    (void)payment;
    uint32_t before = payments->rules;
    assert(event->rules >= SHOP_RULES_FIRST &&
           event->rules <= SHOP_RULES_NEWEST);
    payments->rules = event->rules;
    if (event->currency.len > 0) {
        memcpy(payments->currency, event->currency.data, MONEY_CURRENCY_LEN);
    }
    if (before == SHOP_RULES_FIRST && event->rules > SHOP_RULES_FIRST) {
        return take_over(payments);
    }
    if (event->rules == SHOP_RULES_FIRST) {
        takings_free(&payments->takings);
        for (struct table_entry *at = payments->table.first; at != NULL;
             at = at->next) {
            ((struct payment *)at)->taking = NULL;
        }
    }
    return ERR_OK;
}

enum verb {
    UNFILLED,
    NEVER,
    IGNORE,
    BEGIN,
    TOOK, /* a terminal says that it took money */
    REFUSED,
    LATE_NO, /* refused after the order was cancelled: nothing to do */
    UNASKED, /* an answer without a request */
    TIMEOUT, /* the terminal let its deadline pass */
    ASK,
    TAKE,
    DECLINE,
    CLOSE,   /* declined, but for a terminal that may still take it */
    GIVE_UP, /* OrderCancelled while the terminal is asked */
    REFUND,  /* OrderCancelled with money taken */
    OWE,
    NOTE,
    SETTLE,
    CHANGE,
    OLD_AUTHORIZED, /* these three by rules 1 */
    OLD_REFUND,
    GIVEN_BACK,
};

static const struct payment_verb verbs[] = {
    [IGNORE] = {SERVICE_STAY, NULL, NULL},
    [BEGIN] = {SERVICE_STAY, payment_react_created, NULL},
    [TOOK] = {SERVICE_STAY, payment_react_authorized, apply_report},
    [REFUSED] = {SERVICE_STAY, payment_react_refused, apply_answer},
    [LATE_NO] = {SERVICE_STAY, NULL, apply_answer},
    [UNASKED] = {SERVICE_STAY, NULL, apply_unasked},
    [TIMEOUT] = {PAYMENT_EXPIRED, payment_react_timed_out, apply_close},
    [ASK] = {PAYMENT_REQUESTED, NULL, apply_request},
    [TAKE] = {PAYMENT_TAKEN, NULL, apply_take},
    [DECLINE] = {PAYMENT_DECLINED, NULL, apply_close},
    [CLOSE] = {PAYMENT_VOID, NULL, NULL},
    [GIVE_UP] = {PAYMENT_VOID, NULL, apply_close},
    [REFUND] = {PAYMENT_REFUNDED, payment_react_cancelled, NULL},
    [OWE] = {SERVICE_STAY, NULL, apply_owe},
    [NOTE] = {SERVICE_STAY, NULL, apply_note},
    [SETTLE] = {SERVICE_STAY, NULL, apply_settle},
    [CHANGE] = {SERVICE_STAY, NULL, apply_change},
    [OLD_AUTHORIZED] = {SERVICE_STAY, NULL, apply_answer},
    [OLD_REFUND] = {SERVICE_STAY, NULL, NULL},
    [GIVEN_BACK] = {PAYMENT_REFUNDED, NULL, NULL},
};

#define ROW(verb) \
    { verb, verb, verb, verb, verb, verb, verb }
/* About no order. */
#define ROW_SHOP(verb) \
    { verb, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER }

/* clang-format off */
static const uint8_t table_1[EVENT_TYPE_COUNT][PAYMENT_STATES] = {
/*                                      none     requested       taken       declined    void            refunded expired */
[EVENT_TYPE_ORDER_PLACED] =           ROW(IGNORE),
[EVENT_TYPE_ORDER_CANCEL_REQUESTED] = ROW(IGNORE),
[EVENT_TYPE_PAYMENT_AUTHORIZED] =     {UNASKED, OLD_AUTHORIZED, UNASKED,    UNASKED,    OLD_AUTHORIZED, UNASKED, NEVER},
[EVENT_TYPE_PAYMENT_REFUSED] =        {UNASKED, REFUSED,        UNASKED,    UNASKED,    LATE_NO,        UNASKED, NEVER},
[EVENT_TYPE_REFUND_CONFIRMED] =       ROW(IGNORE),
[EVENT_TYPE_REFUND_FAILED] =          ROW(IGNORE),
[EVENT_TYPE_STOCK_RECEIVED] =         ROW(IGNORE),
[EVENT_TYPE_STOCK_ADJUSTED] =         ROW(IGNORE),
[EVENT_TYPE_STOCK_COUNTED] =          ROW(IGNORE),
[EVENT_TYPE_ORDER_CREATED] =          {BEGIN,   NEVER,          NEVER,      NEVER,      NEVER,          NEVER,   NEVER},
[EVENT_TYPE_ORDER_REJECTED] =         {IGNORE,  NEVER,          NEVER,      NEVER,      NEVER,          NEVER,   NEVER},
[EVENT_TYPE_ORDER_CANCELLED] =        {NEVER,   GIVE_UP,        OLD_REFUND, IGNORE,     NEVER,          IGNORE,  NEVER},
[EVENT_TYPE_INVENTORY_RESERVED] =     ROW(IGNORE),
[EVENT_TYPE_INVENTORY_REJECTED] =     ROW(IGNORE),
[EVENT_TYPE_INVENTORY_RELEASED] =     ROW(IGNORE),
[EVENT_TYPE_INVENTORY_SHORT] =        ROW(IGNORE),
[EVENT_TYPE_STOCK_CHANGED] =          ROW(IGNORE),
[EVENT_TYPE_STOCK_LOW] =              ROW(IGNORE),
[EVENT_TYPE_PAYMENT_REQUESTED] =      {ASK,     NEVER,          NEVER,      NEVER,      NEVER,          NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_PROCESSED] =      {TAKE,    TAKE,           NEVER,      NEVER,      NEVER,          NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_DECLINED] =       {DECLINE, DECLINE,        NEVER,      NEVER,      NEVER,          NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_REFUNDED] =       {NEVER,   NEVER,          GIVEN_BACK, GIVEN_BACK, GIVEN_BACK,     NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_UNMATCHED] =      ROW(NEVER),
[EVENT_TYPE_ORDER_FULFILED] =         {NEVER,   NEVER,          IGNORE,     NEVER,      NEVER,          NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_TIMED_OUT] =      ROW(NEVER),
[EVENT_TYPE_PAYMENT_RESOLVED] =       ROW(NEVER),
[EVENT_TYPE_CONFIG_CHANGED] =         ROW_SHOP(CHANGE),
};

static const uint8_t table_2[EVENT_TYPE_COUNT][PAYMENT_STATES] = {
/*                                      none     requested taken    declined void     refunded expired */
[EVENT_TYPE_ORDER_PLACED] =           ROW(IGNORE),
[EVENT_TYPE_ORDER_CANCEL_REQUESTED] = ROW(IGNORE),
[EVENT_TYPE_PAYMENT_AUTHORIZED] =     {TOOK,    TOOK,     TOOK,    TOOK,    TOOK,    TOOK,    NEVER},
[EVENT_TYPE_PAYMENT_REFUSED] =        {UNASKED, REFUSED,  UNASKED, UNASKED, LATE_NO, UNASKED, NEVER},
[EVENT_TYPE_REFUND_CONFIRMED] =       ROW_SHOP(SETTLE),
[EVENT_TYPE_REFUND_FAILED] =          ROW_SHOP(SETTLE),
[EVENT_TYPE_STOCK_RECEIVED] =         ROW(IGNORE),
[EVENT_TYPE_STOCK_ADJUSTED] =         ROW(IGNORE),
[EVENT_TYPE_STOCK_COUNTED] =          ROW(IGNORE),
[EVENT_TYPE_ORDER_CREATED] =          {BEGIN,   NEVER,    NEVER,   NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_ORDER_REJECTED] =         {IGNORE,  NEVER,    NEVER,   NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_ORDER_CANCELLED] =        {NEVER,   GIVE_UP,  REFUND,  IGNORE,  IGNORE,  NEVER,   NEVER},
[EVENT_TYPE_INVENTORY_RESERVED] =     ROW(IGNORE),
[EVENT_TYPE_INVENTORY_REJECTED] =     ROW(IGNORE),
[EVENT_TYPE_INVENTORY_RELEASED] =     ROW(IGNORE),
[EVENT_TYPE_INVENTORY_SHORT] =        ROW(IGNORE),
[EVENT_TYPE_STOCK_CHANGED] =          ROW(IGNORE),
[EVENT_TYPE_STOCK_LOW] =              ROW(IGNORE),
[EVENT_TYPE_PAYMENT_REQUESTED] =      {ASK,     NEVER,    NEVER,   NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_PROCESSED] =      {TAKE,    TAKE,     NEVER,   NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_DECLINED] =       {DECLINE, DECLINE,  NEVER,   NEVER,   NEVER,   NEVER,   CLOSE},
[EVENT_TYPE_PAYMENT_REFUNDED] =       {OWE,     OWE,      OWE,     OWE,     OWE,     OWE,     NEVER},
[EVENT_TYPE_PAYMENT_UNMATCHED] =      ROW_SHOP(NOTE),
[EVENT_TYPE_ORDER_FULFILED] =         {NEVER,   NEVER,    IGNORE,  NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_TIMED_OUT] =      {NEVER,   TIMEOUT,  NEVER,   NEVER,   NEVER,   NEVER,   NEVER},
[EVENT_TYPE_PAYMENT_RESOLVED] =       ROW_SHOP(SETTLE),
[EVENT_TYPE_CONFIG_CHANGED] =         ROW_SHOP(CHANGE),
};
/* clang-format on */

static uint8_t verb_of(const struct payments *payments,
                       const struct payment *payment, enum event_type type) {
    uint32_t state = payment == NULL ? PAYMENT_NONE : payment->state;
    uint8_t verb = payments->rules == SHOP_RULES_FIRST ? table_1[type][state]
                                                       : table_2[type][state];
    assert(verb != UNFILLED);
    return verb;
}

/* An event that sets the payment's terms must have them, and money pays one
 * order only. */
static bool has_terms(const struct payments *payments,
                      const struct shop_event *event, uint8_t verb) {
    int64_t minor;
    if (money_parse(event->amount, event->currency, &minor) != ERR_OK) {
        return false;
    }
    return verb == ASK ? event->terminal.len > 0
                       : !takings_know(&payments->takings, event->transaction);
}

/* What is owed has a name of its own, and was not owed before. */
static bool can_owe(const struct payments *payments,
                    const struct shop_event *event) {
    const struct taking *taking = takings_find(&payments->takings, event);
    return event->refund_id.len > 0 &&
           table_find(&payments->takings.by_refund, event->refund_id) == NULL &&
           (taking == NULL || taking->state == TAKING_NOTED ||
            taking->state == TAKING_PAID);
}

static bool payment_admits(const void *self, const struct shop_event *event) {
    const struct payments *payments = self;
    uint8_t verb = verb_of(
        payments, table_find(&payments->table, event->order_id), event->type);
    switch (verb) {
    case ASK:
    case TAKE:
        return has_terms(payments, event, verb);
    case OWE:
        return can_owe(payments, event);
    case NOTE:
        return takings_find(&payments->takings, event) == NULL;
    default:
        return verb != NEVER;
    }
}

static err_t payment_react_to(const void *self, const struct shop_event *event,
                              struct reaction *reaction) {
    const struct payments *payments = self;
    const struct payment *payment =
        table_find(&payments->table, event->order_id);
    const struct payment_verb *verb =
        &verbs[verb_of(payments, payment, event->type)];
    return verb->react == NULL
               ? ERR_OK
               : verb->react(payments, payment, event, reaction);
}

static err_t payment_apply(void *self, const struct shop_event *event) {
    struct payments *payments = self;
    struct payment *payment = table_find(&payments->table, event->order_id);
    uint8_t name = verb_of(payments, payment, event->type);
    assert(name != NEVER);
    const struct payment_verb *verb = &verbs[name];
    if (payment == NULL && verb->next != SERVICE_STAY) {
        payment =
            table_add(&payments->table, event->order_id, sizeof(*payment));
        ENSURE(payment != NULL, ERR_MEMORY);
    }
    if (verb->apply != NULL) {
        TRY(verb->apply(payments, payment, event));
    }
    if (verb->next != SERVICE_STAY) {
        payment->state = verb->next;
        assert((payment->state == PAYMENT_REQUESTED) ==
               (payment->request.len > 0));
    }
    return ERR_OK;
}

static uint32_t payment_state_of(const void *self, struct slice order_id) {
    const struct payments *payments = self;
    const struct payment *payment = table_find(&payments->table, order_id);
    return payment == NULL ? PAYMENT_NONE : payment->state;
}

uint64_t payment_open_count(const void *self) {
    const struct payments *payments = self;
    return payments->open_count;
}

uint64_t payment_answers_ignored(const void *self) {
    const struct payments *payments = self;
    return payments->answers_ignored;
}

struct slice payment_terminal(const void *self, struct slice order_id) {
    const struct payments *payments = self;
    const struct payment *payment = table_find(&payments->table, order_id);
    return payment == NULL ? SLICE_EMPTY : payment_terminal_of(payment);
}

uint64_t payment_each_open(const void *self, uint64_t from_seq, uint32_t max,
                           void (*each)(void *context,
                                        const struct kept *request,
                                        struct slice terminal),
                           void *context) {
    const struct payments *payments = self;
    const struct payment *payment = payments->oldest;
    while (payment != NULL && payment->request.stamp.seq < from_seq) {
        payment = payment->later;
    }
    for (uint32_t i = 0; i < max && payment != NULL; i++) {
        each(context, &payment->request, payment_terminal_of(payment));
        payment = payment->later;
    }
    return payment == NULL ? 0 : payment->request.stamp.seq;
}

const struct shop_refunds *payment_refunds(const void *self) {
    const struct payments *payments = self;
    return &payments->takings.counts;
}

bool payment_owes(const void *self, struct slice refund_id) {
    const struct payments *payments = self;
    return takings_owe_it(&payments->takings, refund_id);
}

static void show(const struct taking *taking, struct shop_refund_view *ret) {
    *ret = (struct shop_refund_view){
        .refund_id = slice_of(taking->refund_id, taking->refund_len),
        .order_id = taking_order(taking),
        .transaction = taking_transaction(taking),
        .device = taking_terminal(taking),
        .minor = taking->amount_minor,
        .failed = taking->state == TAKING_FAILED,
        .unmatched = taking->unmatched,
        .since_us = taking->said.stamp.wall_us,
        .seq = taking->said.stamp.seq,
    };
    memcpy(ret->currency, taking->currency, sizeof(ret->currency));
}

uint64_t payment_each_refund(const void *self, uint64_t from_seq, uint32_t max,
                             void (*each)(void *context,
                                          const struct shop_refund_view *view,
                                          const struct kept *said),
                             void *context) {
    const struct payments *payments = self;
    const struct taking *taking = payments->takings.oldest;
    while (taking != NULL && taking->said.stamp.seq < from_seq) {
        taking = taking->later;
    }
    for (uint32_t i = 0; i < max && taking != NULL; i++) {
        struct shop_refund_view view;
        show(taking, &view);
        each(context, &view, &taking->said);
        taking = taking->later;
    }
    return taking == NULL ? 0 : taking->said.stamp.seq;
}

static void *payment_open(const struct service_options *options) {
    struct payments *payments = calloc(1, sizeof(*payments));
    if (payments != NULL) {
        payments->rules = options->rules;
        memcpy(payments->currency, options->currency, MONEY_CURRENCY_LEN);
    }
    return payments;
}

static void free_payment(struct table_entry *entry) {
    kept_free(&((struct payment *)entry)->request);
}

static void payment_close(void *self) {
    struct payments *payments = self;
    if (payments != NULL) {
        table_free(&payments->table, free_payment);
        takings_free(&payments->takings);
        free(payments);
    }
}

const struct service payment_service = {
    .open = payment_open,
    .close = payment_close,
    .admits = payment_admits,
    .react = payment_react_to,
    .apply = payment_apply,
    .hash = payment_hash,
    .saved_versions = {0, 1, 2},
    .save = payment_save,
    .load = payment_load,
    .state = payment_state_of,
};
