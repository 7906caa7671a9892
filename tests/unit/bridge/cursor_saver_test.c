/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor's saver: one save at a time, at most once a second, and a position
 * counts as saved only when it is durable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/cursor_saver.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/fake_executor.h"

struct bench {
    struct fake_disk *fake;
    struct disk disk;
    struct fake_executor executor;
    struct cursor_file file;
    struct cursor_saver saver;
    uint32_t ended;
};

static void on_ended(void *context) {
    struct bench *bench = context;
    bench->ended++;
}

static const uint8_t ID[JOURNAL_ID_SIZE] = "a journal's id.";
static const struct cursor_owner OWNER = {ID, "orders"};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->fake = fake_disk_new(7);
    bench->disk = fake_disk_table(bench->fake);
    enum cursor_found found;
    assert_int_equal(bench->disk.make_dir(bench->disk.self, "/data"), ERR_OK);
    assert_int_equal(cursor_file_open(&bench->file, &bench->disk, "/data",
                                      &OWNER, &found, NULL),
                     ERR_OK);
    cursor_saver_init(&bench->saver, &bench->file,
                      fake_executor(&bench->executor), CURSOR_SAVE_US, on_ended,
                      bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    cursor_file_close(&bench->file);
    fake_disk_free(bench->fake);
    free(bench);
    return 0;
}

static uint64_t on_disk(struct bench *bench) {
    uint64_t cursor;
    bool known;
    assert_int_equal(
        cursor_file_peek(&bench->disk, "/data", &OWNER, &cursor, &known, NULL),
        ERR_OK);
    return cursor;
}

/* Goal: a save is a job; the position counts as saved when its end was told,
 * and not a step sooner. */
static void test_is_saved_when_it_is_durable(void **state) {
    struct bench *bench = *state;
    struct cursor_saver *saver = &bench->saver;
    cursor_saver_work(saver, 0, 1000); /* nothing to save */
    assert_int_equal(bench->executor.given_count, 0);
    assert_int_equal(cursor_saver_due_us(saver, 0), INT64_MAX);
    cursor_saver_work(saver, 7, 1000);
    assert_int_equal(bench->executor.given_count, 1);
    assert_int_equal(saver->saved, 0);
    assert_true(fake_executor_work(&bench->executor));
    assert_int_equal(on_disk(bench), 7);
    assert_int_equal(saver->saved, 0);
    assert_true(fake_executor_done(&bench->executor));
    assert_int_equal(saver->saved, 7);
    assert_int_equal(bench->ended, 1);
}

/* Goal: one at a time, and a second between the beginnings of two. */
static void test_at_most_once_a_second(void **state) {
    struct bench *bench = *state;
    struct cursor_saver *saver = &bench->saver;
    cursor_saver_work(saver, 1, 1000);
    cursor_saver_work(saver, 2, 5000 + CURSOR_SAVE_US);
    assert_int_equal(bench->executor.given_count, 1);
    assert_int_equal(cursor_saver_due_us(saver, 2), INT64_MAX);
    fake_executor_settle(&bench->executor);
    assert_int_equal(saver->saved, 1);
    assert_int_equal(cursor_saver_due_us(saver, 2), 1000 + CURSOR_SAVE_US);
    cursor_saver_work(saver, 2, 999 + CURSOR_SAVE_US);
    assert_int_equal(bench->executor.given_count, 0);
    cursor_saver_work(saver, 2, 1000 + CURSOR_SAVE_US);
    fake_executor_settle(&bench->executor);
    assert_int_equal(saver->saved, 2);
    assert_int_equal(on_disk(bench), 2);
}

/* Goal: a save that failed is told, moves nothing, and is made again after a
 * second. */
static void test_a_save_that_fails(void **state) {
    struct bench *bench = *state;
    struct cursor_saver *saver = &bench->saver;
    static const enum fake_call calls[] = {FAKE_WRITE, FAKE_SYNC};
    static const struct {
        err_t err;
        const char *words;
    } failures[] = {
        {ERR_IO, "cannot save /data/cursor: Input/output error"},
        {ERR_FULL, "cannot save /data/cursor: No space left on device"},
    };
    for (int64_t i = 0; i < 2; i++) {
        int64_t now_us = 10 * i * CURSOR_SAVE_US;
        uint64_t before = saver->saved;
        fake_disk_fail_at(bench->fake, calls[i], 1, failures[i].err);
        cursor_saver_work(saver, before + 1, now_us);
        fake_executor_settle(&bench->executor);
        assert_int_equal(saver->err, failures[i].err);
        assert_string_equal(saver->reason.text, failures[i].words);
        assert_int_equal(saver->saved, before);
        assert_int_equal(cursor_saver_due_us(saver, before + 1),
                         now_us + CURSOR_SAVE_US);
        cursor_saver_work(saver, before + 1, now_us + CURSOR_SAVE_US);
        fake_executor_settle(&bench->executor);
        assert_int_equal(saver->err, ERR_OK);
        assert_int_equal(saver->saved, before + 1);
    }
    assert_int_equal(bench->ended, 4);
}

/* Goal: at the end it saves here and now, once, whatever the time. */
static void test_the_last_save(void **state) {
    struct bench *bench = *state;
    struct cursor_saver *saver = &bench->saver;
    cursor_saver_work(saver, 4, 1000);
    fake_executor_settle(&bench->executor);
    assert_int_equal(cursor_saver_finish(saver, 9, NULL), ERR_OK);
    assert_int_equal(saver->saved, 9);
    assert_int_equal(on_disk(bench), 9);
    uint64_t calls = fake_disk_calls(bench->fake);
    assert_int_equal(cursor_saver_finish(saver, 9, NULL), ERR_OK);
    assert_int_equal(fake_disk_calls(bench->fake), calls);
    fake_disk_fail_at(bench->fake, FAKE_SYNC, 1, ERR_IO);
    struct reason reason = {""};
    assert_int_equal(cursor_saver_finish(saver, 10, &reason), ERR_IO);
    assert_string_equal(reason.text,
                        "cannot save /data/cursor: Input/output error");
    assert_int_equal(saver->saved, 9);
}

/* Goal: another number of lanes is a reason to save, and is saved with the
 * position when it is durable. */
static void test_lanes_are_saved(void **state) {
    struct bench *bench = *state;
    struct cursor_saver *saver = &bench->saver;
    assert_int_equal(cursor_saver_due_us(saver, 0), INT64_MAX);
    saver->lanes = 5;
    cursor_saver_work(saver, 0, 1000);
    saver->lanes = 6; /* for the next save */
    assert_int_equal(saver->lanes_saved, 0);
    fake_executor_settle(&bench->executor);
    assert_int_equal(saver->lanes_saved, 5);
    assert_int_equal(bench->file.lanes, 5);
    cursor_saver_work(saver, 0, 1000 + CURSOR_SAVE_US);
    fake_executor_settle(&bench->executor);
    assert_int_equal(saver->lanes_saved, 6);
    assert_int_equal(saver->saves, 2);
    assert_int_equal(cursor_saver_due_us(saver, 0), INT64_MAX);
}

/* Goal: the pace follows the commit_delay between its bounds. */
static void test_the_pace(void **state) {
    (void)state;
    assert_int_equal(cursor_saver_every_us(0), CURSOR_SAVE_US);
    assert_int_equal(cursor_saver_every_us(200), CURSOR_SAVE_US);
    assert_int_equal(cursor_saver_every_us(1000), 5 * CURSOR_SAVE_US);
    assert_int_equal(cursor_saver_every_us(10000), CURSOR_SAVE_MAX_US);
}

int main(void) {
#define SAVER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_pace),
        SAVER_TEST(test_is_saved_when_it_is_durable),
        SAVER_TEST(test_at_most_once_a_second),
        SAVER_TEST(test_a_save_that_fails),
        SAVER_TEST(test_the_last_save),
        SAVER_TEST(test_lanes_are_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
