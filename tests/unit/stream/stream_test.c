/* SPDX-License-Identifier: Apache-2.0 */
/* A stream as a door sees it: what is taken, how long it may wait, what leaves
 * and to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

/* --- Pacing --------------------------------------------------------------- */

/* Goal: a batch waits for company from its first message on, not from the
 * last. */
static void test_commit_delay_counts_from_the_first(void **state) {
    struct fixture *f = *state;
    f->settings->commit_delay_ms = 500;
    fixture_open(f);
    assert_int_equal(stream_wait_ms(f->stream), 0); /* nothing waits */
    f->mono_us += 7000000;
    fixture_small(f, 0);
    assert_int_equal(stream_wait_ms(f->stream), 500);
    f->mono_us += 200000;
    fixture_small(f, 1);
    assert_int_equal(stream_wait_ms(f->stream), 300);
    f->mono_us += 299999;
    assert_int_equal(stream_wait_ms(f->stream), 1);
    f->mono_us += 1;
    assert_int_equal(stream_wait_ms(f->stream), 0);
    f->mono_us += 1000000;
    assert_int_equal(stream_wait_ms(f->stream), 0);
    fixture_commit(f);
    assert_int_equal(stream_wait_ms(f->stream), 0);
}

/* Goal: from half of the delay on a batch goes as soon as another event would
 * take another page, so that pages are written full. */
static void test_pages_are_filled(void **state) {
    struct fixture *f = *state;
    f->settings->commit_delay_ms = 1000;
    fixture_open(f);
    uint64_t number = 0;
    for (int round = 0; round < 20; round++) {
        const struct journal_stats before = *stream_journal_stats(f->stream);
        uint64_t wait_ms = 1000;
        while (wait_ms > 0) {
            fixture_small(f, number++);
            f->mono_us += 20000;
            wait_ms = stream_wait_ms(f->stream);
        }
        fixture_commit(f);
        const struct journal_stats *now = stream_journal_stats(f->stream);
        uint64_t frame = now->frames - before.frames;
        uint64_t payload = now->payload - before.payload;
        assert_true(frame - payload < JOURNAL_PAGE / 4);
        assert_in_range(frame, JOURNAL_PAGE, 3 * JOURNAL_PAGE);
    }
}

/* Goal: another delay takes effect for the batch that waits. */
static void test_commit_delay_changes(void **state) {
    struct fixture *f = *state;
    f->settings->commit_delay_ms = 500;
    fixture_open(f);
    fixture_small(f, 0);
    struct config_stream changed = *f->settings;
    changed.commit_delay_ms = 0;
    stream_reconfigure(f->stream, &changed);
    assert_int_equal(stream_wait_ms(f->stream), 0);
    changed.commit_delay_ms = 9000;
    stream_reconfigure(f->stream, &changed);
    f->mono_us += 1000000;
    assert_int_equal(stream_wait_ms(f->stream), 8000);
    fixture_commit(f);
}

/* Goal: the second batch has a wait of its own, and of duplicates alone too. */
static void test_commit_delay_of_the_next_batch(void **state) {
    struct fixture *f = *state;
    f->settings->commit_delay_ms = 500;
    fixture_open(f);
    fixture_small(f, 0);
    f->mono_us += 400000;
    fixture_ask(f);
    assert_int_equal(stream_wait_ms(f->stream), 0);
    f->mono_us += 400000;
    fixture_small(f, 1);
    assert_int_equal(stream_wait_ms(f->stream), 500);
    fixture_settle(f);
    f->mono_us += 100000;
    assert_int_equal(stream_wait_ms(f->stream), 400);
    fixture_commit(f);
    f->mono_us += 100000;
    assert_true(fixture_small(f, 0).duplicate);
    assert_int_equal(stream_wait_ms(f->stream), 500);
    f->mono_us += 600000;
    assert_int_equal(stream_wait_ms(f->stream), 0);
}

/* Goal: a full batch waits for nobody; a clock that stands still is no harm. */
static void test_a_full_batch_does_not_wait(void **state) {
    struct fixture *f = *state;
    f->settings->commit_delay_ms = 500;
    fixture_open(f);
    uint64_t number = 0;
    while (!stream_is_full(f->stream)) {
        fixture_large(f, number++);
        assert_int_equal(stream_wait_ms(f->stream),
                         stream_is_full(f->stream) ? 0 : 500);
    }
    assert_true(number > 5);
    assert_int_equal(stream_wait_ms(f->stream), 0);
}

/* --- Taking --------------------------------------------------------------- */

/* Goal: what is taken is counted, answered and remembered over a restart. */
static void test_repeats_over_a_restart(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_small(f, 0);
    fixture_small(f, 1);
    fixture_take_payload(f, "meter-1", "no event");
    fixture_commit(f);
    fixture_small(f, 1);
    fixture_commit(f);
    struct stream_counts counts = stream_counts(f->stream);
    assert_int_equal(counts.received, 4);
    assert_int_equal(counts.accepted, 2);
    assert_int_equal(counts.duplicates, 1);
    assert_int_equal(counts.rejected, 1);
    fixture_crash(f, FAKE_DROP);
    fixture_open(f);
    struct stream_answer answer = fixture_small(f, 0);
    assert_true(answer.duplicate);
    assert_int_equal(answer.needs_end, 1);
    fixture_commit(f);
    const struct fixture_seen *seen = &f->seen;
    assert_string_equal(seen->accepted[seen->accepted_count - 1].id, "m-0");
    assert_int_equal(seen->accepted[seen->accepted_count - 1].seq, 0);
}

/* Goal: a bad event is answered once its EventRejected is durable, which says
 * who, which and why. */
static void test_a_bad_event_is_answered_and_named(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    struct stream_answer answer = fixture_take_payload(f, "meter-1", "[]");
    assert_false(answer.duplicate);
    assert_int_equal(answer.needs_end, 1);
    fixture_take_payload(
        f, "meter-1",
        "{\"specversion\":\"1.0\",\"id\":\"b\",\"source\":\"/s/meter-2\","
        "\"type\":\"T\"}");
    assert_int_equal(f->seen.rejected_count, 0);
    fixture_commit(f);
    assert_int_equal(f->seen.rejected_count, 2);
    assert_string_equal(f->seen.rejected[0].device, "meter-1");
    assert_string_equal(f->seen.rejected[0].id, "");
    assert_string_equal(f->seen.rejected[1].id, "b");
    assert_non_null(strstr(f->seen.rejected[1].reason, "/s/meter-1"));
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"), 2);
    const char *first = fixture_find(f, "EventRejected", 0)->data;
    const char *second = fixture_find(f, "EventRejected", 1)->data;
    assert_non_null(
        strstr(first, "{\"device\":\"meter-1\",\"eventId\":null,\"reason\":"));
    assert_non_null(strstr(second, "\"eventId\":\"b\",\"reason\":\"source "));
}

/* Goal: at most 60 EventRejected a minute; all the rest are answered all the
 * same, and a minute later they are told of again. */
static void test_the_cap_on_rejections(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    for (int i = 0; i < 100; i++) {
        fixture_take_payload(f, "meter-1", "{}");
        fixture_commit(f);
        f->mono_us += 500000;
    }
    assert_int_equal(f->seen.rejected_count, 100);
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"), 60);
    f->mono_us += 9999999; /* a microsecond less than a minute in all */
    fixture_take_payload(f, "meter-1", "{}");
    fixture_commit(f);
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"), 60);
    f->mono_us += 1;
    for (int i = 0; i < 61; i++) {
        fixture_take_payload(f, "meter-1", "{}");
    }
    fixture_commit(f);
    assert_int_equal(f->seen.rejected_count, 162);
    fixture_read(f);
    assert_int_equal(fixture_count(f, "EventRejected"), 120);
}

/* Goal: who bears a name of the gateway's is told so, and nothing is said of it
 * in the journal. */
static void test_a_name_of_the_gateways(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    struct stream_answer answer =
        fixture_take(f, "gateway", "a", "Reading", "1");
    assert_int_equal(answer.needs_end, 0);
    fixture_commit(f);
    assert_int_equal(f->seen.rejected_count, 1);
    assert_non_null(strstr(f->seen.rejected[0].reason, "another name"));
    assert_int_equal(fixture_end(f), 0);
}

/* Goal: a rejection is not remembered: what was put right comes under the same
 * id. But one id for two events is refused. */
static void test_an_id_is_used_once(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_take(f, "meter-1", "a", "", "1");
    fixture_take(f, "meter-1", "a", "Reading", "1");
    fixture_take(f, "meter-1", "a", "Reading", "2");
    fixture_take(f, "meter-2", "a", "Reading", "2");
    fixture_commit(f);
    assert_int_equal(f->seen.accepted_count, 2);
    assert_int_equal(f->seen.rejected_count, 2);
    assert_non_null(strstr(f->seen.rejected[1].reason, "already used"));
}

/* --- The shop ------------------------------------------------------------- */

static uint32_t notices_to(const struct fixture *f, const char *device,
                           const char *type) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->seen.notice_count; i++) {
        count += strcmp(f->seen.notices[i].device, device) == 0 &&
                 strstr(f->seen.notices[i].payload, type) != NULL;
    }
    return count;
}

/* Goal: notices leave when what they speak of is durable, to whom they are due;
 * a repeated order is answered again. */
static void test_notices_leave_when_durable(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    fixture_open(f);
    fixture_order(f, 1);
    fixture_ask(f);
    fixture_order(f, 2);
    assert_int_equal(f->seen.notice_count, 0);
    fixture_settle(f);
    assert_int_equal(notices_to(f, "till-1", "OrderCreated"), 1);
    assert_int_equal(notices_to(f, "card-1", "PaymentRequested"), 1);
    assert_false(stream_is_settled(f->stream));
    fixture_commit(f);
    assert_int_equal(notices_to(f, "till-1", "OrderCreated"), 2);
    assert_int_equal(notices_to(f, "card-1", "PaymentRequested"), 2);
    assert_true(stream_is_settled(f->stream));
    /* The same order under another id of event. */
    fixture_take(f, "till-1", "again", "OrderPlaced",
                 "{\"orderId\":\"o-1\",\"customerId\":7,\"items\":[\"tea\"],"
                 "\"total\":\"12.50\",\"paymentDetails\":{\"paymentMethod\":"
                 "\"CARD\",\"terminal\":\"card-1\"}}");
    fixture_commit(f);
    assert_int_equal(notices_to(f, "till-1", "\"repeated\":true"), 1);
    assert_true(fixture_hash(f) == fixture_replayed_hash(f, NULL));
}

/* Goal: only payments whose request is durable are asked for again, while a
 * batch is open, and none is lost. */
static void test_payments_are_asked_again(void **state) {
    struct fixture *f = *state;
    f->settings->shop = true;
    fixture_open(f);
    fixture_order(f, 1);
    stream_repeat_payments(f->stream);
    assert_int_equal(f->seen.notice_count, 0);
    fixture_ask(f);
    stream_repeat_payments(f->stream);
    assert_int_equal(f->seen.notice_count, 0);
    fixture_settle(f);
    fixture_order(f, 2);
    stream_repeat_payments(f->stream);
    assert_int_equal(notices_to(f, "card-1", "\"o-1\""), 2);
    assert_int_equal(notices_to(f, "card-1", "\"o-2\""), 0);
    fixture_commit(f);
    assert_int_equal(notices_to(f, "card-1", "\"o-2\""), 1);
    fixture_crash(f, FAKE_DROP);
    fixture_open(f);
    stream_repeat_payments(f->stream);
    assert_int_equal(notices_to(f, "card-1", "\"o-1\""), 3);
    assert_int_equal(notices_to(f, "card-1", "\"o-2\""), 2);
}

/* Goal: many that wait are asked for in turn, a part at each call. */
static void test_many_payments_in_turn(void **state) {
    enum { ORDERS = 300, A_CALL = 256 };
    struct fixture *f = *state;
    f->settings->shop = true;
    fixture_open(f);
    for (uint64_t i = 0; i < ORDERS; i++) {
        fixture_order(f, i);
    }
    fixture_commit(f);
    f->seen.notice_count = 0;
    stream_repeat_payments(f->stream);
    assert_int_equal(f->seen.notice_count, A_CALL);
    stream_repeat_payments(f->stream);
    assert_int_equal(f->seen.notice_count, ORDERS);
    assert_int_equal(notices_to(f, "card-1", "\"o-299\""), 1);
    stream_repeat_payments(f->stream);
    assert_int_equal(f->seen.notice_count, ORDERS + A_CALL);
}

/* Goal: a stream without the shop has none, and asks for nothing. */
static bool notice_has(const struct fixture *f, uint32_t nth,
                       const char *what) {
    assert_true(nth < f->seen.notice_count);
    return strstr(f->seen.notices[nth].payload, what) != NULL;
}

/* Goal: a notice says in which life of the journal its event was published, and
 * the id begins with that life; an answer given again after a restart is of the
 * life that gave it first, whichever says it. */
static void test_a_notice_names_its_life(void **state) {
    struct fixture *f = *state;
    static const char order[] =
        "{\"orderId\":\"x\",\"customerId\":7,\"items\":[\"tea\"],"
        "\"total\":\"1\",\"paymentDetails\":{\"paymentMethod\":\"CASH\"}}";
    f->settings->shop = true;
    fixture_open(f);
    char life[64] = "\"journallife\":\"";
    char id[64] = "\"id\":\"";
    struct writer to = writer_over(life + strlen(life), EVENT_LIFE_DIGITS);
    event_life_write(&to, event_life_of(stream_journal_life(f->stream)));
    memcpy(id + strlen(id), to.data, EVENT_LIFE_DIGITS);
    (void)fixture_take(f, "till-1", "e-1", "OrderPlaced", order);
    fixture_commit(f);
    uint32_t count = f->seen.notice_count;
    assert_true(count >= 2);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(notice_has(f, i, life) && notice_has(f, i, id));
        assert_true(notice_has(f, i, "\"journalid\":\""));
    }
    fixture_close(f);
    fixture_open(f);
    (void)fixture_take(f, "till-1", "e-2", "OrderPlaced", order);
    fixture_commit(f);
    assert_int_equal(f->seen.notice_count, count + 1);
    assert_true(notice_has(f, count, "\"repeated\":true"));
    assert_true(notice_has(f, count, life) && notice_has(f, count, id));
}

static void test_without_a_shop(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    fixture_order(f, 1);
    fixture_commit(f);
    assert_null(stream_shop(f->stream));
    stream_repeat_payments(f->stream);
    assert_int_equal(f->seen.notice_count, 0);
    assert_ptr_equal(stream_config(f->stream), f->settings);
    assert_string_equal(stream_dir(f->stream), FIXTURE_DIR);
    assert_non_null(stream_journal_id(f->stream));
    assert_int_equal(stream_journal_stats(f->stream)->commits, 1);
}

/* --- Opening -------------------------------------------------------------- */

/* Goal: what cannot be opened leaves nothing open. */
static void test_a_stream_that_cannot_be_opened(void **state) {
    struct fixture *f = *state;
    struct reason reason;
    for (uint64_t n = 1; n < 4; n++) {
        fake_disk_fail_at(f->fake, FAKE_SYNC_DIR, n, ERR_IO);
        if (fixture_try_open(f, &reason) == ERR_OK) {
            fixture_close(f);
            continue;
        }
        assert_true(reason.text[0] != '\0');
        assert_null(f->stream);
    }
    fake_disk_fail_at(f->fake, FAKE_NONE, 0, ERR_OK);
    fixture_open(f);
}

/* Goal: damage that a start finds is announced before anything else is taken.
 */
static void test_damage_is_told_at_the_start(void **state) {
    struct fixture *f = *state;
    fixture_open(f);
    for (uint64_t i = 0; i < 4; i++) {
        fixture_small(f, i);
        fixture_commit(f);
    }
    fixture_close(f);
    fixture_damage(f, 1);
    fixture_open(f);
    assert_int_equal(fixture_damaged_count(f), 1);
    assert_int_equal(fixture_find(f, "JournalDamaged", 0)->seq, 4);
    assert_int_equal(fixture_end(f), 5);
    fixture_small(f, 9);
    fixture_commit(f);
}

/* Goal: whatever call to the disk fails while it starts, the next start tells
 * of the damage, once. */
static void test_a_start_that_fails_anywhere(void **state) {
    (void)state;
    for (enum fake_call call = FAKE_CREATE; call <= FAKE_SYNC_DIR; call++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            struct fixture *f = fixture_new(n);
            fixture_open(f);
            for (uint64_t i = 0; i < 4; i++) {
                fixture_small(f, i);
                fixture_commit(f);
            }
            fixture_close(f);
            fixture_damage(f, 1);
            struct reason reason;
            fake_disk_fail_at(f->fake, call, n, ERR_IO);
            err_t err = fixture_try_open(f, &reason);
            failed = fake_disk_failed(f->fake);
            fake_disk_fail_at(f->fake, FAKE_NONE, 0, ERR_OK);
            if (err == ERR_OK) {
                fixture_crash(f, FAKE_DROP);
            } else {
                assert_true(reason.text[0] != '\0');
                fake_disk_process_gone(f->fake);
            }
            fixture_open(f);
            assert_int_equal(fixture_damaged_count(f), 1);
            fixture_close(f);
            fixture_free(f);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_commit_delay_counts_from_the_first),
        FIXTURE_TEST(test_pages_are_filled),
        FIXTURE_TEST(test_commit_delay_changes),
        FIXTURE_TEST(test_commit_delay_of_the_next_batch),
        FIXTURE_TEST(test_a_full_batch_does_not_wait),
        FIXTURE_TEST(test_repeats_over_a_restart),
        FIXTURE_TEST(test_a_bad_event_is_answered_and_named),
        FIXTURE_TEST(test_the_cap_on_rejections),
        FIXTURE_TEST(test_a_name_of_the_gateways),
        FIXTURE_TEST(test_an_id_is_used_once),
        FIXTURE_TEST(test_notices_leave_when_durable),
        FIXTURE_TEST(test_payments_are_asked_again),
        FIXTURE_TEST(test_many_payments_in_turn),
        FIXTURE_TEST(test_a_notice_names_its_life),
        FIXTURE_TEST(test_without_a_shop),
        FIXTURE_TEST(test_a_stream_that_cannot_be_opened),
        FIXTURE_TEST(test_damage_is_told_at_the_start),
        cmocka_unit_test(test_a_start_that_fails_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
