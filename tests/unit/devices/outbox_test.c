/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "devices/client/outbox.h"

enum { SECOND_US = 1000 * 1000 };

static struct outbox *new_outbox(void) {
    struct outbox *outbox = calloc(1, sizeof *outbox);
    assert_non_null(outbox);
    return outbox;
}

static void drop_outbox(struct outbox *outbox) {
    outbox_free(outbox);
    free(outbox);
}

static void add(struct outbox *outbox, const char *id) {
    assert_int_equal(outbox_add(outbox, id, slice_from_str("{}"), false),
                     ERR_OK);
}

static struct outbox_entry *next(struct outbox *outbox, int64_t now_us) {
    uint32_t at = 0;
    return outbox_due(outbox, now_us, &at);
}

/* An event is due at once, keeps its bytes, and goes with its receipt only. */
static void test_kept_until_receipt(void **state) {
    (void)state;
    struct outbox *outbox = new_outbox();
    struct random rng = random_stream(1, "test");
    char payload[] = "hello";
    assert_int_equal(outbox_add(outbox, "a", slice_from_str(payload), false),
                     ERR_OK);
    payload[0] = 'J';

    struct outbox_entry *entry = next(outbox, 10);
    assert_non_null(entry);
    assert_memory_equal(entry->payload, "hello", 5);
    outbox_sent(entry, 7, 10, &rng);
    outbox_arrived(outbox, 7);
    assert_int_equal(outbox->count, 1);

    struct outbox_entry entry_was;
    assert_int_equal(
        outbox_confirm(outbox, slice_from_str("b"), 20, &entry_was),
        ERR_NOT_FOUND);
    assert_int_equal(
        outbox_confirm(outbox, slice_from_str("a"), 20, &entry_was), ERR_OK);
    assert_int_equal(entry_was.first_sent_us, 10);
    assert_null(entry_was.payload);
    assert_int_equal(
        outbox_confirm(outbox, slice_from_str("a"), 20, &entry_was),
        ERR_NOT_FOUND);
    assert_int_equal(outbox->count, 0);
    drop_outbox(outbox);
}

/* The time-out runs 1, 2, 4, 8, 8 s, each less a quarter at most, and the
 * first sending is what the receipt is measured from. */
static void test_repeats_with_backoff(void **state) {
    (void)state;
    static const int64_t waits_s[] = {1, 2, 4, 8, 8, 8};
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct outbox *outbox = new_outbox();
        struct random rng = random_stream(seed, "test");
        int64_t now_us = 5;
        add(outbox, "a");
        for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
            struct outbox_entry *entry = next(outbox, now_us);
            assert_non_null(entry);
            outbox_sent(entry, (int)i + 1, now_us, &rng);
            outbox_arrived(outbox, (int)i + 1);
            int64_t wait_us = entry->wait_us;
            assert_true(wait_us <= waits_s[i] * SECOND_US);
            assert_true(wait_us >= waits_s[i] * SECOND_US * 3 / 4);
            assert_null(next(outbox, now_us + wait_us - 1));
            now_us += wait_us;
        }
        assert_int_equal(outbox->entries[0]->times_sent, 6);
        assert_int_equal(outbox->entries[0]->first_sent_us, 5);
        drop_outbox(outbox);
    }
}

/* A PUBLISH without its PUBACK is not repeated on the same connection, and is
 * at once on the next. */
static void test_in_transit(void **state) {
    (void)state;
    struct outbox *outbox = new_outbox();
    struct random rng = random_stream(1, "test");
    add(outbox, "a");
    outbox_sent(next(outbox, 1), 3, 1, &rng);
    outbox_arrived(outbox, 4); /* another packet's */
    assert_null(next(outbox, 3600 * (int64_t)SECOND_US));
    outbox_reconnected(outbox);
    assert_non_null(next(outbox, 1));
    drop_outbox(outbox);
}

/* While a slow gateway confirms what was sent before, nothing after it is
 * repeated; once it confirms what was sent later, what it left out is. */
static void test_slow_is_not_lost(void **state) {
    (void)state;
    struct outbox *outbox = new_outbox();
    struct random rng = random_stream(1, "test");
    static const char *const ids[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        add(outbox, ids[i]);
        uint32_t at = (uint32_t)i;
        outbox_sent(outbox_due(outbox, i + 1, &at), i + 1, i + 1, &rng);
        outbox_arrived(outbox, i + 1);
    }
    struct outbox_entry gone;
    assert_int_equal(
        outbox_confirm(outbox, slice_from_str("a"), 3 * SECOND_US / 2, &gone),
        ERR_OK);
    assert_null(next(outbox, 2 * SECOND_US));
    assert_int_equal(
        outbox_confirm(outbox, slice_from_str("c"), 21 * SECOND_US / 10, &gone),
        ERR_OK);
    uint32_t at = 0;
    int64_t now_us = 22 * SECOND_US / 10;
    assert_string_equal(outbox_due(outbox, now_us, &at)->id, "b");
    assert_null(outbox_due(outbox, now_us, &at));
    at = 0;
    now_us = 4 * SECOND_US;
    assert_string_equal(outbox_due(outbox, now_us, &at)->id, "b");
    assert_string_equal(outbox_due(outbox, now_us, &at)->id, "d");
    drop_outbox(outbox);
}

/* A PUBLISH that never gets its PUBACK makes the connection stuck; a new one
 * sends it again. */
static void test_stuck(void **state) {
    (void)state;
    struct outbox *outbox = new_outbox();
    struct random rng = random_stream(1, "stuck");
    struct outbox_entry *entry;
    uint32_t at = 0;
    add(outbox, "a");
    add(outbox, "b");
    while ((entry = outbox_due(outbox, 5, &at)) != NULL) {
        outbox_sent(entry, (int)at, 5, &rng);
    }
    outbox_arrived(outbox, 1);
    assert_false(outbox_is_stuck(outbox, 4 + OUTBOX_TRANSIT_MAX_US));
    assert_true(outbox_is_stuck(outbox, 5 + OUTBOX_TRANSIT_MAX_US));
    outbox_reconnected(outbox);
    assert_false(outbox_is_stuck(outbox, 5 + OUTBOX_TRANSIT_MAX_US));
    at = 1;
    assert_string_equal(outbox_due(outbox, 6, &at)->id, "b");

    outbox_sent(outbox->entries[0], 7, 9, &rng);
    outbox_arrived(outbox, 7);
    assert_false(outbox_is_stuck(outbox, 9 + OUTBOX_TRANSIT_MAX_US));
    drop_outbox(outbox);
}

/* Oldest first, each once in a pass, whatever was confirmed in between. */
static void test_order(void **state) {
    (void)state;
    struct outbox *outbox = new_outbox();
    struct outbox_entry entry_was;
    add(outbox, "a");
    add(outbox, "b");
    add(outbox, "c");
    assert_int_equal(
        outbox_confirm(outbox, slice_from_str("b"), 20, &entry_was), ERR_OK);
    add(outbox, "d");
    uint32_t at = 0;
    assert_string_equal(outbox_due(outbox, 1, &at)->id, "a");
    assert_string_equal(outbox_due(outbox, 1, &at)->id, "c");
    assert_string_equal(outbox_due(outbox, 1, &at)->id, "d");
    assert_null(outbox_due(outbox, 1, &at));
    drop_outbox(outbox);
}

/* The bound, an id twice and an id too long are refused and change nothing. */
static void test_refusals(void **state) {
    (void)state;
    struct outbox *outbox = new_outbox();
    char id[OUTBOX_ID_SIZE + 1];
    for (int i = 0; i < OUTBOX_EVENTS_MAX; i++) {
        snprintf(id, sizeof id, "e-%d", i);
        add(outbox, id);
    }
    assert_int_equal(outbox_add(outbox, "more", slice_from_str("x"), false),
                     ERR_FULL);
    assert_int_equal(outbox->count, OUTBOX_EVENTS_MAX);

    struct outbox_entry entry_was;
    assert_int_equal(
        outbox_confirm(outbox, slice_from_str("e-5"), 20, &entry_was), ERR_OK);
    assert_int_equal(outbox_add(outbox, "e-6", slice_from_str("x"), false),
                     ERR_BUSY);
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    assert_int_equal(outbox_add(outbox, id, slice_from_str("x"), false),
                     ERR_RANGE);
    assert_int_equal(outbox->count, OUTBOX_EVENTS_MAX - 1);
    drop_outbox(outbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_until_receipt),
        cmocka_unit_test(test_repeats_with_backoff),
        cmocka_unit_test(test_in_transit),
        cmocka_unit_test(test_slow_is_not_lost),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
