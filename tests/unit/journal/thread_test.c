/* SPDX-License-Identifier: Apache-2.0 */
/* A writer and readers on threads of their own. Worth most in a build with the
 * thread sanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/reader.h"
#include "tests/simulation/support.h"

enum {
    COMMITS = 150,
    BATCH = 20,
    VALUES = COMMITS * BATCH,
    RECORD_BYTES = 64,
};

struct shared {
    struct platform platform;
    char dir[300];
    const struct journal_position *position;
    _Atomic bool done; /* the writer is */
};

struct reading {
    struct shared *shared;
    bool durable_only;
    uint64_t count;     /* of right records, in order */
    uint64_t overtaken; /* times that what came next was trimmed */
    err_t err;          /* other than ERR_END, if anything failed */
    pthread_t thread;
};

/* Reads on until all there is has been read and the writer is done. */
static void *read_all(void *context) {
    struct reading *reading = context;
    struct shared *shared = reading->shared;
    struct journal_reader *reader =
        support_reader(&shared->platform.disk, shared->dir, 0);
    bool done = false;
    while (reading->err == ERR_OK && reading->count < VALUES) {
        uint64_t end = UINT64_MAX;
        if (reading->durable_only) {
            end = atomic_load_explicit(&shared->position->end,
                                       memory_order_acquire);
        }
        struct journal_record record;
        err_t err = journal_reader_next(reader, end, &record);
        if (err == ERR_OK && record.seq == reading->count &&
            support_record_is(record.bytes, record.seq, RECORD_BYTES)) {
            reading->count++;
        } else if (err != ERR_END || done) {
            reading->err = err == ERR_OK ? ERR_CORRUPT : err;
        } else {
            done = atomic_load(&shared->done);
        }
    }
    journal_reader_close(reader);
    return NULL;
}

/* Opens a reader where the journal begins; it may have begun later meanwhile.
 */
static struct journal_reader *open_where_it_begins(struct reading *reading) {
    const struct disk *disk = &reading->shared->platform.disk;
    const char *dir = reading->shared->dir;
    struct journal_reader *reader = NULL;
    err_t err = ERR_NOT_FOUND;
    while (err == ERR_NOT_FOUND) {
        uint64_t begins;
        err = journal_begins(disk, dir, &begins, NULL);
        if (err == ERR_OK) {
            reading->count = begins > reading->count ? begins : reading->count;
            err = journal_reader_open(disk, dir, reading->count, &reader, NULL);
        }
    }
    reading->err = err;
    return reader;
}

static void take_record(struct reading *reading,
                        const struct journal_record *record) {
    if (record->seq == reading->count &&
        support_record_is(record->bytes, record->seq, RECORD_BYTES)) {
        reading->count++;
    } else {
        reading->err = ERR_CORRUPT;
    }
}

/* Reads on beside a journal that trims; skips what it was too late for. */
static void *read_what_is_there(void *context) {
    struct reading *reading = context;
    struct shared *shared = reading->shared;
    struct journal_reader *reader = open_where_it_begins(reading);
    while (reading->err == ERR_OK && reading->count < VALUES) {
        uint64_t end = reading->durable_only
                           ? atomic_load_explicit(&shared->position->end,
                                                  memory_order_acquire)
                           : UINT64_MAX;
        struct journal_record record;
        err_t err = journal_reader_next(reader, end, &record);
        if (err == ERR_OK) {
            take_record(reading, &record);
        } else if (err == ERR_NOT_FOUND) {
            reading->overtaken++;
            journal_reader_close(reader);
            reader = open_where_it_begins(reading);
        } else if (err != ERR_END) {
            reading->err = err;
        }
    }
    journal_reader_close(reader);
    return NULL;
}

static void *commit_once(void *context) {
    support_commit(context);
    return NULL;
}

/* Every tenth commit runs on another thread than the appends did. Afterwards it
 * trims all segments but `keep`. */
static void write_all(struct journal *journal, uint64_t keep) {
    uint8_t buf[RECORD_BYTES];
    uint64_t value = 0;
    for (int commit = 0; commit < COMMITS; commit++) {
        journal_begin(journal);
        for (int i = 0; i < BATCH; i++) {
            support_append(journal, support_record(value++, sizeof buf, buf));
        }
        if (commit % 10 == 0) {
            pthread_t thread;
            assert_int_equal(
                pthread_create(&thread, NULL, commit_once, journal), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
        } else {
            support_commit(journal);
        }
        while (journal_stats(journal).segments > keep) {
            assert_int_equal(journal_trim(journal, NULL), ERR_OK);
        }
    }
}

/* Goal: readers beside the writer, over many small segments, get every record
 * once, in order and whole, both those who look at the position and one who
 * follows the tail. */
static void readers_beside_a_writer(void **state) {
    (void)state;
    struct shared shared = {.platform = platform_real()};
    char base[256];
    support_dir_make(base, sizeof base);
    snprintf(shared.dir, sizeof shared.dir, "%s/orders", base);
    struct journal_options options = {.platform = &shared.platform,
                                      .dir = shared.dir,
                                      .store = "store-7",
                                      .stream = "orders",
                                      .segment_bytes = 32 * 1024};
    struct journal *journal = support_open(&options);
    shared.position = journal_position(journal);
    struct reading readings[3] = {{.shared = &shared, .durable_only = true},
                                  {.shared = &shared, .durable_only = true},
                                  {.shared = &shared}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            pthread_create(&readings[i].thread, NULL, read_all, &readings[i]),
            0);
    }
    write_all(journal, UINT64_MAX);
    atomic_store(&shared.done, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(readings[i].thread, NULL), 0);
        assert_int_equal(readings[i].err, ERR_OK);
        assert_int_equal(readings[i].count, VALUES);
    }
    journal_close(journal);
    support_dir_remove(base);
}

/* Goal: readers beside a writer that trims segments and writes over their
 * files get right records only, or are told that what comes next is gone: never
 * another record, never that the journal is damaged. */
static void readers_beside_recycling(void **state) {
    (void)state;
    struct shared shared = {.platform = platform_real()};
    char base[256];
    support_dir_make(base, sizeof base);
    snprintf(shared.dir, sizeof shared.dir, "%s/orders", base);
    struct journal_options options = {.platform = &shared.platform,
                                      .dir = shared.dir,
                                      .store = "store-7",
                                      .stream = "orders",
                                      .segment_bytes = 16 * 1024};
    struct journal *journal = support_open(&options);
    shared.position = journal_position(journal);
    struct reading readings[3] = {{.shared = &shared, .durable_only = true},
                                  {.shared = &shared, .durable_only = true},
                                  {.shared = &shared}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&readings[i].thread, NULL,
                                        read_what_is_there, &readings[i]),
                         0);
    }
    write_all(journal, 2);
    assert_in_range(journal_stats(journal).recycled, COMMITS / 4, COMMITS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(readings[i].thread, NULL), 0);
        assert_int_equal(readings[i].err, ERR_OK);
        assert_int_equal(readings[i].count, VALUES);
        printf("a reader was overtaken %u times\n",
               (unsigned)readings[i].overtaken);
    }
    journal_close(journal);
    support_dir_remove(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_beside_a_writer),
        cmocka_unit_test(readers_beside_recycling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
