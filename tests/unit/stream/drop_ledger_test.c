/* SPDX-License-Identifier: Apache-2.0 */
/* What is dropped has a name that the cloud gets, whatever ends the process and
 * whatever is dropped later: the ledger over a journal of its own. */
#include "gateway/stream/drop_ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xxhash.h>

#include "tests/unit/stream/fixture_read.h"

#define FILE_PATH FIXTURE_DIR "/dropped"

enum { RECORD = 60000, PER_SEGMENT = 20, PAGE = 4096, SUMMED = PAGE - 8 };

struct world {
    struct fixture *f;
    struct journal *journal;
    struct drop_ledger *ledger;
};

static void open_both(struct world *w) {
    w->journal = fixture_journal(w->f);
    w->ledger = fixture_ledger(w->f, w->journal);
}

static void close_both(struct world *w) {
    drop_ledger_close(w->ledger);
    journal_close(w->journal);
    w->ledger = NULL;
    w->journal = NULL;
}

static int setup(void **state) {
    static struct world w;
    w = (struct world){.f = fixture_new(5)};
    w.f->settings->capacity = 0;
    w.f->settings->when_full = CONFIG_FULL_DROP_OLDEST;
    open_both(&w);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    close_both(w);
    fixture_free(w->f);
    return 0;
}

static void reopen(struct world *w) {
    close_both(w);
    open_both(w);
}

static void append(struct world *w, uint64_t count) {
    static uint8_t memory[RECORD];
    for (uint64_t i = 0; i < count; i++) {
        journal_begin(w->journal);
        (void)support_append(
            w->journal,
            support_record(journal_next_seq(w->journal), RECORD, memory));
        support_commit(w->journal);
    }
}

static struct journal_segment oldest(const struct world *w) {
    struct journal_segment segment;
    assert_true(journal_oldest(w->journal, &segment));
    return segment;
}

static void trim(struct world *w) {
    struct reason reason;
    assert_int_equal(journal_trim(w->journal, &reason), ERR_OK);
}

static void add(struct world *w, uint64_t first, uint64_t end) {
    struct reason reason;
    assert_int_equal(drop_ledger_add(w->ledger, first, end, &reason), ERR_OK);
}

/* Drops the oldest segment whole. */
static struct journal_segment drop(struct world *w) {
    const struct journal_segment segment = oldest(w);
    add(w, segment.first_seq, segment.end_seq);
    trim(w);
    return segment;
}

/* Names what is offered, by a record that is committed. */
static uint64_t name(struct world *w) {
    struct reason reason;
    uint64_t seq = journal_next_seq(w->journal);
    assert_int_equal(drop_ledger_name(w->ledger, seq, &reason), ERR_OK);
    append(w, 1);
    return seq;
}

static void offers(struct world *w, uint64_t first, uint64_t end,
                   uint64_t count) {
    const struct drop_range range = drop_ledger_offer(w->ledger);
    assert_int_equal(range.count, count);
    if (count > 0) {
        assert_int_equal(range.first, first);
        assert_int_equal(range.end, end);
    }
}

static void offers_nothing(struct world *w) {
    offers(w, 0, 0, 0);
}

/* Goal: what is dropped is offered until it has its name, with what was dropped
 * since; what was dropped behind an offer is not named with it. */
static void test_is_offered_until_named(void **state) {
    struct world *w = *state;
    offers_nothing(w);
    append(w, 5 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    offers(w, 0, one.end_seq, one.end_seq);
    offers(w, 0, one.end_seq, one.end_seq);
    const struct journal_segment two = drop(w);
    offers(w, 0, two.end_seq, two.end_seq);
    const struct journal_segment three = drop(w);
    name(w);
    offers(w, three.first_seq, three.end_seq, three.end_seq - three.first_seq);
    name(w);
    offers_nothing(w);
    reopen(w);
    offers_nothing(w);
}

/* Goal: what has no name is offered by the next process, as it was. */
static void test_outlives_the_process(void **state) {
    struct world *w = *state;
    append(w, 5 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    (void)drop_ledger_offer(w->ledger);
    name(w);
    reopen(w);
    offers_nothing(w);
    const struct journal_segment two = drop(w);
    for (int i = 0; i < 3; i++) {
        reopen(w);
        offers(w, one.end_seq, two.end_seq, two.end_seq - one.end_seq);
    }
}

/* Drops up to the record `seq`, with it; how many that were, and where it ends.
 */
static uint64_t drop_with(struct world *w, uint64_t seq, uint64_t *ret_end) {
    uint64_t count = 0;
    uint64_t end = 0;
    append(w, 3 * PER_SEGMENT);
    while (end <= seq) {
        const struct journal_segment segment = drop(w);
        count += segment.end_seq - segment.first_seq;
        end = segment.end_seq;
    }
    *ret_end = end;
    return count;
}

/* Goal: what is dropped with its name is to be named anew, whole, with what
 * else was dropped; the names behind stay, and a restart changes nothing. */
static void test_a_name_that_is_dropped(void **state) {
    struct world *w = *state;
    uint64_t end;
    append(w, 3 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    offers(w, 0, one.end_seq, one.end_seq);
    uint64_t first_name = name(w);
    append(w, 2 * PER_SEGMENT);
    const struct journal_segment two = drop(w);
    (void)drop_ledger_offer(w->ledger);
    name(w);
    assert_true(two.end_seq <= first_name);
    uint64_t count = drop_with(w, first_name, &end);
    offers(w, 0, end, one.end_seq + count);
    reopen(w);
    offers(w, 0, end, one.end_seq + count);
}

/* Goal: what is named and delivered is never named again, be its name trimmed,
 * or dropped by a stream that counts from what is delivered. */
static void test_a_name_that_is_delivered(void **state) {
    struct world *w = *state;
    uint64_t end;
    append(w, 3 * PER_SEGMENT);
    drop(w);
    (void)drop_ledger_offer(w->ledger);
    uint64_t seq = name(w);
    append(w, 2 * PER_SEGMENT);
    while (oldest(w).end_seq <= seq) {
        trim(w);
    }
    end = oldest(w).end_seq;
    add(w, seq + 1, end);
    offers(w, seq + 1, end, end - seq - 1);
    trim(w);
    name(w);
    append(w, 2 * PER_SEGMENT);
    uint64_t last = journal_next_seq(w->journal);
    append(w, 2 * PER_SEGMENT);
    while (oldest(w).end_seq <= last) { /* delivered: the ledger is not asked */
        trim(w);
    }
    reopen(w);
    offers_nothing(w);
    drop(w);
    (void)drop_ledger_offer(w->ledger);
    w->f->known_end = 1 + name(w);
    reopen(w);
    append(w, 3 * PER_SEGMENT);
    const struct journal_segment three = drop(w);
    offers(w, three.first_seq, three.end_seq, three.end_seq - three.first_seq);
}

/* Goal: a name that was never committed is none, also once another record has
 * its number. */
static void test_a_name_that_never_came(void **state) {
    struct world *w = *state;
    struct reason reason;
    append(w, 3 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    (void)drop_ledger_offer(w->ledger);
    assert_int_equal(
        drop_ledger_name(w->ledger, journal_next_seq(w->journal), &reason),
        ERR_OK);
    offers_nothing(w);
    reopen(w);
    append(w, 3);
    reopen(w);
    offers(w, 0, one.end_seq, one.end_seq);
}

/* Goal: what was written and not trimmed is not dropped, also once it is
 * trimmed for another reason; what was dropped before is. */
static void test_a_trim_that_never_came(void **state) {
    struct world *w = *state;
    append(w, 4 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    const struct journal_segment two = oldest(w);
    add(w, two.first_seq, two.end_seq);
    reopen(w);
    trim(w); /* it was delivered meanwhile */
    reopen(w);
    offers(w, 0, one.end_seq, one.end_seq);
}

/* Goal: any number of names; each that is lost leaves nothing without one. */
static void test_many_names(void **state) {
    enum { NAMES = 140 };
    struct world *w = *state;
    struct reason reason;
    append(w, 1);
    for (uint64_t i = 0; i < NAMES; i++) {
        add(w, i, i + 1);
        offers(w, i, i + 1, 1);
        assert_int_equal(drop_ledger_name(w->ledger, 1000 + i, &reason),
                         ERR_OK);
    }
    offers_nothing(w);
    drop_ledger_lose_names(w->ledger, 1000 + NAMES - 1, 2000);
    offers(w, NAMES - 1, NAMES, 1);
    drop_ledger_lose_names(w->ledger, 1000, 1001); /* the first of all */
    const struct drop_range range = drop_ledger_offer(w->ledger);
    assert_int_equal(range.first, 0);
    assert_true(range.count >= 2);
    drop_ledger_lose_names(w->ledger, 0, 2000);
    offers(w, 0, NAMES, NAMES);
}

/* Goal: a name that damage took is none, here and for the next process, unless
 * it is delivered. */
static void test_a_name_that_is_damaged(void **state) {
    struct world *w = *state;
    struct reason reason;
    append(w, 3 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    (void)drop_ledger_offer(w->ledger);
    uint64_t seq = name(w);
    assert_int_equal(journal_note_gap(w->journal, seq, seq + 1, &reason),
                     ERR_OK);
    reopen(w);
    offers(w, 0, one.end_seq, one.end_seq);
    w->f->known_end = seq + 1;
    reopen(w);
    offers_nothing(w);
}

/* Goal: damage that only a dropped record tells of is named with it. */
static void test_damage_whose_name_is_dropped(void **state) {
    struct world *w = *state;
    struct reason reason;
    append(w, 2 * PER_SEGMENT);
    assert_int_equal(journal_note_gap(w->journal, 3, 5, &reason), ERR_OK);
    const struct journal_gap told = {3, 5, journal_next_seq(w->journal)};
    assert_int_equal(journal_mark_told(w->journal, &told, 1, &reason), ERR_OK);
    append(w, 3 * PER_SEGMENT);
    while (oldest(w).end_seq <= told.told_at) { /* is delivered */
        trim(w);
    }
    const struct journal_segment with_it = oldest(w);
    assert_true(with_it.first_seq > 5);
    drop(w);
    offers(w, 3, with_it.end_seq, with_it.end_seq - with_it.first_seq + 2);
}

/* --- The file ------------------------------------------------------------- */

/* Goal: a stream that drops has its file ready; another has none, and names
 * what an earlier one dropped. */
static void test_when_there_is_a_file(void **state) {
    struct world *w = *state;
    uint64_t size;
    assert_non_null(fake_disk_bytes(w->f->fake, FILE_PATH, &size));
    assert_int_equal(size, 2 * PAGE);
    close_both(w);
    assert_int_equal(w->f->disk.unlink(w->f->disk.self, FILE_PATH), ERR_OK);
    w->f->settings->when_full = CONFIG_FULL_REJECT;
    open_both(w);
    offers_nothing(w);
    assert_null(fake_disk_bytes(w->f->fake, FILE_PATH, &size));
    append(w, 3 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    reopen(w);
    offers(w, 0, one.end_seq, one.end_seq);
    name(w);
    offers_nothing(w);
}

static err_t try_open(struct world *w, struct reason *reason) {
    const struct drop_ledger_options options = {
        .disk = &w->f->disk,
        .dir = FIXTURE_DIR,
        .journal = w->journal,
        .drops = true,
    };
    drop_ledger_close(w->ledger);
    w->ledger = NULL;
    *reason = (struct reason){""};
    return drop_ledger_open(&options, &w->ledger, reason);
}

/* Goal: on a full disk the stream opens, and drops nothing until the file can
 * be made. */
static void test_a_full_disk(void **state) {
    struct world *w = *state;
    struct reason reason;
    append(w, 3 * PER_SEGMENT);
    assert_int_equal(w->f->disk.unlink(w->f->disk.self, FILE_PATH), ERR_OK);
    fake_disk_fail_at(w->f->fake, FAKE_WRITE, 1, ERR_FULL);
    assert_int_equal(try_open(w, &reason), ERR_OK);
    fake_disk_fail_at(w->f->fake, FAKE_WRITE, 1, ERR_FULL);
    assert_int_equal(drop_ledger_add(w->ledger, 0, 5, &reason), ERR_FULL);
    assert_non_null(strstr(reason.text, "/dropped"));
    offers_nothing(w);
    const struct journal_segment one = drop(w);
    offers(w, 0, one.end_seq, one.end_seq);
}

/* Goal: after a write that failed all is as it was, here and in the file, and
 * the next may succeed. */
static void test_a_write_that_fails(void **state) {
    struct world *w = *state;
    struct reason reason;
    append(w, 5 * PER_SEGMENT);
    const struct journal_segment one = drop(w);
    for (int i = 0; i < 3; i++) {
        fake_disk_fail_at(w->f->fake, i == 2 ? FAKE_SYNC : FAKE_WRITE, 1,
                          ERR_FULL);
        const struct journal_segment two = oldest(w);
        assert_int_equal(
            drop_ledger_add(w->ledger, two.first_seq, two.end_seq, &reason),
            ERR_FULL);
        offers(w, 0, one.end_seq, one.end_seq);
        fake_disk_fail_at(w->f->fake, FAKE_WRITE, 1, ERR_FULL);
        assert_int_equal(
            drop_ledger_name(w->ledger, journal_next_seq(w->journal), &reason),
            ERR_FULL);
        offers(w, 0, one.end_seq, one.end_seq);
        reopen(w);
        offers(w, 0, one.end_seq, one.end_seq);
    }
    name(w);
    offers_nothing(w);
}

/* Goal: what the disk cannot do at the start is an error with words. */
static void test_a_disk_that_fails(void **state) {
    struct world *w = *state;
    struct reason reason;
    static const enum fake_call calls[] = {FAKE_CREATE, FAKE_WRITE, FAKE_SYNC,
                                           FAKE_RENAME, FAKE_SYNC_DIR};
    fake_disk_fail_at(w->f->fake, FAKE_READ, 1, ERR_IO);
    assert_int_equal(try_open(w, &reason), ERR_IO);
    assert_non_null(strstr(reason.text, "/dropped"));
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        (void)w->f->disk.unlink(w->f->disk.self, FILE_PATH);
        fake_disk_fail_at(w->f->fake, calls[i], 1, ERR_IO);
        assert_int_equal(try_open(w, &reason), ERR_IO);
        assert_non_null(strstr(reason.text, "/dropped"));
    }
}

/* A slot as the header draws it, with one range; one of another version, of
 * another journal, or that no program wrote. */
struct drawn {
    uint32_t version;
    uint32_t count;
    uint64_t first;
    uint64_t end;
    uint64_t meant;
    bool other_journal;
    bool twice; /* a second range with the same name */
};

static void draw(const struct world *w, const struct drawn *drawn) {
    static uint8_t file[2 * PAGE];
    memset(file, 0, sizeof file);
    struct writer out = writer_over(file, SUMMED);
    writer_str(&out, "SEDGEDRP");
    writer_u32(&out, drawn->version);
    writer_u32(&out, drawn->count);
    writer_u64(&out, 8);
    writer_slice_add(&out, slice_of(journal_id(w->journal), JOURNAL_ID_SIZE));
    for (uint32_t i = 0; i < (drawn->twice ? 2U : 1U); i++) {
        writer_u64(&out, drawn->first);
        writer_u64(&out, drawn->end);
        writer_u64(&out, drawn->meant);
        writer_u64(&out, drawn->twice ? 1 : UINT64_MAX);
    }
    file[24] ^= drawn->other_journal;
    struct writer sum = writer_over(file + SUMMED, 8);
    writer_u64(&sum, XXH3_64bits(file, SUMMED));
    fake_disk_put(w->f->fake, FILE_PATH, slice_of(file, sizeof file));
}

/* Goal: the file is what the header draws; what is not is nothing, and is
 * replaced. */
static void test_the_format(void **state) {
    struct world *w = *state;
    struct reason reason;
    static const struct {
        struct drawn drawn;
        uint64_t count; /* that is offered */
    } rows[] = {
        {{1, 1, 2, 7, 4, false, false}, 4},
        {{1, 0, 2, 7, 4, false, false}, 0},
        {{1, 1, 2, 7, 4, true, false}, 0},
        {{1, 1, 2, 7, 6, false, false}, 0},
        {{1, 1, 2, 7, 0, false, false}, 0},
        {{1, 1, 7, 7, 1, false, false}, 0},
        {{1, 127, 2, 7, 4, false, false}, 0},
        {{1, 2, 2, 7, 4, false, true}, 0},
    };
    append(w, 3 * PER_SEGMENT);
    trim(w); /* it begins behind 7 */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        draw(w, &rows[i].drawn);
        assert_int_equal(try_open(w, &reason), ERR_OK);
        offers(w, 2, 7, rows[i].count);
        assert_int_equal(try_open(w, &reason), ERR_OK);
        offers(w, 2, 7, rows[i].count);
    }
    const struct drawn later = {2, 1, 2, 7, 4, false, false};
    draw(w, &later);
    assert_int_equal(try_open(w, &reason), ERR_UNSUPPORTED);
    assert_non_null(strstr(reason.text, "later version"));
}

/* Goal: with one slot damaged the other one stands; with both there is nothing,
 * and the file serves again. */
static void test_damaged_slots(void **state) {
    struct world *w = *state;
    append(w, 4 * PER_SEGMENT);
    const struct journal_segment one = drop(w); /* generation 1 */
    (void)drop_ledger_offer(w->ledger);
    name(w); /* generation 2 */
    fake_disk_flip(w->f->fake, FILE_PATH, 8 * 50);
    reopen(w);
    offers(w, 0, one.end_seq, one.end_seq);
    fake_disk_flip(w->f->fake, FILE_PATH, 8 * 50 + 1);
    fake_disk_flip(w->f->fake, FILE_PATH, 8 * (PAGE + 50));
    reopen(w);
    offers_nothing(w);
    const struct journal_segment two = drop(w);
    reopen(w);
    offers(w, two.first_seq, two.end_seq, two.end_seq - two.first_seq);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_is_offered_until_named),
        TEST(test_outlives_the_process),
        TEST(test_a_name_that_is_dropped),
        TEST(test_a_name_that_is_delivered),
        TEST(test_a_name_that_never_came),
        TEST(test_a_trim_that_never_came),
        TEST(test_many_names),
        TEST(test_a_name_that_is_damaged),
        TEST(test_damage_whose_name_is_dropped),
        TEST(test_when_there_is_a_file),
        TEST(test_a_full_disk),
        TEST(test_a_write_that_fails),
        TEST(test_a_disk_that_fails),
        TEST(test_the_format),
        TEST(test_damaged_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
