/* SPDX-License-Identifier: Apache-2.0 */
/* The money that terminals say they took, a transaction each, and what becomes
 * of it. Every one is in exactly one of these states:
 *
 *     paid ----- PaymentRefunded ----> owed       its order was cancelled
 *     noted ---- PaymentRefunded ----> owed       nobody's order (unmatched)
 *     none ----- PaymentRefunded ----> owed       taken twice, late, wrong
 *     none ----- PaymentProcessed ---> paid
 *     none ----- PaymentUnmatched ---> noted      only within a run
 *     owed ----- RefundFailed -------> failed     a person has to see to it
 *     owed, failed - RefundConfirmed, PaymentResolved --> closed
 *
 * Cash is here from the moment when it is owed. No timer closes anything.
 * Money that is owed is said to whom it concerns again and again. Kept by the
 * Payment service; one without an order is kept only as long as there are not
 * TAKINGS_UNMATCHED_MAX of them, and is said once otherwise. */
#ifndef GATEWAY_SHOP_TAKINGS_H
#define GATEWAY_SHOP_TAKINGS_H

#include "gateway/shop/kept.h"
#include "gateway/shop/money.h"
#include "gateway/shop/refund_view.h"
#include "gateway/shop/shop_event.h"
#include "gateway/shop/table.h"

enum {
    TAKINGS_UNMATCHED_MAX = 10 * 1000,
    TAKINGS_AMOUNT_UNKNOWN = -1,
};

enum taking_state {
    TAKING_NOTED,
    TAKING_PAID,
    TAKING_OWED,
    TAKING_FAILED,
    TAKING_CLOSED,
    TAKING_STATES,
};

struct taking {
    struct table_entry entry; /* its key tells transaction and terminal */
    uint32_t state;
    bool unmatched; /* no order is known that asked for it */
    uint8_t terminal_len;
    uint8_t transaction_len;
    uint8_t order_len;
    uint8_t refund_len;
    char currency[MONEY_CURRENCY_LEN + 1]; /* empty if the amount is unknown */
    char terminal[SHOP_DEVICE_MAX];        /* that took it; none: the till */
    char order_id[SHOP_ORDER_ID_MAX];
    char refund_id[SHOP_REFUND_ID_MAX]; /* of what is or was owed */
    int64_t amount_minor;               /* all of it, tips included */
    struct kept said;       /* the PaymentRefunded, while owed or failed */
    struct taking *earlier; /* of those with `said`, in the journal's order */
    struct taking *later;
};

struct takings {
    struct table table;
    struct table by_refund;
    struct taking *oldest;
    struct taking *newest;
    struct shop_refunds counts;
    bool rough; /* a sum in `counts` does not hold all that is open */
};

void takings_free(struct takings *takings); /* it is empty afterwards */

struct slice taking_terminal(const struct taking *taking);
struct slice taking_transaction(const struct taking *taking);
struct slice taking_order(const struct taking *taking);
/* Of one without a transaction: the id of the event that reported it. */
struct slice taking_report(const struct taking *taking);

/* The same money as `event` is about: the same transaction at the same
 * terminal, where one that is not known could be any; without a transaction the
 * same report, or an order's cash. NULL. */
struct taking *takings_find(const struct takings *takings,
                            const struct shop_event *event);
/* Does anybody's money have this transaction's id? */
bool takings_know(const struct takings *takings, struct slice transaction);

/* Is this refund open? */
bool takings_owe_it(const struct takings *takings, struct slice refund_id);

/* PaymentProcessed with a card: the order has this money. ERR_MEMORY. */
err_t takings_pay(struct takings *takings, const struct shop_event *event,
                  int64_t amount_minor, struct taking **ret) MUST_USE;
/* PaymentUnmatched. ERR_MEMORY. */
err_t takings_note(struct takings *takings,
                   const struct shop_event *event) MUST_USE;
/* PaymentRefunded. `known`: of an order that is. ERR_MEMORY. */
err_t takings_owe(struct takings *takings, const struct shop_event *event,
                  bool known) MUST_USE;
/* RefundConfirmed, RefundFailed or PaymentResolved. */
void takings_settle(struct takings *takings, const struct shop_event *event);
/* What rules before these knew: `closed` if it is not paid any more. */
err_t takings_import(struct takings *takings, struct slice order_id,
                     struct slice transaction, struct slice terminal,
                     bool closed) MUST_USE;

uint64_t takings_hash(const struct takings *takings);
void takings_save(const struct takings *takings, struct writer *to);
/* Into an empty one. ERR_PARSE, ERR_MEMORY. */
err_t takings_load(struct takings *takings, struct cursor *from) MUST_USE;

#endif
