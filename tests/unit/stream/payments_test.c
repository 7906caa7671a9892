/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a terminal that does not answer frees its order when its time is over,
 * by the monotonic clock and through restarts; money that is owed is said again
 * until somebody has given it back; the rules come first in a journal. */
#include "gateway/stream/payments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/shop/refund_view.h"
#include "gateway/stream/dedupe_limits.h"
#include "tests/unit/stream/fixture_read.h"

enum { SECOND_US = 1000 * 1000, DEADLINE_S = 90 };

static void open_shop(struct fixture *f) {
    f->settings->shop = true;
    fixture_open(f);
}

static void pass(struct fixture *f, int64_t seconds) {
    for (int64_t i = 0; i < seconds; i++) {
        f->mono_us += SECOND_US;
        f->wall_us += SECOND_US;
        stream_tick(f->stream, fixture_end(f));
        fixture_settle(f);
    }
}

static uint64_t open_orders(const struct fixture *f) {
    return shop_counts(stream_shop(f->stream)).open;
}

static size_t find(struct fixture *f, const char *type) {
    size_t count = 0;
    fixture_read(f);
    for (size_t i = 0; i < f->record_count; i++) {
        count += strcmp(f->records[i].type, type) == 0 ? 1 : 0;
    }
    return count;
}

static void test_the_rules_come_first(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    assert_int_equal(fixture_end(f), 0);
    fixture_order(f, 1);
    fixture_commit(f);
    fixture_close(f);
    fixture_open(f);
    fixture_order(f, 2);
    fixture_commit(f);
    assert_int_equal(find(f, "ConfigChanged"), 1);
    assert_string_equal(f->records[0].type, "ConfigChanged");
    assert_string_equal(f->records[0].data,
                        "{\"rules\":2,\"currency\":\"EUR\"}");
    fixture_close(f);
    memcpy(f->config.currency, "USD", 4); /* a start says what changed */
    fixture_open(f);
    assert_int_equal(find(f, "ConfigChanged"), 2);
    fixture_close(f);
}

static void test_a_terminal_that_never_answers(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    fixture_order(f, 1);
    fixture_commit(f);
    pass(f, DEADLINE_S - 5);
    fixture_order(f, 2);
    fixture_commit(f);
    assert_int_equal(open_orders(f), 2);
    f->wall_us += (int64_t)1000 * 86400 * SECOND_US; /* a jump is no time */
    pass(f, 4);
    assert_int_equal(open_orders(f), 2);
    pass(f, 4);
    assert_int_equal(open_orders(f), 1);
    pass(f, DEADLINE_S);
    assert_int_equal(open_orders(f), 0);
    assert_int_equal(find(f, "PaymentTimedOut"), 2);
    assert_int_equal(find(f, "OrderCancelled"), 2);
    uint64_t hash = fixture_hash(f);
    fixture_kill(f);
    fixture_open(f);
    assert_true(fixture_hash(f) == hash);
    fixture_close(f);
}

/* A restart neither forgets what a terminal has waited nor takes all its time,
 * however long the box was off. */
static void test_over_a_restart(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    fixture_order(f, 1);
    fixture_commit(f);
    pass(f, 20);
    fixture_kill(f);
    f->mono_us = 7 * SECOND_US; /* another boot */
    f->wall_us += 30 * SECOND_US;
    fixture_open(f);
    pass(f, DEADLINE_S - 20 - 30 - 2);
    assert_int_equal(open_orders(f), 1);
    pass(f, 4);
    assert_int_equal(open_orders(f), 0);
    fixture_order(f, 2);
    fixture_commit(f);
    fixture_kill(f);
    f->wall_us += (int64_t)1000 * 86400 * SECOND_US;
    fixture_open(f);
    pass(f, 25);
    assert_int_equal(open_orders(f), 1);
    pass(f, 8);
    assert_int_equal(open_orders(f), 0);
    fixture_close(f);
}

static uint32_t told(const struct fixture *f, const char *device,
                     const char *type) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->seen.notice_count; i++) {
        const struct fixture_notice *notice = &f->seen.notices[i];
        count += strcmp(notice->device, device) == 0 &&
                 strstr(notice->payload, type) != NULL;
    }
    return count;
}

static void test_owed_money_is_said_again(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    fixture_take(f, "card-1", "a", "PaymentAuthorized",
                 "{\"orderId\":\"x\",\"paymentTransactionId\":\"t\","
                 "\"amount\":\"3.00\"}");
    stream_repeat_payments(f->stream); /* it is not durable */
    assert_int_equal(told(f, "card-1", "PaymentRefunded"), 0);
    fixture_commit(f);
    assert_int_equal(told(f, "card-1", "PaymentRefunded"), 1);
    stream_repeat_payments(f->stream);
    assert_int_equal(told(f, "card-1", "PaymentRefunded"), 2);
    fixture_kill(f);
    fixture_open(f);
    stream_repeat_payments(f->stream);
    assert_int_equal(told(f, "card-1", "PaymentRefunded"), 3);
    fixture_take(f, "card-1", "f", "RefundFailed",
                 "{\"paymentTransactionId\":\"t\"}");
    fixture_commit(f);
    stream_repeat_payments(f->stream); /* that is a person's now */
    assert_int_equal(told(f, "card-1", "PaymentRefunded"), 3);
    assert_int_equal(shop_refunds(stream_shop(f->stream))->failed, 1);
    char id[64] = "";
    const char *notice = strstr(f->seen.notices[0].payload, "\"refundId\":\"");
    assert_non_null(notice);
    assert_int_equal(sscanf(notice, "\"refundId\":\"%48[^\"]", id), 1);
    assert_int_equal(stream_resolve(f->stream, slice_from_str(id),
                                    SLICE("cash"), SLICE("at the desk")),
                     ERR_OK);
    fixture_settle(f);
    assert_int_equal(find(f, "PaymentResolved"), 1);
    assert_int_equal(shop_refunds(stream_shop(f->stream))->open, 0);
    uint64_t hash = fixture_hash(f);
    fixture_close(f);
    fixture_open(f);
    assert_true(fixture_hash(f) == hash);
    fixture_close(f);
}

static void receive_tea(struct fixture *f, const char *id) {
    fixture_take(f, "scanner-1", id, "StockReceived",
                 "{\"items\":[{\"sku\":\"tea\",\"quantity\":10}]}");
    fixture_commit(f);
}

/* Goal: damage takes the journal's first frame, which says the rules, before
 * there is a snapshot: what was delivered since is there once. */
static void test_the_rules_are_lost(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    receive_tea(f, "1");
    receive_tea(f, "2");
    receive_tea(f, "3");
    fixture_kill(f);
    fixture_damage(f, 0);
    fixture_open(f);
    receive_tea(f, "4");
    fixture_read(f);
    size_t count = fixture_count(f, "StockChanged");
    const char *last = fixture_find(f, "StockChanged", count - 1)->data;
    if (strstr(last, "\"onHand\":40,") == NULL) {
        fail_msg("%s", last);
    }
}

/* Goal: a terminal that counts its events from 1 at each start is paid for
 * another order under an id that nobody remembers any more. */
static void test_the_id_of_a_report_comes_again(void **state) {
    struct fixture *f = *state;
    open_shop(f);
    fixture_order(f, 1);
    fixture_order(f, 2);
    fixture_take(f, "card-1", "1", "PaymentAuthorized",
                 "{\"orderId\":\"o-1\"}");
    for (int i = 0; i <= DEDUPE_WINDOW; i++) {
        char id[16];
        snprintf(id, sizeof id, "n-%d", i);
        while (stream_is_full(f->stream)) {
            fixture_commit(f); /* finds room, when what was taken is there */
        }
        fixture_take(f, "card-1", id, "PaymentRefused",
                     "{\"orderId\":\"none\"}");
    }
    fixture_commit(f);
    fixture_take(f, "card-1", "1", "PaymentAuthorized",
                 "{\"orderId\":\"o-2\"}");
    fixture_commit(f);
    assert_int_equal(shop_counts(stream_shop(f->stream)).fulfiled, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_the_rules_come_first),
        FIXTURE_TEST(test_a_terminal_that_never_answers),
        FIXTURE_TEST(test_over_a_restart),
        FIXTURE_TEST(test_owed_money_is_said_again),
        FIXTURE_TEST(test_the_rules_are_lost),
        FIXTURE_TEST(test_the_id_of_a_report_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
