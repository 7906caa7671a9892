/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every amount of which a terminal says that it took it is one order's,
 * or somebody is told to give it back until he says that he has. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/shop/refund_view.h"
#include "gateway/shop/takings.h"
#include "tests/unit/shop/harness.h"

#define ORDER(id, total, payment)                                            \
    "{\"orderId\":\"" id "\",\"customerId\":7,\"items\":[\"tea\"],\"total\"" \
    ":\"" total "\",\"paymentDetails\":{" payment "}}"
#define ASK "\"paymentMethod\":\"CARD\",\"terminal\":\"card-1\""
#define PAID(tx) \
    "\"paymentMethod\":\"CARD\",\"paymentTransactionId\":\"" tx "\""
#define CASH "\"paymentMethod\":\"CASH\""
#define TOOK(id, tx, more) \
    "{\"orderId\":\"" id "\",\"paymentTransactionId\":\"" tx "\"" more "}"

static int setup(void **state) {
    struct harness *harness = calloc(1, sizeof *harness);
    assert_non_null(harness);
    harness_open(harness, NULL);
    *state = harness;
    return 0;
}

static int teardown(void **state) {
    struct harness *harness = *state;
    harness_check_replay(harness);
    harness_close(harness);
    free(harness);
    return 0;
}

static size_t place(struct harness *harness, const char *data) {
    return harness_send(harness, "till-1", "OrderPlaced", data);
}

static size_t took(struct harness *harness, const char *terminal,
                   const char *data) {
    return harness_send(harness, terminal, "PaymentAuthorized", data);
}

static void expect(struct harness *harness, size_t at, const char *types) {
    assert_string_equal(harness_types(harness, at), types);
}

static void has(struct harness *harness, size_t at, const char *type,
                const char *part) {
    const char *data = harness_data(harness, at, type);
    if (strstr(data, part) == NULL) {
        fail_msg("%s lacks %s", data, part);
    }
}

/* The refund's id, as a till or terminal finds it in the notice. */
static const char *refund_id(struct harness *harness, size_t at) {
    static char id[SHOP_REFUND_ID_MAX];
    const char *data = harness_data(harness, at, "PaymentRefunded");
    const char *from = strstr(data, "\"refundId\":\"");
    assert_non_null(from);
    assert_int_equal(sscanf(from, "\"refundId\":\"%47[^\"]", id), 1);
    return id;
}

static const struct shop_refunds *refunds(const struct harness *harness) {
    return shop_refunds(harness->shop);
}

/* `which` is a member and `id` its value; `rest` follows. */
static void confirm(struct harness *harness, const char *device,
                    const char *which, const char *id, const char *rest) {
    char data[256];
    snprintf(data, sizeof data, "{\"%s\":\"%s\",%s}", which, id, rest);
    size_t at = harness_send(harness, device, "RefundConfirmed", data);
    expect(harness, at, "RefundConfirmed");
}

#define REFUND "\"how\":\"refund\""

/* Refused (a time-out), and then it turns out that it was taken. */
static void after_it_was_refused(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "9.50", ASK));
    harness_send(harness, "card-1", "PaymentRefused", "{\"orderId\":\"a\"}");
    size_t at =
        took(harness, "card-1", TOOK("a", "t1", ",\"amount\":\"9.50\""));
    expect(harness, at, "PaymentAuthorized PaymentRefunded");
    has(harness, at, "PaymentRefunded", "\"paymentTransactionId\":\"t1\"");
    assert_string_equal(harness_terminal(harness, at, "PaymentRefunded"),
                        "card-1");
    assert_string_equal(harness_device(harness, at, "PaymentRefunded"),
                        "till-1");
    assert_int_equal(refunds(harness)->open, 1);
    assert_int_equal(refunds(harness)->unmatched, 0);
    assert_int_equal(refunds(harness)->sums[0].minor, 950);
    confirm(harness, "card-1", "refundId", refund_id(harness, at), REFUND);
    assert_int_equal(refunds(harness)->open, 0);
    assert_int_equal(refunds(harness)->oldest_us, 0);
}

static void taken_twice(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "9.50", ASK));
    size_t at = took(harness, "card-1", TOOK("a", "t1", ""));
    expect(harness, at, "PaymentAuthorized PaymentProcessed OrderFulfiled");
    at = took(harness, "card-1", TOOK("a", "t2", ""));
    expect(harness, at, "PaymentAuthorized PaymentRefunded");
    has(harness, at, "PaymentRefunded",
        "\"reason\":\"the order was paid before\"");
    /* The same again is not money again, whoever's order it names. */
    at = took(harness, "card-1", TOOK("a", "t2", ""));
    expect(harness, at, "PaymentAuthorized");
    at = took(harness, "card-1", TOOK("b", "t1", ""));
    expect(harness, at, "PaymentAuthorized");
    assert_int_equal(refunds(harness)->open, 1);
    assert_int_equal(shop_counts(harness->shop).fulfiled, 1);
}

static void of_an_unknown_order(void **state) {
    struct harness *harness = *state;
    size_t at =
        took(harness, "card-1", TOOK("x", "t1", ",\"amount\":\"3.00\""));
    expect(harness, at, "PaymentAuthorized PaymentUnmatched PaymentRefunded");
    has(harness, at, "PaymentUnmatched",
        "\"amount\":\"3.00\",\"currency\":\"EUR\",\"paymentTransactionId\":"
        "\"t1\",\"terminal\":\"card-1\"");
    assert_string_equal(harness_terminal(harness, at, "PaymentRefunded"),
                        "card-1");
    assert_int_equal(refunds(harness)->unmatched, 1);
    /* Of which nobody says how much. */
    at = took(harness, "card-1", "{\"orderId\":\"y\"}");
    expect(harness, at, "PaymentAuthorized PaymentUnmatched PaymentRefunded");
    assert_int_equal(refunds(harness)->unknown, 1);
    confirm(harness, "card-1", "refundId", refund_id(harness, at), REFUND);
    confirm(harness, "card-1", "paymentTransactionId", "t1",
            "\"how\":\"void\",\"amount\":\"3.00\"");
    assert_int_equal(refunds(harness)->open, 0);
    assert_int_equal(refunds(harness)->unmatched, 0);
    assert_int_equal(refunds(harness)->strays, 0);
}

static void a_transaction_pays_one_order(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "9.50", PAID("t1")));
    size_t at = place(harness, ORDER("b", "9.50", PAID("t1")));
    expect(harness, at,
           "OrderPlaced OrderCreated InventoryReserved PaymentDeclined "
           "OrderCancelled InventoryReleased");
    has(harness, at, "PaymentDeclined", "used before");
    /* The terminal that took it says so, too: the same money. */
    at = took(harness, "card-1", TOOK("a", "t1", ""));
    expect(harness, at, "PaymentAuthorized");
    /* And for an order that waits for it. */
    place(harness, ORDER("c", "9.50", ASK));
    at = took(harness, "card-1", TOOK("c", "t1", ""));
    expect(harness, at,
           "PaymentAuthorized PaymentDeclined OrderCancelled "
           "InventoryReleased");
    assert_int_equal(refunds(harness)->open, 0);
    /* Two terminals that count alike took money twice. */
    place(harness, ORDER("d", "9.50", ASK));
    took(harness, "card-1", TOOK("d", "n1", ""));
    at = took(harness, "card-2", TOOK("d", "n1", ""));
    expect(harness, at, "PaymentAuthorized PaymentRefunded");
    assert_string_equal(harness_terminal(harness, at, "PaymentRefunded"),
                        "card-2");
    confirm(harness, "card-1", "paymentTransactionId", "n1",
            "\"how\":\"void\"");
    assert_int_equal(refunds(harness)->strays, 1); /* that one paid an order */
    confirm(harness, "card-2", "paymentTransactionId", "n1",
            "\"how\":\"void\"");
    assert_int_equal(refunds(harness)->open, 0);
}

static void tips_are_no_other_amount(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "9.50", ASK));
    size_t at = took(harness, "card-1",
                     TOOK("a", "t1",
                          ",\"amount\":\"20.50\",\"tip\":\"0.50\","
                          "\"surcharge\":\"0.5\",\"cashback\":\"10\""));
    expect(harness, at, "PaymentAuthorized PaymentProcessed OrderFulfiled");
    has(harness, at, "PaymentProcessed", "\"amount\":\"9.50\"");
    has(harness, at, "PaymentProcessed",
        "\"tip\":\"0.50\",\"surcharge\":\"0.5\",\"cashback\":\"10\"}");
    place(harness, ORDER("b", "9.50", ASK));
    at = took(harness, "card-1",
              TOOK("b", "t2", ",\"amount\":\"9.50\",\"tip\":\"0.50\""));
    expect(harness, at,
           "PaymentAuthorized PaymentDeclined PaymentRefunded OrderCancelled "
           "InventoryReleased");
    has(harness, at, "PaymentRefunded", "\"amount\":\"9.50\"");
    assert_int_equal(refunds(harness)->sums[0].minor, 950);
}

static void nothing_is_asked_of_nobody(void **state) {
    struct harness *harness = *state;
    size_t at = place(harness, ORDER("a", "0.00", ASK));
    expect(harness, at,
           "OrderPlaced OrderCreated InventoryReserved PaymentProcessed "
           "OrderFulfiled");
    has(harness, at, "PaymentProcessed", "\"mode\":\"none\"");
    /* Nor is it owed. */
    harness_send(harness, "scanner-1", "StockCounted",
                 "{\"items\":[{\"sku\":\"tea\",\"quantity\":0}]}");
    at = place(harness, ORDER("b", "0", CASH));
    expect(harness, at,
           "OrderPlaced OrderCreated InventoryRejected PaymentProcessed "
           "OrderCancelled");
    assert_int_equal(refunds(harness)->open, 0);
}

/* The till has the cash. */
static void cash_is_the_tills_to_give_back(void **state) {
    struct harness *harness = *state;
    harness_send(harness, "scanner-1", "StockCounted",
                 "{\"items\":[{\"sku\":\"tea\",\"quantity\":0}]}");
    size_t at = place(harness, ORDER("a", "9.50", CASH));
    assert_string_equal(harness_device(harness, at, "PaymentRefunded"),
                        "till-1");
    assert_string_equal(harness_terminal(harness, at, "PaymentRefunded"), "");
    const char *id = refund_id(harness, at);
    confirm(harness, "till-1", "refundId", id, "\"how\":\"cash\"");
    assert_int_equal(refunds(harness)->open, 0);
    confirm(harness, "till-1", "refundId", id, "\"how\":\"cash\"");
    assert_int_equal(refunds(harness)->strays, 0); /* said again */
    confirm(harness, "till-1", "refundId", "no", "\"how\":\"cash\"");
    assert_int_equal(refunds(harness)->strays, 1);
}

struct seen {
    uint32_t count;
    uint32_t failed;
    char device[64];
};

static void see(void *context, const struct shop_refund_view *view,
                const struct event *event, struct shop_stamp stamp) {
    struct seen *seen = context;
    seen->count++;
    seen->failed += view->failed ? 1 : 0;
    assert_true(slice_eq_str(event->type, "PaymentRefunded"));
    assert_int_equal(view->seq, stamp.seq);
    assert_int_equal(slice_to_str(view->device, seen->device, 64), ERR_OK);
}

static struct seen look(const struct harness *harness, uint64_t from,
                        uint32_t max, uint64_t *ret_next) {
    struct seen seen = {0};
    *ret_next = shop_open_refunds(harness->shop, from, max, see, &seen);
    return seen;
}

/* What could not be given back, or not all of it, is left for a person. */
static void a_person_resolves_it(void **state) {
    struct harness *harness = *state;
    size_t first =
        took(harness, "card-1", TOOK("x", "t1", ",\"amount\":\"3\""));
    char id[SHOP_REFUND_ID_MAX];
    snprintf(id, sizeof id, "%s", refund_id(harness, first));
    took(harness, "card-1", TOOK("x", "t2", ",\"amount\":\"4\""));
    harness_send(
        harness, "card-1", "RefundFailed",
        "{\"paymentTransactionId\":\"t1\",\"reason\":\"bank says no\"}");
    assert_int_equal(refunds(harness)->failed, 1);
    confirm(harness, "card-1", "paymentTransactionId", "t2",
            "\"how\":\"refund\",\"amount\":\"3.99\"");
    assert_int_equal(refunds(harness)->failed, 2);
    assert_int_equal(refunds(harness)->open, 2);
    uint64_t next;
    struct seen seen = look(harness, 0, 1, &next);
    assert_int_equal(seen.count, 1);
    assert_true(next > 0);
    assert_string_equal(seen.device, "card-1");
    seen = look(harness, next, 9, &next);
    assert_int_equal(seen.count + seen.failed, 2);
    assert_int_equal(next, 0);
    char data[128];
    snprintf(data, sizeof data, "{\"refundId\":\"%s\",\"how\":\"cash\"}", id);
    harness_own(harness, "PaymentResolved", data);
    assert_int_equal(refunds(harness)->open, 1);
    assert_int_equal(refunds(harness)->failed, 1);
}

/* Money without an order is kept only so far. */
static void too_many_are_said_once(void **state) {
    struct harness *harness = *state;
    char data[128];
    for (int i = 0; i < TAKINGS_UNMATCHED_MAX; i++) {
        snprintf(data, sizeof data, TOOK("x", "t%d", ",\"amount\":\"1\""), i);
        took(harness, "card-1", data);
    }
    assert_int_equal(refunds(harness)->unmatched, TAKINGS_UNMATCHED_MAX);
    size_t at = took(harness, "card-1", TOOK("x", "more", ",\"amount\":\"1\""));
    expect(harness, at, "PaymentAuthorized PaymentRefunded");
    assert_string_equal(harness_terminal(harness, at, "PaymentRefunded"),
                        "card-1");
    assert_int_equal(refunds(harness)->unmatched, TAKINGS_UNMATCHED_MAX);
    assert_int_equal(refunds(harness)->not_kept, 1);
    confirm(harness, "card-1", "paymentTransactionId", "t7",
            "\"how\":\"void\"");
    at = took(harness, "card-1", TOOK("x", "again", ",\"amount\":\"1\""));
    expect(harness, at, "PaymentAuthorized PaymentUnmatched PaymentRefunded");
}

/* A terminal that lets its time pass: order and stock are free, and what it
 * took all the same goes back. */
static void a_terminal_never_answers(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "9.50", ASK));
    size_t at = harness_own(harness, "PaymentTimedOut", "{\"orderId\":\"a\"}");
    expect(harness, at,
           "PaymentTimedOut PaymentDeclined OrderCancelled InventoryReleased");
    has(harness, at, "PaymentDeclined", "did not answer in time");
    assert_string_equal(harness_terminal(harness, at, "OrderCancelled"),
                        "card-1");
    assert_int_equal(shop_counts(harness->shop).payments_open, 0);
    at = took(harness, "card-1", TOOK("a", "t1", ""));
    expect(harness, at, "PaymentAuthorized PaymentRefunded");
    assert_int_equal(refunds(harness)->sums[0].minor, 950);
}

static void nothing_that_was_taken_is_not_owed(void **state) {
    struct harness *harness = *state;
    size_t at =
        took(harness, "card-1", TOOK("x", "t1", ",\"amount\":\"0.00\""));
    expect(harness, at, "PaymentAuthorized");
    place(harness, ORDER("a", "9.50", ASK));
    at = took(harness, "card-1", TOOK("a", "t1", ",\"amount\":\"0.00\""));
    expect(harness, at,
           "PaymentAuthorized PaymentDeclined OrderCancelled "
           "InventoryReleased");
    assert_int_equal(refunds(harness)->open, 0);
    /* What an order asked for that asks for nothing is no amount. */
    place(harness, ORDER("b", "0.00", ASK));
    at = took(harness, "card-1", TOOK("b", "t2", ""));
    expect(harness, at, "PaymentAuthorized PaymentRefunded");
    assert_int_equal(refunds(harness)->unknown, 1);
}

/* A backup that is set back goes on with the numbers that it had, in another
 * life: who gave back what it owed before has not given back what it owes. */
static void a_refunds_id_is_of_its_life(void **state) {
    struct harness *harness = *state;
    size_t at =
        took(harness, "card-1", TOOK("x", "t1", ",\"amount\":\"3.00\""));
    assert_memory_equal(refund_id(harness, at), "r-5eed0123-0-", 13);
}

static size_t took_as(struct harness *harness, const char *id,
                      const char *data) {
    struct event event = harness_event("PaymentAuthorized",
                                       "/" HARNESS_STORE "/card-1", id, data);
    return harness_send_event(harness, "card-1", &event);
}

/* A terminal that counts its events from 1 at each start, long after. */
static void the_id_of_a_report_comes_again(void **state) {
    struct harness *harness = *state;
    static const char *const orders[] = {"a", "b", "c"};
    place(harness, ORDER("a", "9.50", ASK));
    place(harness, ORDER("b", "9.50", ASK));
    place(harness, ORDER("c", "9.50", ASK));
    for (size_t i = 0; i < 3; i++) {
        char data[64];
        snprintf(data, sizeof data, "{\"orderId\":\"%s\"}", orders[i]);
        size_t at = took_as(harness, "e-1", data);
        expect(harness, at, "PaymentAuthorized PaymentProcessed OrderFulfiled");
        has(harness, at, "PaymentProcessed", "\"reportId\":\"e-1\"");
    }
    assert_int_equal(refunds(harness)->open, 0);
}

/* Charged already, by terminals that count alike: no order has the second. */
static void charged_elsewhere_under_a_known_transaction(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "9.50", PAID("n1") ",\"terminal\":\"card-1\""));
    size_t at = place(
        harness, ORDER("b", "7.00", PAID("n1") ",\"terminal\":\"card-2\""));
    expect(harness, at,
           "OrderPlaced OrderCreated InventoryReserved PaymentDeclined "
           "PaymentRefunded OrderCancelled InventoryReleased");
    assert_string_equal(harness_terminal(harness, at, "PaymentRefunded"),
                        "card-2");
    assert_int_equal(refunds(harness)->open, 1);
    assert_int_equal(refunds(harness)->sums[0].minor, 700);
    at = place(harness, ORDER("c", "7.00", PAID("n1")));
    expect(harness, at,
           "OrderPlaced OrderCreated InventoryReserved PaymentDeclined "
           "OrderCancelled InventoryReleased");
}

/* What was lost with its order is owed all the same. */
static void of_an_order_that_was_lost(void **state) {
    struct harness *harness = *state;
    place(harness, ORDER("a", "9.50", ASK));
    harness_send(harness, "card-1", "PaymentRefused", "{\"orderId\":\"a\"}");
    size_t at = took(harness, "card-1", TOOK("a", "t1", ""));
    expect(harness, at, "PaymentAuthorized PaymentRefunded");
    struct shop *shop = harness_new_shop(harness);
    shop_pass_gap(shop);
    for (; at < harness->count; at++) {
        struct event event;
        harness_load(harness, at, &event);
        assert_int_equal(shop_apply(shop, &event, harness->entries[at].stamp),
                         ERR_OK);
    }
    assert_int_equal(shop_refunds(shop)->open, 1);
    assert_int_equal(shop_refunds(shop)->unmatched, 1);
    assert_int_equal(shop_refunds(shop)->not_kept, 0);
    shop_free(shop);
}

static void owe(struct harness *harness, const char *transaction,
                const char *amount, const char *currency) {
    char data[256];
    snprintf(data, sizeof data,
             TOOK("x", "%s", ",\"amount\":\"%s\",\"currency\":\"%s\""),
             transaction, amount, currency);
    took(harness, "card-1", data);
}

static int64_t sum_of(const struct harness *harness, const char *currency) {
    for (int i = 0; i < SHOP_REFUND_CURRENCIES; i++) {
        if (strcmp(refunds(harness)->sums[i].currency, currency) == 0) {
            return refunds(harness)->sums[i].minor;
        }
    }
    return -1;
}

static void one_currency_too_many_has_no_sum(void **state) {
    struct harness *harness = *state;
    static const char *const currencies[] = {"EUR", "USD", "GBP", "CHF", "SEK",
                                             "NOK", "DKK", "PLN", "CZK"};
    for (size_t i = 0; i < 9; i++) {
        owe(harness, currencies[i], "1.00", currencies[i]);
    }
    assert_int_equal(sum_of(harness, "CZK"), -1);
    confirm(harness, "card-1", "paymentTransactionId", "USD", REFUND);
    assert_int_equal(sum_of(harness, "CZK"), 100);
    owe(harness, "more", "2.00", "CZK");
    confirm(harness, "card-1", "paymentTransactionId", "CZK", REFUND);
    assert_int_equal(sum_of(harness, "CZK"), 200);
    confirm(harness, "card-1", "paymentTransactionId", "more", REFUND);
    assert_int_equal(sum_of(harness, "CZK"), -1);
    assert_int_equal(sum_of(harness, "PLN"), 100);
}

static void a_sum_that_is_too_large_stays_at_the_most(void **state) {
    struct harness *harness = *state;
    enum { TAKEN = 925, GIVEN_BACK = 5 };
    char name[16];
    for (int i = 0; i < TAKEN; i++) {
        snprintf(name, sizeof name, "t%d", i);
        owe(harness, name, "999999999999.9999", "UYW");
    }
    assert_true(sum_of(harness, "UYW") == INT64_MAX);
    for (int i = 0; i < GIVEN_BACK; i++) {
        snprintf(name, sizeof name, "t%d", i);
        confirm(harness, "card-1", "paymentTransactionId", name, REFUND);
    }
    assert_true(sum_of(harness, "UYW") ==
                (TAKEN - GIVEN_BACK) * INT64_C(9999999999999999));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(after_it_was_refused),
        TEST(taken_twice),
        TEST(of_an_unknown_order),
        TEST(a_transaction_pays_one_order),
        TEST(tips_are_no_other_amount),
        TEST(nothing_is_asked_of_nobody),
        TEST(cash_is_the_tills_to_give_back),
        TEST(a_person_resolves_it),
        TEST(too_many_are_said_once),
        TEST(a_terminal_never_answers),
        TEST(nothing_that_was_taken_is_not_owed),
        TEST(a_refunds_id_is_of_its_life),
        TEST(charged_elsewhere_under_a_known_transaction),
        TEST(of_an_order_that_was_lost),
        TEST(one_currency_too_many_has_no_sum),
        TEST(a_sum_that_is_too_large_stays_at_the_most),
        TEST(the_id_of_a_report_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
