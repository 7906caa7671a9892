/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on the real disk: what was committed comes back, in order, over
 * restarts and segments; what may not be opened is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/journal/support.h"

struct fixture {
    struct platform platform;
    char base[256];
    char dir[300];
    struct journal_options options;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->platform = platform_real();
    support_dir_make(f->base, sizeof f->base);
    snprintf(f->dir, sizeof f->dir, "%s/orders", f->base);
    f->options = (struct journal_options){.platform = &f->platform,
                                          .dir = f->dir,
                                          .store = "store-7",
                                          .stream = "orders"};
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    support_dir_remove(f->base);
    free(f);
    return 0;
}

static size_t length_of(uint64_t value) {
    return 8 + (size_t)(value * 37 % 900);
}

/* Appends and commits the values [from, to) in batches of `batch`. */
static void write_values(struct journal *journal, uint64_t from, uint64_t to,
                         uint64_t batch) {
    uint8_t buf[1024];
    for (uint64_t value = from; value < to; value++) {
        if ((value - from) % batch == 0) {
            journal_begin(journal);
        }
        uint64_t seq = support_append(
            journal, support_record(value, length_of(value), buf));
        assert_int_equal(seq, value);
        if ((value - from) % batch == batch - 1 || value + 1 == to) {
            support_commit(journal);
        }
    }
}

static void expect_values(const struct fixture *f, uint64_t from, uint64_t to,
                          uint64_t end_seq) {
    struct journal_reader *reader =
        support_reader(&f->platform.disk, f->dir, from);
    struct journal_record record;
    for (uint64_t value = from; value < to; value++) {
        assert_int_equal(journal_reader_next(reader, end_seq, &record), ERR_OK);
        assert_int_equal(record.seq, value);
        assert_true(support_record_is(record.bytes, value, length_of(value)));
    }
    assert_int_equal(journal_reader_next(reader, end_seq, &record), ERR_END);
    journal_reader_close(reader);
}

/* Goal: what was committed is read back, also after a close and an open; the
 * journal's id stays, its incarnation goes up by one. */
static void reopen_gives_the_same(void **state) {
    struct fixture *f = *state;
    uint8_t id[JOURNAL_ID_SIZE] = {0};
    uint64_t next = 0;
    for (uint32_t round = 1; round <= 5; round++) {
        struct journal *journal = support_open(&f->options);
        assert_int_equal(journal_next_seq(journal), next);
        assert_int_equal(journal_incarnation(journal), round);
        if (round == 1) {
            memcpy(id, journal_id(journal), sizeof id);
        }
        assert_memory_equal(journal_id(journal), id, sizeof id);
        write_values(journal, next, next + 100, 7);
        next += 100;
        assert_int_equal(atomic_load(&journal_position(journal)->end), next);
        expect_values(f, 0, next, next);
        expect_values(f, 0, next, UINT64_MAX);
        journal_close(journal);
        expect_values(f, 0, next, UINT64_MAX);
        expect_values(f, next - 3, next, next);
        expect_values(f, next, next, next);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reopen_gives_the_same, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
