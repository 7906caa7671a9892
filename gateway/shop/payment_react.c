/* SPDX-License-Identifier: Apache-2.0 */
/* What the Payment service decides. Whatever a terminal says it took is the
 * order's, if the order asked this terminal for it, waits for it, and it is
 * neither more nor less; all else is owed at once to whom it was taken from.
 * The same transaction said again, under another event's id, is not money
 * again.
 */
#include <assert.h>

#include "gateway/shop/payment_outputs.h"
#include "gateway/shop/payment_state.h"

/* Charged already, with a transaction that is known. At another terminal than
 * the known one it is other money, and nobody's. */
static err_t decline_used(const struct payments *payments,
                          const struct shop_event *event,
                          const struct payment_money *money,
                          struct reaction *reaction) {
    struct slice why =
        SLICE("its paymentTransactionId was used before; each transaction "
              "pays one order");
    TRY(payment_publish_declined(event, why, reaction));
    return takings_find(&payments->takings, event) != NULL
               ? ERR_OK
               : payment_publish_refunded(event, money, why, reaction);
}

err_t payment_react_created(const struct payments *payments,
                            const struct payment *payment,
                            const struct shop_event *event,
                            struct reaction *reaction) {
    (void)payment;
    struct payment_money money = {.currency = event->currency,
                                  .transaction = event->transaction,
                                  .terminal = event->terminal};
    /* An OrderCreated is published only if its total is one. */
    err_t err = money_parse(event->total, event->currency, &money.amount_minor);
    assert(err == ERR_OK);
    if (money.amount_minor == 0) {
        money.transaction = SLICE_EMPTY;
        money.terminal = SLICE_EMPTY;
        return payment_publish_processed(event, "none", &money, reaction);
    }
    if (!event->card) {
        money.transaction = SLICE_EMPTY;
        money.terminal = SLICE_EMPTY;
        return payment_publish_processed(event, "cash", &money, reaction);
    }
    if (takings_know(&payments->takings, event->transaction)) {
        return decline_used(payments, event, &money, reaction);
    }
    if (event->transaction.len > 0) {
        return payment_publish_processed(event, "online", &money, reaction);
    }
    if (event->terminal.len > 0) {
        return payment_publish_requested(event, money.amount_minor, reaction);
    }
    return payment_publish_declined(
        event,
        SLICE("a card needs a paymentTransactionId or a "
              "terminal that can be asked"),
        reaction);
}

bool payment_answers(const struct payment *payment,
                     const struct shop_event *event) {
    return payment != NULL && payment->terminal_len > 0 &&
           slice_eq(payment_terminal_of(payment), event->device);
}

/* What the terminal took, and how it differs from what was asked. */
struct taken {
    struct payment_money money; /* in all */
    int64_t for_order_minor;    /* of it, without tip and the like */
    struct slice wrong;         /* empty: it is what was asked for */
};

/* Tip, surcharge and cashback; false if one is no amount of the currency. */
static bool read_extras(const struct shop_event *event, struct slice currency,
                        int64_t *ret_minor) {
    const struct slice extras[] = {event->tip, event->surcharge,
                                   event->cashback};
    *ret_minor = 0;
    for (size_t i = 0; i < sizeof(extras) / sizeof(*extras); i++) {
        int64_t minor = 0;
        if (extras[i].len > 0 &&
            money_parse(extras[i], currency, &minor) != ERR_OK) {
            return false;
        }
        *ret_minor += minor;
    }
    return true;
}

/* What the terminal reports, else what it was asked for: the latter also if the
 * report is impossible. If nothing was asked, or the order asks for nothing,
 * the amount may be unknown. */
static struct taken taken_of(const struct payments *payments,
                             const struct payment *payment,
                             const struct shop_event *event) {
    bool asked = payment != NULL && payment->currency[0] != '\0';
    struct slice own = asked ? payment_currency_of(payment)
                             : slice_from_str(payments->currency);
    struct taken taken = {
        .money = {.amount_minor = asked && payment->amount_minor > 0
                                      ? payment->amount_minor
                                      : TAKINGS_AMOUNT_UNKNOWN,
                  .currency = own,
                  .transaction = event->transaction,
                  .terminal = event->device,
                  .report = event->report},
    };
    bool foreign = event->currency.len > 0 && !slice_eq(event->currency, own);
    struct slice currency = foreign ? event->currency : own;
    int64_t extras = 0;
    int64_t amount = 0;
    if (!read_extras(event, currency, &extras) ||
        (event->amount.len > 0 &&
         money_parse(event->amount, currency, &amount) != ERR_OK)) {
        taken.wrong = SLICE("the terminal took what is no amount of the "
                            "order's currency");
        return taken;
    }
    if (foreign) {
        taken.wrong = SLICE("the terminal took another currency");
    }
    if (event->amount.len > 0) {
        taken.money.amount_minor = amount;
        taken.money.currency = currency;
    } else {
        extras = 0; /* intake asks for the amount beside them */
    }
    taken.for_order_minor = taken.money.amount_minor - extras;
    if (!foreign && asked && taken.for_order_minor != payment->amount_minor) {
        taken.wrong = SLICE("the terminal took another amount");
    }
    return taken;
}

static err_t publish_paid(const struct shop_event *event,
                          const struct taken *taken,
                          struct reaction *reaction) {
    struct payment_money money = taken->money;
    money.amount_minor = taken->for_order_minor;
    money.tip = event->tip;
    money.surcharge = event->surcharge;
    money.cashback = event->cashback;
    return payment_publish_processed(event, "terminal", &money, reaction);
}

static const char *late_reason(const struct payment *payment) {
    switch (payment->state) {
    case PAYMENT_REQUESTED:
        return "another terminal was asked for it";
    case PAYMENT_TAKEN:
        return "the order was paid before";
    default:
        return "the order waits for no payment any more";
    }
}

/* Money that is no order's. */
static err_t give_back(const struct payments *payments,
                       const struct payment *payment,
                       const struct shop_event *event,
                       const struct taken *taken, struct reaction *reaction) {
    const char *why = payment == NULL ? "no order is known that asked for it"
                                      : late_reason(payment);
    if (payment == NULL &&
        payments->takings.counts.unmatched < TAKINGS_UNMATCHED_MAX) {
        TRY(payment_publish_unmatched(event, &taken->money, reaction));
    }
    return payment_publish_refunded(event, &taken->money, slice_from_str(why),
                                    reaction);
}

err_t payment_react_authorized(const struct payments *payments,
                               const struct payment *payment,
                               const struct shop_event *event,
                               struct reaction *reaction) {
    bool asked =
        payment_answers(payment, event) && payment->state == PAYMENT_REQUESTED;
    struct taken taken = taken_of(payments, payment, event);
    bool same = takings_find(&payments->takings, event) != NULL;
    if (takings_know(&payments->takings, event->transaction)) {
        taken.wrong = SLICE("the transaction was used before; each pays one "
                            "order");
    }
    if (asked && taken.wrong.len == 0) {
        return publish_paid(event, &taken, reaction);
    }
    if (asked) {
        TRY(payment_publish_declined(event, taken.wrong, reaction));
    }
    if (same || taken.money.amount_minor == 0) {
        return ERR_OK; /* its money is accounted for, or it is none */
    }
#ifdef EDGE_CONTROL_KEEP_SECOND_CHARGE
    if (payment != NULL && payment->state == PAYMENT_TAKEN) {
        return ERR_OK;
    }
#endif
    return asked ? payment_publish_refunded(event, &taken.money, taken.wrong,
                                            reaction)
                 : give_back(payments, payment, event, &taken, reaction);
}

err_t payment_react_refused(const struct payments *payments,
                            const struct payment *payment,
                            const struct shop_event *event,
                            struct reaction *reaction) {
    (void)payments;
    struct slice why = event->reason.len > 0
                           ? event->reason
                           : SLICE("the terminal gave no reason");
    return payment_answers(payment, event)
               ? payment_publish_declined(event, why, reaction)
               : ERR_OK;
}

err_t payment_react_timed_out(const struct payments *payments,
                              const struct payment *payment,
                              const struct shop_event *event,
                              struct reaction *reaction) {
    (void)payments;
    (void)payment;
    return payment_publish_declined(
        event, SLICE("the terminal did not answer in time"), reaction);
}

/* What paid a cancelled order; nothing is owed of 0.00. */
err_t payment_react_cancelled(const struct payments *payments,
                              const struct payment *payment,
                              const struct shop_event *event,
                              struct reaction *reaction) {
    (void)payments;
    const struct taking *taking = payment->taking;
    assert(payment->state == PAYMENT_TAKEN);
    assert(taking == NULL || taking->state == TAKING_PAID);
    struct payment_money money = {.amount_minor = payment->amount_minor,
                                  .currency = payment_currency_of(payment)};
    if (taking != NULL) {
        money.transaction = taking_transaction(taking);
        money.terminal = taking_terminal(taking);
        money.report = taking_report(taking);
    }
    if (taking != NULL && taking->amount_minor != TAKINGS_AMOUNT_UNKNOWN) {
        money.amount_minor = taking->amount_minor;
    }
    if (money.amount_minor == 0) {
        return ERR_OK;
    }
    return payment_publish_refunded(event, &money,
                                    SLICE("the order was cancelled"), reaction);
}
