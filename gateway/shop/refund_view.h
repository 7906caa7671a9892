/* SPDX-License-Identifier: Apache-2.0 */
/* Money that is owed to customers, for who watches the shop. */
#ifndef GATEWAY_SHOP_REFUND_VIEW_H
#define GATEWAY_SHOP_REFUND_VIEW_H

#include "gateway/base/base.h"
#include "gateway/event/event.h"
#include "gateway/shop/limits.h"

struct shop; /* shop.h */

enum { SHOP_REFUND_CURRENCIES = 8 };

struct shop_refunds {
    uint64_t open;      /* owed, and nobody has confirmed it */
    uint64_t failed;    /* of these, those that wait for a person */
    uint64_t unmatched; /* of these, those without an order */
    uint64_t unknown;   /* of these, those of which no amount is known */
    int64_t oldest_us;  /* when the oldest of them was owed; 0: there is none */
    /* What is owed, by currency; one more than these has no sum. */
    struct {
        char currency[4]; /* empty: not used */
        uint64_t count;
        int64_t minor;
    } sums[SHOP_REFUND_CURRENCIES];
    uint64_t not_kept; /* ever: said once, since too many were open */
    uint64_t strays;   /* ever: confirmations of what is not owed */
};

/* One of them. Texts are borrowed. */
struct shop_refund_view {
    struct slice refund_id;
    struct slice order_id;
    struct slice transaction; /* empty if it has none */
    struct slice device;      /* that it is said to; empty if unknown */
    int64_t minor;            /* -1: unknown */
    char currency[4];
    bool failed;
    bool unmatched;
    int64_t since_us;
    uint64_t seq; /* of its PaymentRefunded */
};

const struct shop_refunds *shop_refunds(const struct shop *shop);
/* Is this refund open? */
bool shop_owes(const struct shop *shop, struct slice refund_id);
typedef void shop_each_refund(void *context,
                              const struct shop_refund_view *view,
                              const struct event *event,
                              struct shop_stamp stamp);
/* What is owed: of each its view, and its PaymentRefunded once more. In the
 * order in which it was owed; `from_seq`, `max` and the result are as for
 * shop_open_payments(). */
uint64_t shop_open_refunds(const struct shop *shop, uint64_t from_seq,
                           uint32_t max, shop_each_refund *each,
                           void *context) MUST_USE;

#endif
