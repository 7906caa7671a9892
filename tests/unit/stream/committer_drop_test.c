/* SPDX-License-Identifier: Apache-2.0 */
/* What is dropped is named across the end of a process, in order or not, and
 * across the loss of the event that names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

#define MIB ((uint64_t)1024 * 1024)

static void open_dropping(struct fixture *f) {
    f->settings->capacity = 4 * MIB;
    f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    fixture_open(f);
}

/* Commits one by one until the next one drops a segment, for the `drops`-th
 * time; how many that are. */
static uint64_t count_up_to_drop(uint32_t drops) {
    struct fixture *f = fixture_new(5);
    uint64_t number = 0;
    uint64_t start = 0;
    open_dropping(f);
    while (drops > 0) {
        fixture_commit_large(f, number++, 1);
        drops -= fixture_start(f) > start;
        start = fixture_start(f);
    }
    fixture_close(f);
    fixture_free(f);
    return number - 1;
}

static void drop_segments(struct fixture *f, uint32_t drops) {
    fixture_commit_large(f, 0, count_up_to_drop(drops) + 1);
}

/* The job that drops a segment ran, and nothing since. */
static void drop_by_a_job(struct fixture *f) {
    uint64_t number = count_up_to_drop(1);
    open_dropping(f);
    fixture_commit_large(f, 0, number);
    if (!stream_is_full(f->stream)) {
        fixture_large(f, number);
    }
    fixture_ask(f);
    assert_true(fixture_work(f));
    assert_true(fixture_start(f) > 0);
}

/* --- In order --------------------------------------------------------------
 */

/* Goal: a stop right behind the drop, before what names it is committed. */
static void test_a_stop_before_the_name(void **state) {
    struct fixture *f = *state;
    drop_by_a_job(f);
    stream_give_up(f->stream);
    fixture_kill(f);
    fixture_open(f);
    assert_int_equal(fixture_check_named(f), fixture_start(f));
}

/* Goal: a stop while the stream is full, and cannot commit what names it. */
static void test_a_stop_while_full(void **state) {
    struct fixture *f = *state;
    f->config.free_floor = 1;
    open_dropping(f);
    drop_segments(f, 1);
    fixture_settle(f);
    /* From here on the ledger alone can be written. */
    uint64_t start = fixture_start(f);
    fake_disk_set_free(f->fake, 0);
    for (uint64_t number = 1000; !f->door.waits; number++) {
        assert_true(number < 1200);
        if (!stream_is_full(f->stream)) {
            fixture_large(f, number);
        }
        fixture_ask(f);
        fixture_settle(f);
    }
    assert_non_null(stream_full_reason(f->stream));
    assert_true(fixture_start(f) > start);
    stream_give_up(f->stream);
    fixture_close(f);
    fake_disk_set_free(f->fake, UINT64_MAX);
    fixture_open(f);
    assert_true(fixture_check_named(f) >= fixture_start(f));
}

/* Goal: what has its name gets no other, however often the process ends. */
static void test_is_named_once(void **state) {
    struct fixture *f = *state;
    open_dropping(f);
    drop_segments(f, 3);
    fixture_commit(f);
    uint64_t end = fixture_end(f);
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0) {
            fixture_kill(f);
        } else {
            fixture_close(f);
        }
        fixture_open(f);
        assert_int_equal(fixture_check_named(f), fixture_start(f));
        assert_int_equal(fixture_end(f), end);
    }
}

/* Goal: a stream that may not drop any more names what it dropped. */
static void test_a_stream_that_rejects_now(void **state) {
    struct fixture *f = *state;
    drop_by_a_job(f);
    fixture_kill(f);
    f->settings->when_full = CONFIG_FULL_REJECT;
    f->settings->capacity = 64 * MIB;
    fixture_open(f);
    assert_int_equal(fixture_check_named(f), fixture_start(f));
    assert_true(fixture_start(f) > 0);
}

/* Goal: a stream that rejects has no file for it. */
static void test_no_file_where_nothing_drops(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_commit_large(f, 0, 3);
    assert_false(fixture_has_file(f, "dropped"));
    fixture_close(f);
    open_dropping(f);
    assert_true(fixture_has_file(f, "dropped"));
}

/* Goal: before the first tick a drop goes by what the start knows the cloud to
 * have. */
static void test_a_drop_before_the_first_tick(void **state) {
    struct fixture *f = *state;
    uint64_t number = count_up_to_drop(1);
    open_dropping(f);
    fixture_commit_large(f, 0, number);
    fixture_close(f);
    f->known_end = 5;
    fixture_open(f);
    for (; fixture_start(f) == 0; number++) {
        fixture_commit_large(f, number, 1);
    }
    fixture_commit(f);
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventsDropped"), 1);
    assert_non_null(
        strstr(fixture_find(f, "EventsDropped", 0)->data, "\"first\":5,"));
    assert_int_equal(stream_counts(f->stream).dropped, fixture_start(f) - 5);
}

/* --- Ends in between --------------------------------------------------------
 */

enum { GONE = FAKE_TEAR + 1 }; /* the process alone */

/* A life in which the world stops in the n-th call from the commit on that
 * drops; false if there are fewer. Returns also how many are meant twice. */
static bool ends_at_call(uint64_t n, uint64_t number, int fate,
                         uint64_t *ret_twice) {
    struct fixture *f = fixture_new(5);
    open_dropping(f);
    fixture_commit_large(f, 0, number);
    f->may_fail = true;
    fake_disk_stop_at(f->fake, n);
    for (int i = 0; i < 4 && !fake_disk_stopped(f->fake); i++) {
        if (!stream_is_full(f->stream)) {
            fixture_large(f, number++);
        }
        fixture_ask(f);
        fixture_settle(f);
    }
    bool stopped = fake_disk_stopped(f->fake);
    fake_disk_stop_at(f->fake, 0);
    if (fate == GONE) {
        fixture_kill(f);
    } else {
        fixture_crash(f, (enum fake_fate)fate);
    }
    fixture_open(f);
    fixture_commit(f);
    uint64_t meant = fixture_check_named(f);
    assert_true(meant >= fixture_start(f));
    *ret_twice = meant - fixture_start(f);
    fixture_close(f);
    fixture_free(f);
    return stopped;
}

/* Goal: wherever the first drop and its naming are cut off, it is named, and
 * once. */
static void test_ends_at_every_call(void **state) {
    (void)state;
    uint64_t number = count_up_to_drop(1);
    for (int fate = FAKE_KEEP; fate <= GONE; fate++) {
        uint64_t twice;
        uint64_t n = 1;
        for (; ends_at_call(n, number, fate, &twice); n++) {
            assert_int_equal(twice, 0);
        }
        assert_true(n > 10);
    }
}

/* Goal: the same where the segment that goes holds the name of an earlier one:
 * that may be named twice, if its name was to go and did not. */
static void test_ends_at_every_call_with_a_name(void **state) {
    (void)state;
    uint64_t number = count_up_to_drop(5);
    uint64_t segment = count_up_to_drop(2) - count_up_to_drop(1);
    for (int fate = FAKE_KEEP; fate <= GONE; fate++) {
        uint64_t twice;
        for (uint64_t n = 1; ends_at_call(n, number, fate, &twice); n++) {
            assert_true(twice <= segment + 2);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_a_stop_before_the_name),
        FIXTURE_TEST(test_a_stop_while_full),
        FIXTURE_TEST(test_is_named_once),
        FIXTURE_TEST(test_a_stream_that_rejects_now),
        FIXTURE_TEST(test_no_file_where_nothing_drops),
        FIXTURE_TEST(test_a_drop_before_the_first_tick),
        cmocka_unit_test(test_ends_at_every_call),
        cmocka_unit_test(test_ends_at_every_call_with_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
