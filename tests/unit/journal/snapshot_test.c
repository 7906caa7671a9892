/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot files: what is loaded is whole, of this journal and not ahead of it;
 * a bad one falls back to the one before, and is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/snapshot.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/support.h"

static const uint8_t id[JOURNAL_ID_SIZE] = "a journal's id..";

struct fixture {
    struct fake_disk *fake;
    struct disk disk;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->fake = fake_disk_new(7);
    fixture->disk = fake_disk_table(fixture->fake);
    assert_int_equal(fixture->disk.make_dir(fixture->disk.self, "/j"), ERR_OK);
    assert_int_equal(fixture->disk.sync_dir(fixture->disk.self, ""), ERR_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    fake_disk_free(fixture->fake);
    free(fixture);
    return 0;
}

static void save(const struct fixture *fixture, uint64_t seq,
                 const char *text) {
    struct reason reason = {""};
    const struct snapshot_about about = {id, seq};
    assert_int_equal(snapshot_write(&fixture->disk, "/j", &about, seq,
                                    slice_from_str(text), &reason),
                     ERR_OK);
}

static void save_twice(const struct fixture *fixture, uint64_t seq,
                       const char *text) {
    struct reason reason = {""};
    const struct snapshot_about about = {id, seq};
    assert_int_equal(snapshot_write_twice(&fixture->disk, "/j", &about, seq,
                                          slice_from_str(text), &reason),
                     ERR_OK);
}

struct taken {
    uint64_t seq;
    char text[64];
    err_t verdict; /* for the first that is offered */
};

static err_t take(void *context, uint64_t seq, struct slice content) {
    struct taken *taken = context;
    err_t verdict = taken->verdict;
    taken->verdict = ERR_OK;
    TRY(verdict);
    taken->seq = seq;
    return slice_to_str(content, taken->text, sizeof taken->text);
}

static err_t load(const struct fixture *fixture, const uint8_t *journal_id,
                  uint64_t end, struct taken *taken, struct reason *reason) {
    return snapshot_load(&fixture->disk, "/j", journal_id, end, take, taken,
                         reason);
}

static void expect(const struct fixture *fixture, uint64_t end, uint64_t seq,
                   const char *text) {
    struct taken taken = {0};
    struct reason reason = {""};
    assert_int_equal(load(fixture, id, end, &taken, &reason), ERR_OK);
    assert_int_equal(taken.seq, seq);
    assert_string_equal(taken.text, text);
}

static void expect_none(const struct fixture *fixture, uint64_t end) {
    struct taken taken = {0};
    struct reason reason = {""};
    assert_int_equal(load(fixture, id, end, &taken, &reason), ERR_NOT_FOUND);
}

static uint64_t covered(const struct fixture *fixture) {
    uint64_t seq = 99;
    assert_int_equal(snapshot_covered(&fixture->disk, "/j", &seq), ERR_OK);
    return seq;
}

/* Goal: the newest is loaded, two are kept, and only the older one's records
 * may be trimmed. */
static void keeps_the_two_newest(void **state) {
    const struct fixture *fixture = *state;
    expect_none(fixture, 100);
    assert_int_equal(covered(fixture), 0);
    save(fixture, 10, "ten");
    assert_int_equal(covered(fixture), 0);
    save(fixture, 20, "twenty");
    assert_int_equal(covered(fixture), 10);
    save(fixture, 30, "thirty");
    assert_int_equal(covered(fixture), 20);
    expect(fixture, 30, 30, "thirty");
    assert_int_equal(fixture->disk.unlink(fixture->disk.self,
                                          "/j/00000000000000000010.snap"),
                     ERR_NOT_FOUND);
}

/* Goal: one that is ahead of the journal is not written. */
static void refuses_to_be_ahead(void **state) {
    const struct fixture *fixture = *state;
    struct reason reason = {""};
    const struct snapshot_about about = {id, 11};
    assert_int_equal(snapshot_write(&fixture->disk, "/j", &about, 10,
                                    SLICE("eleven"), &reason),
                     ERR_RANGE);
    assert_non_null(strstr(reason.text, "ahead of the journal"));
    expect_none(fixture, 100);
}

/* Goal: one past the end of a journal that lost records is removed for good:
 * when the journal has the number again it stands for other records. */
static void removes_what_is_past_the_end(void **state) {
    const struct fixture *fixture = *state;
    save(fixture, 10, "ten");
    save(fixture, 20, "twenty");
    expect(fixture, 19, 10, "ten");
    expect(fixture, 20, 10, "ten");
}

/* Goal: so is another journal's. */
static void refuses_another_journals(void **state) {
    const struct fixture *fixture = *state;
    const uint8_t other[JOURNAL_ID_SIZE] = "another journal";
    struct taken taken = {0};
    struct reason reason = {""};
    save(fixture, 10, "ten");
    assert_int_equal(load(fixture, other, 100, &taken, &reason), ERR_NOT_FOUND);
}

static void flip(const struct fixture *fixture, const char *path,
                 uint64_t offset) {
    const struct disk *disk = &fixture->disk;
    uint8_t byte;
    size_t len;
    int fd;
    assert_int_equal(disk->open(disk->self, path, DISK_WRITE, &fd), ERR_OK);
    assert_int_equal(disk->read(disk->self, fd, offset, &byte, 1, &len),
                     ERR_OK);
    assert_int_equal(len, 1);
    byte ^= 0x10;
    assert_int_equal(disk->write(disk->self, fd, offset, slice_of(&byte, 1)),
                     ERR_OK);
    disk->close(disk->self, fd);
}

/* Goal: whichever byte is damaged, the one before is loaded instead. */
static void falls_back_from_any_damage(void **state) {
    (void)state;
    for (uint64_t offset = 0; offset < 42 + 6 + 9; offset++) {
        struct fixture *fixture;
        assert_int_equal(set_up((void **)&fixture), 0);
        save(fixture, 10, "ten");
        save(fixture, 20, "twenty");
        flip(fixture, "/j/00000000000000000020.snap", offset);
        expect(fixture, 100, 10, "ten");
        assert_int_equal(tear_down((void **)&fixture), 0);
    }
}

#define THIRTY "/j/00000000000000000030.snap"
#define THIRTYS_COPY "/j/00000000000000000030.copy"

static bool is_there(const struct fixture *fixture, const char *path) {
    int64_t changed_us;
    return fixture->disk.changed_us(fixture->disk.self, path, &changed_us) ==
           ERR_OK;
}

static void expect_list(const struct fixture *fixture, size_t count,
                        uint64_t newest) {
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t found;
    assert_int_equal(snapshot_list(&fixture->disk, "/j", seqs, &found), ERR_OK);
    assert_int_equal(found, count);
    assert_int_equal(seqs[0], newest);
    uint64_t end;
    assert_int_equal(snapshot_known_end(&fixture->disk, "/j", id, &end),
                     ERR_OK);
    assert_int_equal(end, newest);
}

/* Goal: a copy is the second of the two files: it covers at once, goes like any
 * older one, and has no number of its own. */
static void a_copy_is_the_second_file(void **state) {
    const struct fixture *fixture = *state;
    save(fixture, 10, "ten");
    save(fixture, 20, "twenty");
    save_twice(fixture, 30, "thirty");
    assert_int_equal(covered(fixture), 30);
    expect_list(fixture, 1, 30);
    save_twice(fixture, 30, "thirty"); /* again: as a later start does */
    assert_int_equal(covered(fixture), 30);
    save(fixture, 40, "forty");
    assert_int_equal(covered(fixture), 30);
    expect_list(fixture, 2, 40);
    assert_true(is_there(fixture, THIRTY));
    assert_false(is_there(fixture, THIRTYS_COPY));
    save_twice(fixture, 50, "fifty");
    struct reason reason = {""};
    assert_int_equal(snapshot_remove_others(&fixture->disk, "/j", 50, &reason),
                     ERR_OK);
    assert_int_equal(covered(fixture), 0);
    expect(fixture, 50, 50, "fifty");
}

static void refuses_to_copy_ahead(void **state) {
    const struct fixture *fixture = *state;
    struct reason reason = {""};
    const struct snapshot_about about = {id, 11};
    assert_int_equal(snapshot_write_twice(&fixture->disk, "/j", &about, 10,
                                          SLICE("eleven"), &reason),
                     ERR_RANGE);
    expect_none(fixture, 100);
}

static void expect_read(const struct fixture *fixture, err_t expected) {
    struct taken taken = {0};
    struct reason reason = {""};
    assert_int_equal(
        snapshot_read(&fixture->disk, "/j", id, 30, take, &taken, &reason),
        expected);
    assert_string_equal(taken.text, expected == ERR_OK ? "thirty" : "");
}

/* Goal: whichever byte of whichever of the two is damaged, the other is loaded;
 * with both damaged none is, and that there was one is still known. */
static void either_of_two_serves(void **state) {
    (void)state;
    static const char *const paths[] = {THIRTY, THIRTYS_COPY};
    for (uint64_t offset = 0; offset < 42 + 6 + 9; offset++) {
        for (int i = 0; i < 2; i++) {
            struct fixture *fixture;
            bool taken;
            assert_int_equal(set_up((void **)&fixture), 0);
            save_twice(fixture, 30, "thirty");
            flip(fixture, paths[i], offset);
            expect_read(fixture, ERR_OK);
            expect(fixture, 30, 30, "thirty");
            flip(fixture, paths[1 - i], offset);
            if (i == 1) {
                expect_read(fixture, ERR_CORRUPT);
            }
            expect_none(fixture, 30);
            assert_int_equal(snapshot_was_taken(&fixture->disk, "/j", &taken),
                             ERR_OK);
            assert_true(taken);
            assert_int_equal(tear_down((void **)&fixture), 0);
        }
    }
}

/* Goal: a copy alone serves, too, and tells what a snapshot tells. */
static void a_copy_alone(void **state) {
    const struct fixture *fixture = *state;
    bool taken;
    save_twice(fixture, 30, "thirty");
    assert_int_equal(fixture->disk.unlink(fixture->disk.self, THIRTY), ERR_OK);
    assert_int_equal(covered(fixture), 0);
    expect_list(fixture, 1, 30);
    expect_read(fixture, ERR_OK);
    assert_int_equal(snapshot_was_taken(&fixture->disk, "/j", &taken), ERR_OK);
    assert_true(taken);
    uint64_t end;
    const uint8_t other[JOURNAL_ID_SIZE] = "another journal";
    assert_int_equal(snapshot_known_end(&fixture->disk, "/j", other, &end),
                     ERR_OK);
    assert_int_equal(end, 0);
    expect(fixture, 30, 30, "thirty");
    expect_none(fixture, 29); /* past the end: gone for good */
    expect_none(fixture, 30);
}

/* Goal: what its reader calls corrupt falls back too; what it calls another
 * version's stays, and nothing older is taken in its place. */
static void asks_the_reader(void **state) {
    const struct fixture *fixture = *state;
    struct reason reason = {""};
    save(fixture, 10, "ten");
    save(fixture, 20, "twenty");
    struct taken taken = {.verdict = ERR_UNSUPPORTED};
    assert_int_equal(load(fixture, id, 100, &taken, &reason), ERR_UNSUPPORTED);
    expect(fixture, 100, 20, "twenty");
    taken = (struct taken){.verdict = ERR_CORRUPT};
    assert_int_equal(load(fixture, id, 100, &taken, &reason), ERR_OK);
    assert_int_equal(taken.seq, 10);
}

static void spoil(const struct fixture *fixture, const char *path) {
    if (is_there(fixture, path)) {
        flip(fixture, path, 0);
    }
}

/* What is loaded is whole and one of the last two, never less than the second;
 * what the files cover is still loaded if the newest of them is bad. */
static void expect_a_whole_one(const struct fixture *fixture, err_t err) {
    uint64_t cover = covered(fixture);
    struct taken taken = {0};
    struct reason reason = {""};
    assert_int_equal(load(fixture, id, 30, &taken, &reason), ERR_OK);
    assert_true(taken.seq == 30 || (taken.seq == 20 && err != ERR_OK));
    spoil(fixture, taken.seq == 30 ? THIRTY : "/j/00000000000000000020.snap");
    assert_int_equal(load(fixture, id, 30, &taken, &reason), ERR_OK);
    assert_true(taken.seq >= cover && cover >= 10);
}

typedef err_t write_fn(const struct disk *disk, const char *dir,
                       const struct snapshot_about *about, uint64_t durable_end,
                       struct slice content, struct reason *reason);

static void cut_the_power(write_fn *write) {
    bool done = false;
    for (uint64_t stop = 1; !done; stop++) {
        for (uint64_t seed = 0; seed < 50; seed++) {
            struct fake_disk *fake = fake_disk_new(seed);
            struct fixture fixture = {fake, fake_disk_table(fake)};
            const struct disk *disk = &fixture.disk;
            assert_int_equal(disk->make_dir(disk->self, "/j"), ERR_OK);
            assert_int_equal(disk->sync_dir(disk->self, ""), ERR_OK);
            save(&fixture, 10, "ten");
            save(&fixture, 20, "twenty");
            struct reason reason = {""};
            const struct snapshot_about about = {id, 30};
            fake_disk_stop_at(fake, stop);
            err_t err = write(disk, "/j", &about, 30, SLICE("thirty"), &reason);
            done = !fake_disk_stopped(fake);
            fake_disk_power_cut(fake, FAKE_TEAR);
            expect_a_whole_one(&fixture, err);
            fake_disk_free(fake);
        }
    }
}

/* Goal: the power goes at any call while a third, or a third and its copy, is
 * written. */
static void survives_a_power_cut_at_any_call(void **state) {
    (void)state;
    cut_the_power(snapshot_write);
    cut_the_power(snapshot_write_twice);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_the_two_newest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_to_be_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removes_what_is_past_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_another_journals, set_up,
                                        tear_down),
        cmocka_unit_test(falls_back_from_any_damage),
        cmocka_unit_test_setup_teardown(a_copy_is_the_second_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_to_copy_ahead, set_up,
                                        tear_down),
        cmocka_unit_test(either_of_two_serves),
        cmocka_unit_test_setup_teardown(a_copy_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_the_reader, set_up, tear_down),
        cmocka_unit_test(survives_a_power_cut_at_any_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
