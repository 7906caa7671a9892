/* SPDX-License-Identifier: Apache-2.0 */
/* Payment: cash, a card that was charged already, or a card terminal that is
 * asked.
 *
 *     none ------ PaymentRequested ----> requested
 *     none ------ PaymentProcessed ----> taken       cash, or charged already
 *     none ------ PaymentDeclined -----> declined    a card nobody can charge
 *     requested - PaymentProcessed ----> taken       the terminal took it
 *     requested - PaymentDeclined -----> declined    the terminal did not
 *     requested - OrderCancelled ------> void
 *     taken ----- PaymentRefunded -----> refunded    after OrderCancelled
 *     void ------ PaymentRefunded -----> refunded    it was taken too late
 *     declined -- PaymentRefunded -----> refunded    it was the wrong amount
 *
 * An order is paid in full or not at all. If a terminal took another amount or
 * currency than it was asked for, the payment is declined and what it took is
 * refunded. Money that a terminal took after the order was cancelled is
 * refunded. Only the terminal that was asked may answer, and once; other
 * answers are counted and change nothing. */
#include "gateway/shop/payment.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/shop/money.h"
#include "gateway/shop/payment_outputs.h"
#include "gateway/shop/saved.h"

struct payment {
    struct table_entry entry;
    uint32_t state;
    int64_t amount_minor;
    char currency[MONEY_CURRENCY_LEN + 1];
    uint8_t terminal_len; /* 0: none was asked */
    uint8_t transaction_len;
    char terminal[SHOP_DEVICE_MAX];
    char transaction[SHOP_TRANSACTION_MAX];
    struct kept request; /* while requested */
    struct payment *earlier;
    struct payment *later; /* of those requested */
};

struct payments {
    struct table table;
    struct payment *oldest; /* of those requested */
    struct payment *newest;
    uint64_t open_count;
    uint64_t answers_ignored;
};

struct payment_verb {
    uint8_t next;
    err_t (*react)(const struct payment *payment,
                   const struct shop_event *event, struct reaction *reaction);
    err_t (*apply)(struct payments *payments, struct payment *payment,
                   const struct shop_event *event);
};

static struct slice terminal_of(const struct payment *payment) {
    return slice_of(payment->terminal, payment->terminal_len);
}

static struct slice transaction_of(const struct payment *payment) {
    return slice_of(payment->transaction, payment->transaction_len);
}

static struct slice currency_of(const struct payment *payment) {
    return slice_of(payment->currency, MONEY_CURRENCY_LEN);
}

static err_t react_begin(const struct payment *payment,
                         const struct shop_event *event,
                         struct reaction *reaction) {
    (void)payment;
    int64_t amount = 0;
    /* An OrderCreated is read only if its total is one. */
    err_t err = money_parse(event->total, event->currency, &amount);
    assert(err == ERR_OK);
    if (!event->card) {
        return payment_publish_processed(event, "cash", amount, event->currency,
                                         SLICE_EMPTY, reaction);
    }
    if (event->transaction.len > 0) {
        return payment_publish_processed(event, "online", amount,
                                         event->currency, event->transaction,
                                         reaction);
    }
    if (event->terminal.len > 0) {
        return payment_publish_requested(event, amount, reaction);
    }
    return payment_publish_declined(
        event,
        SLICE("a card needs a paymentTransactionId or a "
              "terminal that can be asked"),
        reaction);
}

static bool answers(const struct payment *payment,
                    const struct shop_event *event) {
    return payment != NULL && payment->terminal_len > 0 &&
           slice_eq(terminal_of(payment), event->device);
}

/* What the terminal took, and how it differs from the request. */
struct taken {
    int64_t amount_minor;
    struct slice currency;
    struct slice wrong; /* empty: it is what was asked for */
};

/* What the terminal reports, else what it was asked for. The latter is also
 * refunded if the report is impossible: an amount that the order's currency
 * cannot have, or another currency without an amount. */
static struct taken taken_of(const struct payment *payment,
                             const struct shop_event *event) {
    struct taken taken = {payment->amount_minor, currency_of(payment),
                          SLICE_EMPTY};
    bool foreign = event->currency.len > 0 &&
                   !slice_eq(event->currency, currency_of(payment));
    if (foreign) {
        taken.wrong = SLICE("the terminal took another currency");
    }
    if (event->amount.len == 0) {
        return taken;
    }
    struct slice currency = foreign ? event->currency : taken.currency;
    int64_t amount;
    if (money_parse(event->amount, currency, &amount) != ERR_OK) {
        taken.wrong = SLICE("the terminal took what is no amount of the "
                            "order's currency");
        return taken;
    }
    if (!foreign && amount != payment->amount_minor) {
        taken.wrong = SLICE("the terminal took another amount");
    }
    taken.amount_minor = amount;
    taken.currency = currency;
    return taken;
}

static err_t react_authorized(const struct payment *payment,
                              const struct shop_event *event,
                              struct reaction *reaction) {
    if (!answers(payment, event)) {
        return ERR_OK;
    }
    struct taken taken = taken_of(payment, event);
    if (taken.wrong.len == 0) {
        return payment_publish_processed(event, "terminal", taken.amount_minor,
                                         taken.currency, event->transaction,
                                         reaction);
    }
    TRY(payment_publish_declined(event, taken.wrong, reaction));
    return payment_publish_refunded(event, taken.amount_minor, taken.currency,
                                    event->transaction, reaction);
}

static err_t react_refused(const struct payment *payment,
                           const struct shop_event *event,
                           struct reaction *reaction) {
    struct slice why = event->reason.len > 0
                           ? event->reason
                           : SLICE("the terminal gave no reason");
    return answers(payment, event)
               ? payment_publish_declined(event, why, reaction)
               : ERR_OK;
}

static err_t react_late(const struct payment *payment,
                        const struct shop_event *event,
                        struct reaction *reaction) {
    if (!answers(payment, event)) {
        return ERR_OK;
    }
    struct taken taken = taken_of(payment, event);
    return payment_publish_refunded(event, taken.amount_minor, taken.currency,
                                    event->transaction, reaction);
}

static err_t react_refund(const struct payment *payment,
                          const struct shop_event *event,
                          struct reaction *reaction) {
#ifdef EDGE_CONTROL_DOUBLE_REFUND
    TRY(payment_publish_refunded(event, payment->amount_minor,
                                 currency_of(payment), transaction_of(payment),
                                 reaction));
#endif
    return payment_publish_refunded(event, payment->amount_minor,
                                    currency_of(payment),
                                    transaction_of(payment), reaction);
}

static void keep_text(char *ret, uint8_t *ret_len, struct slice text,
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

static void link_open(struct payments *payments, struct payment *payment) {
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
    keep_text(payment->terminal, &payment->terminal_len, event->terminal,
              sizeof(payment->terminal));
    TRY(kept_set(&payment->request, event->cloud_event, event->stamp));
    link_open(payments, payment);
    return ERR_OK;
}

static err_t apply_take(struct payments *payments, struct payment *payment,
                        const struct shop_event *event) {
    take_terms(payment, event);
    if (event->transaction.len > 0) {
        keep_text(payment->transaction, &payment->transaction_len,
                  event->transaction, sizeof(payment->transaction));
    }
    if (payment->state == PAYMENT_REQUESTED) {
        unlink_open(payments, payment);
    }
    return ERR_OK;
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
    if (!answers(payment, event)) {
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

enum verb {
    UNFILLED,
    NEVER,
    IGNORE,
    BEGIN,
    AUTHORIZED,
    REFUSED,
    LATE,    /* authorized after the order was cancelled */
    LATE_NO, /* refused after the order was cancelled: nothing to do */
    UNASKED, /* an answer without a request */
    ASK,
    TAKE,
    DECLINE,
    REFUND,  /* OrderCancelled with money taken: refunds it */
    GIVE_UP, /* OrderCancelled while the terminal is asked */
    GIVEN_BACK,
};

static const struct payment_verb verbs[] = {
    [IGNORE] = {SERVICE_STAY, NULL, NULL},
    [BEGIN] = {SERVICE_STAY, react_begin, NULL},
    [AUTHORIZED] = {SERVICE_STAY, react_authorized, apply_answer},
    [REFUSED] = {SERVICE_STAY, react_refused, apply_answer},
    [LATE] = {SERVICE_STAY, react_late, apply_answer},
    [LATE_NO] = {SERVICE_STAY, NULL, apply_answer},
    [UNASKED] = {SERVICE_STAY, NULL, apply_unasked},
    [ASK] = {PAYMENT_REQUESTED, NULL, apply_request},
    [TAKE] = {PAYMENT_TAKEN, NULL, apply_take},
    [DECLINE] = {PAYMENT_DECLINED, NULL, apply_close},
    [REFUND] = {SERVICE_STAY, react_refund, NULL},
    [GIVE_UP] = {PAYMENT_VOID, NULL, apply_close},
    [GIVEN_BACK] = {PAYMENT_REFUNDED, NULL, NULL},
};

#ifdef EDGE_CONTROL_DOUBLE_REFUND
#define GIVEN_BACK_TWICE IGNORE
#else
#define GIVEN_BACK_TWICE NEVER
#endif
#define ROW_IGNORE \
    { IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE }

/* clang-format off */
static const uint8_t table[EVENT_TYPE_COUNT][PAYMENT_STATES] = {
/*                                      none     requested   taken    declined    void        refunded */
[EVENT_TYPE_ORDER_PLACED] =           ROW_IGNORE,
[EVENT_TYPE_ORDER_CANCEL_REQUESTED] = ROW_IGNORE,
[EVENT_TYPE_PAYMENT_AUTHORIZED] =     {UNASKED, AUTHORIZED, UNASKED, UNASKED,    LATE,       UNASKED},
[EVENT_TYPE_PAYMENT_REFUSED] =        {UNASKED, REFUSED,    UNASKED, UNASKED,    LATE_NO,    UNASKED},
[EVENT_TYPE_STOCK_RECEIVED] =         ROW_IGNORE,
[EVENT_TYPE_STOCK_ADJUSTED] =         ROW_IGNORE,
[EVENT_TYPE_STOCK_COUNTED] =          ROW_IGNORE,
[EVENT_TYPE_ORDER_CREATED] =          {BEGIN,   NEVER,      NEVER,   NEVER,      NEVER,      NEVER},
[EVENT_TYPE_ORDER_REJECTED] =         {IGNORE,  NEVER,      NEVER,   NEVER,      NEVER,      NEVER},
[EVENT_TYPE_ORDER_CANCELLED] =        {NEVER,   GIVE_UP,    REFUND,  IGNORE,     NEVER,      IGNORE},
[EVENT_TYPE_INVENTORY_RESERVED] =     ROW_IGNORE,
[EVENT_TYPE_INVENTORY_REJECTED] =     ROW_IGNORE,
[EVENT_TYPE_INVENTORY_RELEASED] =     ROW_IGNORE,
[EVENT_TYPE_INVENTORY_SHORT] =        ROW_IGNORE,
[EVENT_TYPE_STOCK_CHANGED] =          ROW_IGNORE,
[EVENT_TYPE_STOCK_LOW] =              ROW_IGNORE,
[EVENT_TYPE_PAYMENT_REQUESTED] =      {ASK,     NEVER,      NEVER,   NEVER,      NEVER,      NEVER},
[EVENT_TYPE_PAYMENT_PROCESSED] =      {TAKE,    TAKE,       NEVER,   NEVER,      NEVER,      NEVER},
[EVENT_TYPE_PAYMENT_DECLINED] =       {DECLINE, DECLINE,    NEVER,   NEVER,      NEVER,      NEVER},
[EVENT_TYPE_PAYMENT_REFUNDED] =       {NEVER,   NEVER,      GIVEN_BACK, GIVEN_BACK, GIVEN_BACK, GIVEN_BACK_TWICE},
[EVENT_TYPE_ORDER_FULFILED] =         {NEVER,   NEVER,      IGNORE,  NEVER,      NEVER,      NEVER},
[EVENT_TYPE_CONFIG_CHANGED] =         ROW_IGNORE,
};
/* clang-format on */

static uint8_t verb_of(const struct payment *payment, enum event_type type) {
    uint8_t verb = table[type][payment == NULL ? PAYMENT_NONE : payment->state];
    assert(verb != UNFILLED);
    return verb;
}

/* An event that sets the payment's terms must have them. */
static bool has_terms(const struct shop_event *event, uint8_t verb) {
    int64_t minor;
    return money_parse(event->amount, event->currency, &minor) == ERR_OK &&
           (verb != ASK || event->terminal.len > 0);
}

static bool payment_admits(const void *self, const struct shop_event *event) {
    const struct payments *payments = self;
    uint8_t verb =
        verb_of(table_find(&payments->table, event->order_id), event->type);
    if (verb == ASK || verb == TAKE) {
        return has_terms(event, verb);
    }
    return verb != NEVER;
}

static err_t payment_react(const void *self, const struct shop_event *event,
                           struct reaction *reaction) {
    const struct payments *payments = self;
    const struct payment *payment =
        table_find(&payments->table, event->order_id);
    const struct payment_verb *verb = &verbs[verb_of(payment, event->type)];
    return verb->react == NULL ? ERR_OK : verb->react(payment, event, reaction);
}

static err_t payment_apply(void *self, const struct shop_event *event) {
    struct payments *payments = self;
    struct payment *payment = table_find(&payments->table, event->order_id);
    uint8_t name = verb_of(payment, event->type);
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
    return payment == NULL ? SLICE_EMPTY : terminal_of(payment);
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
        each(context, &payment->request, terminal_of(payment));
        payment = payment->later;
    }
    return payment == NULL ? 0 : payment->request.stamp.seq;
}

static uint64_t one_hash(const struct payment *payment) {
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_slice(&print, table_key(&payment->entry));
    fingerprint_u64(&print, payment->state);
    fingerprint_u64(&print, (uint64_t)payment->amount_minor);
    fingerprint_slice(&print, slice_from_str(payment->currency));
    fingerprint_slice(&print, terminal_of(payment));
    fingerprint_slice(&print, transaction_of(payment));
    kept_fingerprint(&payment->request, &print);
    return fingerprint_end(&print);
}

/* The entries' hashes are summed, so their order does not matter. */
static uint64_t payment_hash(const void *self) {
    const struct payments *payments = self;
    uint64_t sum = 0;
    for (const struct table_entry *at = payments->table.first; at != NULL;
         at = at->next) {
        sum += one_hash((const struct payment *)at);
    }
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_u64(&print, sum);
    fingerprint_u64(&print, payments->table.count);
    fingerprint_u64(&print, payments->open_count);
    fingerprint_u64(&print, payments->answers_ignored);
    return fingerprint_end(&print);
}

static void payment_save(const void *self, struct writer *to) {
    const struct payments *payments = self;
    writer_u64(to, payments->answers_ignored);
    writer_u64(to, payments->table.count);
    for (const struct table_entry *at = payments->table.first; at != NULL;
         at = at->next) {
        const struct payment *payment = (const struct payment *)at;
        saved_text(to, table_key(at));
        saved_state(to, payment->state);
        saved_i64(to, payment->amount_minor);
        saved_text(to, slice_from_str(payment->currency));
        saved_text(to, terminal_of(payment));
        saved_text(to, transaction_of(payment));
        saved_kept(to, &payment->request);
    }
}

static err_t load_payment(struct payments *payments, struct cursor *from) {
    struct payment *payment;
    struct slice currency;
    struct slice terminal;
    struct slice transaction;
    TRY(saved_entry_read(from, &payments->table, sizeof(*payment),
                         SHOP_ORDER_ID_MAX, &payment));
    TRY(saved_state_read(from, PAYMENT_STATES, &payment->state));
    TRY(saved_i64_read(from, &payment->amount_minor));
    TRY(saved_text_read(from, MONEY_CURRENCY_LEN, &currency));
    TRY(saved_text_read(from, sizeof(payment->terminal), &terminal));
    TRY(saved_text_read(from, sizeof(payment->transaction), &transaction));
    TRY(saved_kept_read(from, &payment->request));
    if (currency.len > 0) { /* a payment declined at once has no terms */
        memcpy(payment->currency, currency.data, currency.len);
    }
    keep_text(payment->terminal, &payment->terminal_len, terminal,
              sizeof(payment->terminal));
    keep_text(payment->transaction, &payment->transaction_len, transaction,
              sizeof(payment->transaction));
    bool open = payment->state == PAYMENT_REQUESTED;
    ENSURE(open == (payment->request.len > 0), ERR_PARSE);
    if (open) { /* the table is in the order of the requests */
        link_open(payments, payment);
    }
    return ERR_OK;
}

static err_t payment_load(void *self, uint32_t rules, struct cursor *from) {
    (void)rules;
    struct payments *payments = self;
    uint64_t count;
    TRY(cursor_u64(from, &payments->answers_ignored));
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(load_payment(payments, from));
    }
    return ERR_OK;
}

static void *payment_open(const struct service_options *options) {
    (void)options;
    return calloc(1, sizeof(struct payments));
}

static void free_payment(struct table_entry *entry) {
    kept_free(&((struct payment *)entry)->request);
}

static void payment_close(void *self) {
    struct payments *payments = self;
    if (payments != NULL) {
        table_free(&payments->table, free_payment);
        free(payments);
    }
}

const struct service payment_service = {
    .open = payment_open,
    .close = payment_close,
    .admits = payment_admits,
    .react = payment_react,
    .apply = payment_apply,
    .hash = payment_hash,
    .saved_versions = {0, 1, 1},
    .save = payment_save,
    .load = payment_load,
    .state = payment_state_of,
};
