/* SPDX-License-Identifier: Apache-2.0 */
/* What an opening knows from elsewhere, and what it may not take for rot: how
 * far the journal once reached, which incarnations were taken, whose it is. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/damage.h"
#include "tests/unit/journal/fixture.h"

/* It is refused with these words and nothing is changed: with quarantine or
 * without, believing what is sealed or not. */
static void expect_refused(struct fixture *f, err_t wanted, const char *words) {
    for (int way = 0; way < 4; way++) {
        f->options.quarantine = way % 2 == 1;
        f->options.trust_sealed = way / 2 == 1;
        struct journal *journal;
        struct reason reason = {""};
        uint64_t calls = fake_disk_calls(f->fake);
        assert_int_equal(journal_open(&f->options, &journal, &reason), wanted);
        assert_int_equal(fake_disk_calls(f->fake), calls);
        if (strstr(reason.text, words) == NULL) {
            fail_msg("'%s' is not in '%s'", words, reason.text);
        }
    }
}

static void expect_gap(const struct journal *journal, size_t index,
                       uint64_t first, uint64_t end) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    assert_in_range(index, 0, count - 1);
    assert_int_equal(gaps[index].first, first);
    assert_int_equal(gaps[index].end, end);
    assert_int_equal(gaps[index].told_at, JOURNAL_UNTOLD);
}

static size_t gap_count(const struct journal *journal) {
    size_t count;
    (void)journal_gaps(journal, &count);
    return count;
}

/* --- A known end ---------------------------------------------------------- */

/* Goal: a journal that reaches exactly as far as it is known to have is whole;
 * one record less, and it is refused, or the record is announced as lost and
 * its number not used again. */
static void known_end_of_a_whole_journal(void **state) {
    struct fixture *f = *state;
    for (int killed = 0; killed < 2; killed++) {
        fixture_life(f, 5, killed == 1);
        uint64_t end = (uint64_t)(killed + 1) * 5;
        f->options.known_end = end;
        f->options.quarantine = killed == 1;
        struct journal *journal = support_open(&f->options);
        assert_int_equal(journal_next_seq(journal), end);
        assert_int_equal(gap_count(journal), 0);
        journal_close(journal);
    }
    f->options.known_end = 11;
    f->options.quarantine = false;
    struct journal *journal;
    struct reason reason = {""};
    uint64_t calls = fake_disk_calls(f->fake);
    assert_int_equal(journal_open(&f->options, &journal, &reason), ERR_CORRUPT);
    assert_int_equal(fake_disk_calls(f->fake), calls);
    assert_non_null(
        strstr(reason.text, "ends at record 10, but all records before 11"));
    f->options.quarantine = true;
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 11);
    assert_int_equal(gap_count(journal), 1);
    expect_gap(journal, 0, 10, 11);
    journal_close(journal);
    f->options.known_end = 0; /* it is recorded now */
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 11);
    journal_close(journal);
}

static void count_rot(void *context, const char *name) {
    size_t *count = context;
    *count += strstr(name, ".rot") != NULL;
}

static size_t files_set_aside(struct fixture *f) {
    const struct disk *disk = &f->platform.disk;
    size_t count = 0;
    assert_int_equal(disk->list(disk->self, FIXTURE_DIR, count_rot, &count),
                     ERR_OK);
    return count;
}

/* Goal: a frame at the end that does not verify is a torn tail, unless its
 * records are known to have been there: then it is damage, of those records and
 * no others, and the file is kept. */
static void known_end_of_a_torn_tail(void **state) {
    struct fixture *f = *state;
    (void)f;
    for (uint64_t known = 3; known <= 6; known++) {
        struct fixture *g;
        assert_int_equal(fixture_setup((void **)&g), 0);
        fixture_life(g, 5, true);
        fixture_rot(g, 0, 5); /* of record 4 */
        g->options.known_end = known;
        struct journal *journal;
        bool damaged = known > 4;
        if (damaged) {
            struct reason reason = {""};
            assert_int_equal(journal_open(&g->options, &journal, &reason),
                             ERR_CORRUPT);
        }
        g->options.quarantine = true;
        journal = support_open(&g->options);
        assert_int_equal(journal_next_seq(journal), damaged ? known : 4);
        assert_int_equal(gap_count(journal), damaged ? 1 : 0);
        assert_int_equal(files_set_aside(g), damaged ? 1 : 0);
        if (damaged) {
            expect_gap(journal, 0, 4, known);
        }
        journal_close(journal);
        fixture_teardown((void **)&g);
    }
}

/* Goal: with no segment left, all that was known to be there is lost, and the
 * numbers go on behind it. */
static void known_end_of_nothing(void **state) {
    struct fixture *f = *state;
    f->options.known_end = 7;
    f->options.whole = true;
    struct journal *journal;
    assert_int_equal(journal_open(&f->options, &journal, NULL), ERR_CORRUPT);
    f->options.quarantine = true;
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 7);
    assert_int_equal(atomic_load(&journal_position(journal)->start), 7);
    assert_int_equal(gap_count(journal), 1);
    expect_gap(journal, 0, 0, 7);
    journal_close(journal);
}

/* --- Incarnations -----------------------------------------------------------
 */

/* Goal: a segment of a lower incarnation than the one before it is another
 * life's, and no rot explains it. */
static void incarnation_goes_back(void **state) {
    struct fixture *f = *state;
    fixture_life(f, 2, false);
    fixture_life(f, 2, false);
    fixture_life(f, 2, false);
    struct segment_header header = fixture_header(f, 2);
    assert_int_equal(header.incarnation, 2);
    header = fixture_header(f, 0);
    header.incarnation = 3;
    fixture_put_header(f, 0, &header);
    for (int quarantine = 0; quarantine < 2; quarantine++) {
        f->options.trust_sealed = true; /* the frames are of another one */
        f->options.quarantine = quarantine == 1;
        struct journal *journal;
        struct reason reason = {""};
        uint64_t calls = fake_disk_calls(f->fake);
        assert_int_equal(journal_open(&f->options, &journal, &reason),
                         ERR_CORRUPT);
        assert_int_equal(fake_disk_calls(f->fake), calls);
        assert_non_null(strstr(reason.text, "its incarnation is lower"));
    }
}

/* Goal: where the header of the last segment is lost, no start takes an
 * incarnation that it may have had, nor does any later one. */
static void incarnation_behind_a_lost_header(void **state) {
    struct fixture *f = *state;
    fixture_life(f, 2, false);
    for (int i = 0; i < 5; i++) {
        fixture_life(f, 0, false); /* takes one, and leaves no trace of it */
    }
    fixture_life(f, 2, false);
    uint32_t lost = fixture_header(f, 2).incarnation;
    assert_int_equal(lost, 7);
    char lost_path[FIXTURE_PATH];
    fixture_segment(2, lost_path);
    for (uint64_t bit = 64; bit < 128; bit += 3) { /* its salt */
        fake_disk_flip(f->fake, lost_path, bit);
    }
    f->options.quarantine = true;
    fixture_life(f, 0, true);
    uint32_t taken = support_incarnation(&f->platform.disk, FIXTURE_DIR);
    assert_true(taken > lost);
    /* The file that says so by its own header goes as well. */
    char path[FIXTURE_PATH];
    fixture_segment(4, path);
    const struct disk *disk = &f->platform.disk;
    assert_int_equal(disk->unlink(disk->self, path), ERR_OK);
    fixture_life(f, 0, false);
    assert_true(support_incarnation(&f->platform.disk, FIXTURE_DIR) >= taken);
    fixture_life(f, 1, false);
    assert_true(support_incarnation(&f->platform.disk, FIXTURE_DIR) > taken);
}

/* Goal: of a journal whose last segment is empty and the only one nothing but
 * its name is left: it goes on there, and there is nothing to announce. */
static void the_end_of_an_empty_segment(void **state) {
    (void)state;
    for (int way = 0; way < 8; way++) {
        struct fixture *f;
        assert_int_equal(fixture_setup((void **)&f), 0);
        struct journal *journal = support_open(&f->options);
        fixture_write(journal, 5);
        assert_int_equal(journal_roll(journal, NULL), ERR_OK);
        assert_int_equal(journal_trim(journal, NULL), ERR_OK);
        fixture_kill(f, journal);
        char path[FIXTURE_PATH];
        fixture_segment(5, path);
        fake_disk_put(f->fake, path, SLICE_EMPTY);
        f->options.quarantine = true;
        f->options.trust_sealed = (way & 1) != 0;
        f->options.known_end = (way & 2) != 0 ? 5 : 0;
        for (int start = 0; start < 2; start++) {
            journal = support_open(&f->options);
            assert_int_equal(journal_next_seq(journal), 5);
            size_t count;
            const struct journal_gap *gaps = journal_gaps(journal, &count);
            for (size_t i = 0; i < count; i++) {
                assert_true(journal_gap_is_told(&gaps[i]));
            }
            if ((way & 4) != 0) {
                fixture_kill(f, journal);
            } else {
                journal_close(journal);
            }
        }
        fixture_teardown((void **)&f);
    }
}

/* --- Not ours, not rot
 * --------------------------------------------------------
 */

/* Goal: another store's or stream's journal, damaged or not, is refused. */
static void another_owner(void **state) {
    struct fixture *f = *state;
    fixture_life(f, 5, false);
    for (int damaged = 0; damaged < 2; damaged++) {
        f->options.store = "store-8";
        expect_refused(f, ERR_REFUSED,
                       "belongs to store store-7, stream orders");
        f->options.store = "store-7";
        f->options.stream = "telemetry";
        expect_refused(f, ERR_REFUSED,
                       "not to store store-7, stream telemetry");
        f->options.stream = "orders";
        fixture_rot(f, 0, 2);
    }
}

/* Goal: segments of two journals, and segments that overlap, are refused. */
static void segments_that_do_not_belong(void **state) {
    struct fixture *f = *state;
    fixture_life(f, 4, false);
    fixture_life(f, 4, false);
    struct segment_header header = fixture_header(f, 4);
    struct segment_header other = header;
    other.journal_id[3] ^= 1;
    fixture_put_header(f, 4, &other);
    expect_refused(f, ERR_CORRUPT, "another journal");
    fixture_put_header(f, 4, &header);

    /* The second segment, once more, as if it began within the first. */
    char path[FIXTURE_PATH];
    fixture_segment(4, path);
    uint64_t size;
    const uint8_t *bytes = fake_disk_bytes(f->fake, path, &size);
    fixture_segment(2, path);
    fake_disk_put(f->fake, path, slice_of(bytes, (size_t)size));
    header.first_seq = 2;
    fixture_put_header(f, 2, &header);
    for (int way = 0; way < 2; way++) {
        f->options.quarantine = way == 1;
        f->options.trust_sealed = false;
        struct journal *journal;
        struct reason reason = {""};
        uint64_t calls = fake_disk_calls(f->fake);
        assert_int_equal(journal_open(&f->options, &journal, &reason),
                         ERR_CORRUPT);
        assert_int_equal(fake_disk_calls(f->fake), calls);
        assert_non_null(
            strstr(reason.text, way == 0 ? "missing or repeated" : "overlaps"));
    }
}

/* Goal: a header that the disk cannot read is a lost one, as long as the page
 * behind it can be read: a bad page and not a bad disk. */
static void a_first_page_that_is_bad(void **state) {
    struct fixture *f = *state;
    fixture_life(f, 5, false);
    char path[FIXTURE_PATH];
    fixture_segment(0, path);
    fake_disk_spoil(f->fake, path, 0);
    f->options.quarantine = true;
    struct journal *journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 5);
    expect_gap(journal, 0, 0, 5);
    journal_close(journal);
}

/* --- Numbers that no journal reaches ---------------------------------------
 */

static void put_seal(struct fixture *f, uint64_t next_seq) {
    uint64_t size;
    const uint8_t *bytes = fake_disk_bytes(f->fake, FIXTURE_FIRST, &size);
    uint8_t *copy = malloc((size_t)size);
    assert_non_null(copy);
    memcpy(copy, bytes, (size_t)size);
    const struct segment_seal seal = {.next_seq = next_seq};
    segment_seal_write(&seal, fixture_header(f, 0).salt,
                       copy + size - JOURNAL_PAGE);
    fake_disk_put(f->fake, FIXTURE_FIRST, slice_of(copy, (size_t)size));
    free(copy);
}

static void put_gap(struct fixture *f, uint64_t end) {
    struct damage damage = {0};
    const struct journal_gap gap = {5, end, JOURNAL_UNTOLD};
    assert_int_equal(damage_add(&damage, gap), ERR_OK);
    assert_int_equal(damage_save(&f->platform.disk, FIXTURE_DIR, &damage, NULL),
                     ERR_OK);
    damage_free(&damage);
}

static void put_name(struct fixture *f, uint64_t first) {
    const struct disk *disk = &f->platform.disk;
    char path[FIXTURE_PATH];
    fixture_segment(first, path);
    assert_int_equal(disk->rename(disk->self, FIXTURE_FIRST, path), ERR_OK);
}

static void (*const forgeries[])(struct fixture *f, uint64_t number) = {
    put_seal, put_gap, put_name};

/* Goal: forged or not, a number is taken only if the journal can go on behind
 * it for ever; what is past that is refused, or does not verify, and nothing is
 * changed before that is known. */
static void numbers_that_no_journal_reaches(void **state) {
    (void)state;
    static const uint64_t numbers[] = {JOURNAL_END_MAX + 1, JOURNAL_SEQ_MAX,
                                       JOURNAL_SEQ_MAX + 1, UINT64_MAX - 1};
    for (size_t i = 0; i < 3 * 4; i++) {
        struct fixture *f;
        struct journal *journal;
        assert_int_equal(fixture_setup((void **)&f), 0);
        fixture_life(f, 5, false);
        uint64_t number = numbers[i % 4];
        forgeries[i / 4](f, number);
        f->options.quarantine = true;
        uint64_t calls = fake_disk_calls(f->fake);
        struct reason reason = {""};
        err_t err = journal_open(&f->options, &journal, &reason);
        bool unverified =
            number > JOURNAL_SEQ_MAX && forgeries[i / 4] != put_name;
        assert_int_equal(err == ERR_OK, unverified);
        if (unverified) { /* and it was of no use */
            assert_true(journal_next_seq(journal) <= 6);
            journal_close(journal);
        } else {
            assert_int_equal(err, ERR_CORRUPT);
            assert_int_equal(fake_disk_calls(f->fake), calls);
            assert_non_null(strstr(reason.text, "no journal reaches"));
        }
        fixture_teardown((void **)&f);
    }
}

static void known_end_that_no_journal_reaches(void **state) {
    struct fixture *f = *state;
    struct journal *journal;
    struct reason reason = {""};
    fixture_life(f, 5, false);
    f->options.known_end = JOURNAL_END_MAX + 1;
    assert_int_equal(journal_open(&f->options, &journal, &reason), ERR_RANGE);
    assert_non_null(strstr(reason.text, "file cursor damaged"));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(known_end_of_a_whole_journal),
        TEST(known_end_of_a_torn_tail),
        TEST(known_end_of_nothing),
        TEST(incarnation_goes_back),
        TEST(incarnation_behind_a_lost_header),
        TEST(another_owner),
        TEST(segments_that_do_not_belong),
        TEST(a_first_page_that_is_bad),
        TEST(the_end_of_an_empty_segment),
        TEST(numbers_that_no_journal_reaches),
        TEST(known_end_that_no_journal_reaches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
