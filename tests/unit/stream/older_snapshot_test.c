/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: one snapshot of all there is, in the older form, and no other.
 */
#include "gateway/stream/older_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/journal/snapshot.h"
#include "tests/unit/stream/fixture_read.h"

static struct opening_options options_of(struct fixture *f) {
    return (struct opening_options){
        .platform = &f->platform,
        .config = &f->config,
        .stream = f->settings,
        .dir = FIXTURE_DIR,
        .known_end = f->known_end,
    };
}

static err_t write_older(struct fixture *f, const struct opened *opened,
                         struct reason *reason) {
    const struct opening_options options = options_of(f);
    return older_snapshot_write(&options, opened, reason);
}

static struct opened open_it(struct fixture *f) {
    const struct opening_options options = options_of(f);
    struct opened opened;
    struct reason reason = {""};
    if (opening_run(&options, &opened, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    return opened;
}

static void close_it(struct opened *opened) {
    state_free(opened->state);
    journal_close(opened->journal);
}

static err_t version_of(void *context, uint64_t seq, struct slice content) {
    uint32_t *version = context;
    (void)seq;
    struct cursor cursor = cursor_over(content);
    return cursor_u32(&cursor, version);
}

static uint32_t version(struct fixture *f, const struct opened *opened,
                        uint64_t seq) {
    uint32_t found = 0;
    assert_int_equal(snapshot_read(&f->disk, FIXTURE_DIR,
                                   journal_id(opened->journal), seq, version_of,
                                   &found, NULL),
                     ERR_OK);
    return found;
}

static size_t snapshots(struct fixture *f, uint64_t *ret_newest) {
    uint64_t seqs[SNAPSHOTS_KEPT] = {0};
    size_t count;
    assert_int_equal(snapshot_list(&f->disk, FIXTURE_DIR, seqs, &count),
                     ERR_OK);
    *ret_newest = seqs[0];
    return count;
}

/* Goal: whatever snapshots there were, one is left: of the whole journal, and
 * in the form of 0.1.0. */
static void test_one_is_left(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_commit_large(f, 0, 45);
    fixture_close(f);
    struct opened opened = open_it(f);
    uint64_t end = journal_next_seq(opened.journal);
    uint64_t newest;
    assert_int_equal(snapshots(f, &newest), 2);
    assert_int_equal(version(f, &opened, newest), 2);
    struct reason reason = {""};
    const struct snapshot_about about = {journal_id(opened.journal), end};
    assert_int_equal(snapshot_write_twice(&f->disk, FIXTURE_DIR, &about, end,
                                          SLICE("of the newer form"), &reason),
                     ERR_OK);
    char copy[64];
    snprintf(copy, sizeof copy, "%020d.copy", (int)end);
    assert_true(fixture_has_file(f, copy));
    assert_int_equal(write_older(f, &opened, &reason), ERR_OK);
    assert_false(fixture_has_file(f, copy));
    assert_int_equal(snapshots(f, &newest), 1);
    assert_int_equal(newest, end);
    assert_int_equal(version(f, &opened, newest), 1);
    close_it(&opened);
    opened = open_it(f);
    assert_int_equal(opened.replayed_bytes, 0);
    close_it(&opened);
}

/* Goal: a journal without a record gets none. */
static void test_an_empty_journal(void **state) {
    struct fixture *f = *state;
    struct opened opened = open_it(f);
    struct reason reason = {""};
    assert_int_equal(write_older(f, &opened, &reason), ERR_OK);
    uint64_t newest;
    assert_int_equal(snapshots(f, &newest), 0);
    close_it(&opened);
}

/* Goal: money that is owed keeps the older release away, by name, and nothing
 * was changed. */
static void test_refunds_are_open(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    fixture_open(f);
    fixture_take(f, "card-1", "a", "PaymentAuthorized",
                 "{\"orderId\":\"x\",\"paymentTransactionId\":\"t\"}");
    fixture_commit(f);
    fixture_close(f);
    struct opened opened = open_it(f);
    uint64_t end = journal_next_seq(opened.journal);
    struct reason reason = {""};
    assert_int_equal(write_older(f, &opened, &reason), ERR_REFUSED);
    assert_non_null(strstr(reason.text, "1 refunds are open"));
    assert_int_equal(journal_next_seq(opened.journal), end);
    close_it(&opened);
    fixture_open(f);
    fixture_take(f, "card-1", "c", "RefundConfirmed",
                 "{\"paymentTransactionId\":\"t\",\"how\":\"void\"}");
    fixture_commit(f);
    fixture_close(f);
    opened = open_it(f);
    assert_int_equal(write_older(f, &opened, &reason), ERR_OK);
    close_it(&opened);
    fixture_open(f); /* and this release goes on, by its own rules */
    fixture_order(f, 1);
    fixture_commit(f);
    assert_int_equal(shop_rules(stream_shop(f->stream)), SHOP_RULES_NEWEST);
    fixture_close(f);
}

/* Goal: a disk that fails is named, and what was there still serves; once it
 * does not fail, the shop's state is the same from the older form. */
static void test_the_disk_fails(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    fixture_open(f);
    fixture_commit_orders(f, 0, 45);
    fixture_close(f);
    struct opened opened;
    static const enum fake_call calls[] = {FAKE_SYNC, FAKE_RENAME,
                                           FAKE_SYNC_DIR};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        opened = open_it(f);
        fake_disk_fail_at(f->fake, calls[i], 1, ERR_IO);
        struct reason reason = {""};
        assert_int_equal(write_older(f, &opened, &reason), ERR_IO);
        assert_true(reason.text[0] != '\0');
        close_it(&opened);
    }
    opened = open_it(f);
    struct reason reason = {""};
    assert_int_equal(write_older(f, &opened, &reason), ERR_OK);
    uint64_t newest;
    assert_int_equal(snapshots(f, &newest), 1);
    assert_int_equal(version(f, &opened, newest), 1);
    uint64_t hash = state_hash(opened.state);
    assert_int_equal(shop_rules(state_shop(opened.state)), SHOP_RULES_FIRST);
    close_it(&opened);
    opened = open_it(f);
    assert_true(state_hash(opened.state) == hash);
    close_it(&opened);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_one_is_left),
        FIXTURE_TEST(test_an_empty_journal),
        FIXTURE_TEST(test_refunds_are_open),
        FIXTURE_TEST(test_the_disk_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
