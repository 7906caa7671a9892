/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor file: whatever happens to it, the bridge goes on at a place that
 * is safe, which is one that was saved, or 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/cursor.h"
#include "bridge/lane.h"
#include "gateway/journal/format.h"

struct room {
    struct platform platform;
    char dir[64];
    char path[80];
};

enum { OLD_SIZE = 40 }; /* of a slot in release 0.1.0 */

static const uint8_t ID[JOURNAL_ID_SIZE] = "a journal's id.";
static const struct cursor_owner OWNER = {ID, "orders"};

static int set_up(void **state) {
    struct room *room = calloc(1, sizeof *room);
    room->platform = platform_real();
    snprintf(room->dir, sizeof room->dir, "/tmp/cursor-test-XXXXXX");
    assert_non_null(mkdtemp(room->dir));
    snprintf(room->path, sizeof room->path, "%s/cursor", room->dir);
    *state = room;
    return 0;
}

static int tear_down(void **state) {
    struct room *room = *state;
    unlink(room->path);
    rmdir(room->dir);
    free(room);
    return 0;
}

static err_t open_cursor(struct room *room, struct cursor_file *file,
                         bool *ret_damaged) {
    struct reason reason;
    enum cursor_found found = CURSOR_GOOD;
    err_t err = cursor_file_open(file, &room->platform.disk, room->dir, &OWNER,
                                 &found, &reason);
    *ret_damaged = found == CURSOR_DAMAGED;
    assert_int_not_equal(found, CURSOR_FOREIGN);
    return err;
}

static uint64_t read_back(struct room *room, bool *ret_damaged) {
    struct cursor_file file;
    assert_int_equal(open_cursor(room, &file, ret_damaged), ERR_OK);
    cursor_file_close(&file);
    return file.saved;
}

static void save(struct room *room, uint64_t cursor) {
    struct cursor_file file;
    bool damaged;
    assert_int_equal(open_cursor(room, &file, &damaged), ERR_OK);
    assert_int_equal(cursor_file_save(&file, cursor, NULL), ERR_OK);
    assert_int_equal(file.saved, cursor);
    cursor_file_close(&file);
}

/* Goal: a new file stands at 0 and is not called damaged; what is saved is read
 * back, each time the last. */
static void test_the_last_one_saved_counts(void **state) {
    struct room *room = *state;
    bool damaged;
    assert_int_equal(read_back(room, &damaged), 0);
    assert_false(damaged);
    static const uint64_t cursors[] = {1, 2, 1000, JOURNAL_END_MAX, 7, 8};
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        save(room, cursors[i]);
        assert_int_equal(read_back(room, &damaged), cursors[i]);
        assert_false(damaged);
    }
}

static uint64_t peek(struct room *room, const struct cursor_owner *owner) {
    uint64_t cursor = UINT64_MAX;
    bool known;
    assert_int_equal(cursor_file_peek(&room->platform.disk, room->dir, owner,
                                      &cursor, &known, NULL),
                     ERR_OK);
    assert_int_equal(known, cursor > 0); /* nobody saved 0 here */
    return cursor;
}

static void flip(struct room *room, long at, int bit) {
    FILE *file = fopen(room->path, "r+b");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 1 << bit, file);
    fclose(file);
}

/* Goal: any one bit turned, in either slot, leads to the newest or the one
 * before it, and never to a number nobody saved. */
static void test_every_bit_flip_is_safe(void **state) {
    struct room *room = *state;
    bool damaged;
    save(room, 100);
    save(room, 200);
    uint32_t older = 0;
    uint32_t newest = 0;
    for (int slot = 0; slot < 2; slot++) {
        for (long at = 0; at < CURSOR_SLOT_SIZE; at++) {
            for (int bit = 0; bit < 8; bit++) {
                flip(room, slot * CURSOR_SLOT_APART + at, bit);
                uint64_t found = read_back(room, &damaged);
                assert_true(found == 100 || found == 200);
                assert_false(damaged);
                older += found == 100;
                newest += found == 200;
                flip(room, slot * CURSOR_SLOT_APART + at, bit);
            }
        }
    }
    /* What is beside the position names its owner: without that it is as an
     * older program left it, and counts. */
    assert_int_equal(older, OLD_SIZE * 8);
    assert_int_equal(newest, (2 * CURSOR_SLOT_SIZE - OLD_SIZE) * 8);
}

/* Goal: with both slots bad it starts from 0 and says so. */
static void test_two_bad_slots_begin_again(void **state) {
    struct room *room = *state;
    bool damaged;
    save(room, 100);
    save(room, 200);
    for (long at = 0; at < OLD_SIZE; at++) {
        for (int bit = 0; bit < 8; bit++) {
            flip(room, at, bit);
            flip(room, CURSOR_SLOT_APART + at, 7 - bit);
            assert_int_equal(read_back(room, &damaged), 0);
            assert_true(damaged);
            flip(room, at, bit);
            flip(room, CURSOR_SLOT_APART + at, 7 - bit);
        }
    }
}

/* Goal: a file cut at any length gives a place that was saved, or 0. */
static void test_every_length_is_safe(void **state) {
    struct room *room = *state;
    bool damaged;
    static const long lengths[] = {0,    1,    20,   39,   40,   41,   4095,
                                   4096, 4100, 4135, 4136, 4200, 4223, 4224};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        unlink(room->path);
        save(room, 100);
        save(room, 200);
        assert_int_equal(truncate(room->path, lengths[i]), 0);
        uint64_t found = read_back(room, &damaged);
        assert_true(found == 0 || found == 100 || found == 200);
        assert_true(found != 0 || damaged || lengths[i] == 0);
    }
}

/* Goal: a save that was cut short leaves the one before it, and the next save
 * writes over the torn slot, not over the good one. */
static void test_a_torn_save_leaves_the_last(void **state) {
    struct room *room = *state;
    bool damaged;
    for (int round = 0; round < 4; round++) {
        save(room, 100 + (uint64_t)round);
        uint64_t before = read_back(room, &damaged);
        struct cursor_file file;
        assert_int_equal(open_cursor(room, &file, &damaged), ERR_OK);
        uint64_t next = (file.generation + 1) % 2;
        cursor_file_close(&file);
        FILE *torn = fopen(room->path, "r+b");
        fseek(torn, (long)next * CURSOR_SLOT_APART + 20, SEEK_SET);
        fputs("torn", torn);
        fclose(torn);
        assert_int_equal(read_back(room, &damaged), before);
    }
}

/* Goal: a file of a later version is not read wrongly and not written over. */
static void test_a_later_version_is_refused(void **state) {
    struct room *room = *state;
    /* Version 2, cursor 7, and a checksum that is right: made by this program
     * with its version changed. */
    static const uint8_t later[OLD_SIZE] = {
        'S', 'E', 'D', 'G', 'E',  'C',  'U',  'R',  0,    0,    0,    2,   0, 0,
        0,   0,   0,   0,   0,    0,    0,    0,    0,    2,    0,    0,   0, 0,
        0,   0,   0,   7,   0x06, 0x36, 0x2b, 0xdb, 0xb9, 0xbc, 0x07, 0xf3};
    FILE *file = fopen(room->path, "wb");
    fwrite(later, 1, sizeof later, file);
    fclose(file);
    struct cursor_file cursor;
    struct reason reason = {""};
    enum cursor_found found;
    assert_int_equal(cursor_file_open(&cursor, &room->platform.disk, room->dir,
                                      &OWNER, &found, &reason),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(reason.text, "newer version"));
}

/* Goal: a folder that is not there is a clear error. */
static void test_no_folder_is_an_error(void **state) {
    struct room *room = *state;
    struct cursor_file file;
    struct reason reason = {""};
    enum cursor_found found;
    assert_int_equal(cursor_file_open(&file, &room->platform.disk,
                                      "/nowhere/at/all", &OWNER, &found,
                                      &reason),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(reason.text, "/nowhere/at/all/cursor"));
}

/* Goal: a cursor that is a directory is refused in the system's words, whether
 * it is to be written or only read. */
static void test_a_directory_is_refused(void **state) {
    struct room *room = *state;
    const struct disk *disk = &room->platform.disk;
    struct cursor_file file;
    struct reason reason = {""};
    enum cursor_found found;
    uint64_t cursor;
    bool known;
    char words[128];
    assert_int_equal(disk->make_dir(disk->self, room->path), ERR_OK);
    assert_int_equal(
        cursor_file_open(&file, disk, room->dir, &OWNER, &found, &reason),
        ERR_IO);
    snprintf(words, sizeof words, "cannot open %s: Is a directory", room->path);
    assert_string_equal(reason.text, words);
    assert_int_equal(
        cursor_file_peek(disk, room->dir, &OWNER, &cursor, &known, &reason),
        ERR_IO);
    snprintf(words, sizeof words, "cannot read %s: Is a directory", room->path);
    assert_string_equal(reason.text, words);
    assert_int_equal(rmdir(room->path), 0);
}

/* Goal: a save to a file that somebody removed or replaced is none: what is
 * there now stays as it is, and nothing counts as saved. */
static void test_a_file_replaced_is_not_saved(void **state) {
    struct room *room = *state;
    for (int replaced = 0; replaced < 2; replaced++) {
        struct cursor_file file;
        struct reason reason = {""};
        bool damaged;
        assert_int_equal(open_cursor(room, &file, &damaged), ERR_OK);
        assert_int_equal(cursor_file_save(&file, 20, NULL), ERR_OK);
        assert_int_equal(unlink(room->path), 0);
        if (replaced == 1) {
            save(room, 7);
        }
        assert_int_equal(cursor_file_save(&file, 30, &reason), ERR_IO);
        assert_non_null(strstr(reason.text, "removed or replaced"));
        assert_int_equal(file.saved, 20);
        cursor_file_close(&file);
        assert_int_equal(read_back(room, &damaged), replaced == 1 ? 7 : 0);
        assert_int_equal(unlink(room->path), 0);
    }
}

/* Goal: what release 0.1.0 wrote is read, written on in the new form, and still
 * read by it: the first 40 bytes of a slot are as they were. */
static void test_the_old_form_is_read(void **state) {
    struct room *room = *state;
    bool damaged;
    save(room, 100);
    save(room, 200);
    for (int slot = 0; slot < 2; slot++) { /* as if it had written them */
        FILE *file = fopen(room->path, "r+b");
        static const uint8_t zeros[CURSOR_SLOT_SIZE - OLD_SIZE];
        fseek(file, slot * CURSOR_SLOT_APART + OLD_SIZE, SEEK_SET);
        fwrite(zeros, 1, sizeof zeros, file);
        fclose(file);
    }
    assert_int_equal(truncate(room->path, CURSOR_SLOT_APART + OLD_SIZE), 0);
    assert_int_equal(read_back(room, &damaged), 200);
    assert_false(damaged);
    save(room, 300);
    assert_int_equal(read_back(room, &damaged), 300);
    assert_int_equal(peek(room, &OWNER), 300);
    const struct cursor_owner other = {ID, "telemetry"};
    assert_int_equal(peek(room, &other), 0);
}

static uint32_t lanes_read_back(struct room *room) {
    struct cursor_file file;
    bool damaged;
    assert_int_equal(open_cursor(room, &file, &damaged), ERR_OK);
    cursor_file_close(&file);
    return file.lanes;
}

static void save_lanes(struct room *room, uint64_t cursor, uint32_t lanes) {
    struct cursor_file file;
    bool damaged;
    assert_int_equal(open_cursor(room, &file, &damaged), ERR_OK);
    file.lanes = lanes;
    assert_int_equal(cursor_file_save(&file, cursor, NULL), ERR_OK);
    cursor_file_close(&file);
}

/* Goal: the number of lanes is kept beside the cursor, and no bit turned gives
 * another one. Where an older program saved over it nobody knows it: it changed
 * the position, and left the rest of the slot as it was. */
static void test_lanes_are_kept(void **state) {
    struct room *room = *state;
    bool damaged;
    assert_int_equal(lanes_read_back(room), 0);
    save_lanes(room, 7, 16);
    assert_int_equal(lanes_read_back(room), 16);
    save(room, 8); /* as it was read */
    assert_int_equal(lanes_read_back(room), 16);
    for (long at = 128; at < CURSOR_SLOT_SIZE; at++) {
        for (int bit = 0; bit < 8; bit++) {
            flip(room, at, bit); /* the second save's slot */
            assert_int_equal(lanes_read_back(room), 0);
            assert_int_equal(read_back(room, &damaged), 8);
            flip(room, at, bit);
        }
    }
    save_lanes(room, 9, 16);
    save_lanes(room, 10, 16);
    uint8_t later[128]; /* of a save that an older program could make */
    FILE *file = fopen(room->path, "rb");
    assert_int_equal(fread(later, 1, sizeof later, file), sizeof later);
    fclose(file);
    unlink(room->path);
    save_lanes(room, 7, 16);
    save_lanes(room, 8, 16);
    file = fopen(room->path, "r+b");
    fwrite(later, 1, sizeof later, file);
    fclose(file);
    assert_int_equal(read_back(room, &damaged), 10);
    assert_int_equal(lanes_read_back(room), 0);
    save_lanes(room, 11, LANES_MAX + 1); /* more than there can be */
    assert_int_equal(lanes_read_back(room), 0);
}

/* Goal: the cursor of another journal, or of another stream, moves nothing
 * forward: it is set aside, and the next one begins at 0. */
static void test_another_ones_cursor_is_set_aside(void **state) {
    struct room *room = *state;
    static const uint8_t other_id[JOURNAL_ID_SIZE] = "another one's..";
    const struct cursor_owner others[] = {
        {other_id, "orders"}, {ID, "telemetry"}, {other_id, "telemetry"}};
    char aside[sizeof room->path + 8];
    snprintf(aside, sizeof aside, "%s.other", room->path);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct cursor_file file;
        enum cursor_found found;
        save(room, 66 + i);
        assert_int_equal(peek(room, &others[i]), 0);
        assert_int_equal(cursor_file_open(&file, &room->platform.disk,
                                          room->dir, &others[i], &found, NULL),
                         ERR_OK);
        assert_int_equal(found, CURSOR_FOREIGN);
        assert_int_equal(file.saved, 0);
        assert_int_equal(cursor_file_save(&file, 3, NULL), ERR_OK);
        cursor_file_close(&file);
        assert_int_equal(peek(room, &others[i]), 3);
        /* What was set aside can be put back. */
        assert_int_equal(rename(aside, room->path), 0);
        bool damaged;
        assert_int_equal(read_back(room, &damaged), 66 + i);
    }
    const struct cursor_owner unknown = {NULL, "orders"};
    assert_int_equal(peek(room, &unknown), 68);
}

/* --- several streams in one file ------------------------------------------ */

static err_t open_shared(struct room *room, const uint8_t *id,
                         const char *stream, struct cursor_file *ret) {
    struct reason reason;
    const struct cursor_owner owner = {id, stream};
    return cursor_file_open_shared(ret, &room->platform.disk, room->path,
                                   &owner, &reason);
}

/* Goal: each stream has its own slots, whatever the order they come in; the
 * file survives any of them being damaged; another journal's are refused. */
static void test_streams_share_a_file(void **state) {
    struct room *room = *state;
    static const char *const names[] = {"orders", "telemetry", "alarms"};
    static const uint8_t other[JOURNAL_ID_SIZE] = "another journal";
    struct cursor_file file;
    for (uint64_t round = 1; round <= 3; round++) {
        for (uint64_t i = 0; i < 3; i++) {
            uint64_t at = round % 2 == 0 ? 2 - i : i;
            assert_int_equal(open_shared(room, ID, names[at], &file), ERR_OK);
            assert_int_equal(file.known, round > 1);
            assert_int_equal(file.saved,
                             round > 1 ? (round - 1) * 100 + at : 0);
            assert_int_equal(cursor_file_save(&file, round * 100 + at, NULL),
                             ERR_OK);
            cursor_file_close(&file);
        }
    }
    assert_int_equal(open_shared(room, other, "telemetry", &file), ERR_REFUSED);
    FILE *torn = fopen(room->path, "r+b"); /* the first stream's two */
    for (long slot = 0; slot < 2; slot++) {
        fseek(torn, slot * CURSOR_SLOT_APART + 20, SEEK_SET);
        fputs("torn", torn);
    }
    fclose(torn);
    assert_int_equal(open_shared(room, ID, "telemetry", &file), ERR_OK);
    assert_int_equal(file.saved, 301);
    cursor_file_close(&file);
    assert_int_equal(open_shared(room, ID, "alarms", &file), ERR_OK);
    file.lanes = 4;
    assert_int_equal(cursor_file_save(&file, 302, NULL), ERR_OK);
    cursor_file_close(&file);
    assert_int_equal(open_shared(room, ID, "orders", &file), ERR_OK);
    assert_false(file.known);        /* in new slots, */
    assert_int_equal(file.lanes, 0); /* and not as the other one is divided */
    assert_int_equal(cursor_file_save(&file, 7, NULL), ERR_OK);
    cursor_file_close(&file);
    assert_int_equal(open_shared(room, ID, "orders", &file), ERR_OK);
    assert_int_equal(file.saved, 7);
    cursor_file_close(&file);
}

/* Goal: a file that holds as many streams as it can refuses another one. */
static void test_a_shared_file_is_full(void **state) {
    struct room *room = *state;
    struct cursor_file file;
    for (int i = 0; i <= CURSOR_SHARED_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        err_t err = open_shared(room, ID, name, &file);
        assert_int_equal(err, i < CURSOR_SHARED_MAX ? ERR_OK : ERR_FULL);
        if (err == ERR_OK) {
            assert_int_equal(cursor_file_save(&file, 1, NULL), ERR_OK);
            cursor_file_close(&file);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_last_one_saved_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_every_bit_flip_is_safe, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_two_bad_slots_begin_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_every_length_is_safe, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_torn_save_leaves_the_last,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_later_version_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_old_form_is_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_lanes_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_ones_cursor_is_set_aside,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_folder_is_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_replaced_is_not_saved,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_directory_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_streams_share_a_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_shared_file_is_full, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
