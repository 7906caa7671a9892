/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker refused, told by the stream: to the device, and to head
 * office. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/stream/own_event.h"
#include "gateway/stream/refuse.h"
#include "tests/unit/stream/fixture_read.h"

static err_t refuse_of(struct fixture *f, const char *device, const char *id) {
    const struct stream_refusal refusal = {
        .device = slice_from_str(device),
        .id = slice_from_str(id),
        .why = "the topic is another device's",
        .encoding = EVENT_ENCODING_JSON,
    };
    return stream_refuse(f->stream, &refusal);
}

static void refuse(struct fixture *f, const char *id) {
    assert_int_equal(refuse_of(f, "till-1", id), ERR_OK);
}

/* Goal: the device is told with the id and the reason, on its own topic, once
 * the record of it is durable and not before (P4); no door asks for that. */
static void test_told_when_durable(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    refuse(f, "e-1");
    assert_int_equal(f->seen.rejected_count, 0);
    assert_true(fixture_work(f));
    assert_int_equal(f->seen.rejected_count, 0);
    assert_true(fixture_done(f));
    assert_int_equal(f->seen.rejected_count, 1);
    assert_string_equal(f->seen.rejected[0].device, "till-1");
    assert_string_equal(f->seen.rejected[0].id, "e-1");
    assert_string_equal(f->seen.rejected[0].reason,
                        "the topic is another device's");
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"), 1);
    assert_non_null(
        strstr(fixture_find(f, "EventRejected", 0)->data,
               "{\"device\":\"till-1\",\"eventId\":\"e-1\",\"reason\":"));
    struct stream_counts counts = stream_counts(f->stream);
    assert_int_equal(counts.received, 1);
    assert_int_equal(counts.rejected, 1);
    assert_int_equal(counts.accepted, 0);
}

/* Goal: a process that ends before the commit has told nobody. */
static void test_a_kill_before_it(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    refuse(f, "e-1");
    fixture_crash(f, FAKE_DROP);
    assert_int_equal(f->seen.rejected_count, 0);
    fixture_open(f);
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"), 0);
}

/* Goal: in a batch that fills it waits for the door, as the messages do. */
static void test_with_a_door(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 1);
    refuse(f, "e-1");
    assert_false(fixture_work(f));
    fixture_small(f, 2);
    fixture_commit(f);
    assert_int_equal(f->commit_jobs, 1);
    assert_int_equal(f->seen.rejected_count, 1);
    assert_int_equal(f->seen.accepted_count, 2);
}

/* Goal: while a commit runs it is said with the next, by itself. */
static void test_during_a_commit(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 1);
    fixture_ask(f);
    refuse(f, "e-1");
    assert_true(fixture_run(f));
    assert_int_equal(f->seen.accepted_count, 1);
    assert_int_equal(f->seen.rejected_count, 0);
    fixture_settle(f);
    assert_int_equal(f->seen.rejected_count, 1);
    assert_int_equal(f->commit_jobs, 2);
}

/* Goal: head office learns of 60 a minute; the device of each, at once where
 * nothing is written for it. */
static void test_the_minute(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    char id[16];
    for (int i = 0; i < OWN_EVENT_REJECTED_A_MINUTE; i++) {
        snprintf(id, sizeof id, "e-%d", i);
        refuse(f, id);
    }
    fixture_settle(f);
    assert_int_equal(f->seen.rejected_count, OWN_EVENT_REJECTED_A_MINUTE);
    refuse(f, "one-more");
    assert_int_equal(f->seen.rejected_count, OWN_EVENT_REJECTED_A_MINUTE + 1);
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"),
                     OWN_EVENT_REJECTED_A_MINUTE);
    f->mono_us += 60 * 1000000LL;
    refuse(f, "later");
    fixture_settle(f);
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"),
                     OWN_EVENT_REJECTED_A_MINUTE + 1);
}

/* Goal: what waits is bounded, and a disk that hangs changes nothing in that.
 */
static void test_a_flood(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    for (int i = 0; i < STREAM_REFUSALS_MAX; i++) {
        refuse(f, "");
    }
    assert_int_equal(refuse_of(f, "till-1", ""), ERR_AGAIN);
    assert_int_equal(stream_counts(f->stream).rejected, STREAM_REFUSALS_MAX);
    f->crashing = true; /* nobody reads so many */
    fixture_settle(f);
    f->crashing = false;
    refuse(f, "e-1");
    fixture_settle(f);
}

/* Goal: a batch that is full has no room for it; the next one has, even before
 * a door asks for a message's room. */
static void test_full(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    uint64_t number = 0;
    while (!stream_is_full(f->stream)) {
        fixture_large(f, number++);
    }
    uint64_t rejected = stream_counts(f->stream).rejected;
    assert_int_equal(refuse_of(f, "till-1", "e-1"), ERR_AGAIN);
    assert_int_equal(stream_counts(f->stream).rejected, rejected);
    fixture_commit(f);
    refuse(f, "e-1");
    fixture_settle(f);
    assert_int_equal(f->seen.rejected_count, 1);
}

/* Goal: nothing is said any more while the process stops. */
static void test_stopping(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    stream_give_up(f->stream);
    assert_int_equal(refuse_of(f, "till-1", "e-1"), ERR_AGAIN);
    fixture_settle(f);
}

/* Goal: nobody is told under a name that no device can have. */
static void test_no_device(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    assert_int_equal(refuse_of(f, "", "e-1"), ERR_REFUSED);
    assert_int_equal(refuse_of(f, "gateway", "e-1"), ERR_REFUSED);
    assert_int_equal(refuse_of(f, "a/b", "e-1"), ERR_REFUSED);
    assert_int_equal(stream_counts(f->stream).rejected, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_told_when_durable),
        FIXTURE_TEST(test_a_kill_before_it),
        FIXTURE_TEST(test_with_a_door),
        FIXTURE_TEST(test_during_a_commit),
        FIXTURE_TEST(test_the_minute),
        FIXTURE_TEST(test_a_flood),
        FIXTURE_TEST(test_full),
        FIXTURE_TEST(test_stopping),
        FIXTURE_TEST(test_no_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
