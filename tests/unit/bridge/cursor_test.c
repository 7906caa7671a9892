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
#include "gateway/journal/format.h"

struct room {
    struct platform platform;
    char dir[64];
    char path[80];
};

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
    *ret_damaged = false;
    return cursor_file_open(file, &room->platform.disk, room->dir, ret_damaged,
                            &reason);
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
    assert_int_equal(older, CURSOR_SLOT_SIZE * 8);
    assert_int_equal(newest, CURSOR_SLOT_SIZE * 8);
}

/* Goal: with both slots bad it starts from 0 and says so. */
static void test_two_bad_slots_begin_again(void **state) {
    struct room *room = *state;
    bool damaged;
    save(room, 100);
    save(room, 200);
    for (long at = 0; at < CURSOR_SLOT_SIZE; at++) {
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
    static const long lengths[] = {0,    1,    20,   39,   40,  41,
                                   4095, 4096, 4100, 4135, 4136};
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
    static const uint8_t later[CURSOR_SLOT_SIZE] = {
        'S', 'E', 'D', 'G', 'E',  'C',  'U',  'R',  0,    0,    0,    2,   0, 0,
        0,   0,   0,   0,   0,    0,    0,    0,    0,    2,    0,    0,   0, 0,
        0,   0,   0,   7,   0x06, 0x36, 0x2b, 0xdb, 0xb9, 0xbc, 0x07, 0xf3};
    FILE *file = fopen(room->path, "wb");
    fwrite(later, 1, sizeof later, file);
    fclose(file);
    struct cursor_file cursor;
    struct reason reason = {""};
    bool damaged;
    assert_int_equal(cursor_file_open(&cursor, &room->platform.disk, room->dir,
                                      &damaged, &reason),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(reason.text, "newer version"));
}

/* Goal: a folder that is not there is a clear error. */
static void test_no_folder_is_an_error(void **state) {
    struct room *room = *state;
    struct cursor_file file;
    struct reason reason = {""};
    bool damaged;
    assert_int_equal(cursor_file_open(&file, &room->platform.disk,
                                      "/nowhere/at/all", &damaged, &reason),
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
    bool damaged;
    uint64_t cursor;
    char words[128];
    assert_int_equal(disk->make_dir(disk->self, room->path), ERR_OK);
    assert_int_equal(
        cursor_file_open(&file, disk, room->dir, &damaged, &reason), ERR_IO);
    snprintf(words, sizeof words, "cannot open %s: Is a directory", room->path);
    assert_string_equal(reason.text, words);
    assert_int_equal(cursor_file_peek(disk, room->dir, &cursor, &reason),
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
        cmocka_unit_test_setup_teardown(test_no_folder_is_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_replaced_is_not_saved,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_directory_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
