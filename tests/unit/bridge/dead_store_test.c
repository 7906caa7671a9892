/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of dead letters on a simulated disk: its records, what a crash or
 * a power cut leaves of it, and when it lets go of what is settled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/dead_job.h"
#include "tests/simulation/fake_disk.h"
#include "tests/unit/bridge/dice.h"

enum { MIB = 1024 * 1024, LETTERS = 12 };

struct bench {
    struct fake_disk *fake;
    struct dice dice;
    struct platform platform;
    struct config config;
    struct dead_store store;
    int64_t wall_us;
    int64_t mono_us;
};

static int64_t read_wall(void *self) {
    const struct bench *bench = self;
    return bench->wall_us;
}

static int64_t read_mono(void *self) {
    struct bench *bench = self;
    return ++bench->mono_us;
}

static void bench_init(struct bench *bench, uint64_t seed) {
    *bench = (struct bench){
        .dice = {seed + 1}, .wall_us = 1795432440000000, .mono_us = 1000};
    bench->fake = fake_disk_new(seed);
    bench->platform = (struct platform){
        .disk = fake_disk_table(bench->fake),
        .clock = {bench, read_wall, read_mono},
        .entropy = dice_entropy(&bench->dice),
    };
    strcpy(bench->config.store, "store-7");
    strcpy(bench->config.data, "/data");
    bench->config.dead_capacity = 64 * MIB;
    const struct disk *disk = &bench->platform.disk;
    assert_int_equal(disk->make_dir(disk->self, "/data"), ERR_OK);
    assert_int_equal(disk->sync_dir(disk->self, ""), ERR_OK);
    dead_store_init(&bench->store, &bench->platform, &bench->config);
}

static void bench_free(struct bench *bench) {
    dead_store_close(&bench->store);
    fake_disk_free(bench->fake);
}

static struct event_life life_of(uint8_t byte) {
    struct event_life life;
    memset(life.bytes, byte, sizeof life.bytes);
    return life;
}

static struct dead_record letter(uint64_t seq, size_t len) {
    static uint8_t event[2 * MIB];
    struct dead_record record = {
        .kind = DEAD_LETTER,
        .when_us = 1795432440000000,
        .seq = seq,
        .wall_us = 7,
        .life = life_of(3),
        .journal_id = life_of(4),
        .refusal = LETTER_ENTRY,
        .tries = 2,
        .event = slice_of(event, len),
    };
    strcpy(record.stream, "orders");
    strcpy(record.sink, "eventbridge:bus");
    strcpy(record.code, "MalformedDetail");
    strcpy(record.words, "Detail is malformed.");
    return record;
}

static void add(struct dead_job *job, const struct dead_record *record) {
    struct dead_item *item = dead_item_new(record);
    assert_non_null(item);
    dead_line_add(&job->items, item);
}

static void mark(struct dead_job *job, enum dead_kind kind, uint64_t id) {
    const struct dead_record record = {.kind = kind, .letter = id};
    add(job, &record);
}

/* Head office knows all of it. */
static void tell(struct dead_job *job) {
    struct dead_record record = {.kind = DEAD_TOLD, .letter = 100000};
    strcpy(record.stream, "orders");
    add(job, &record);
}

static struct dead_job job_of(struct bench *bench) {
    return (struct dead_job){
        .store = &bench->store,
        .cursors = {{"orders", 1000}},
        .cursor_count = 1,
        .now_us = bench->wall_us,
    };
}

static err_t run(struct dead_job *job) {
    dead_job_run(job);
    return job->err;
}

/* --- records ---------------------------------------------------------------
 */

/* Goal: what is written is read; each cut of it, and each other version, is
 * refused. */
static void test_records(void **state) {
    (void)state;
    struct dead_record records[] = {
        letter(5, 300),
        {.kind = DEAD_REFUSED,
         .letter = 9,
         .tries = 4,
         .code = "InvalidX",
         .words = "no"},
        {.kind = DEAD_RETRY, .letter = 9},
        {.kind = DEAD_SENT, .letter = 9},
        {.kind = DEAD_DROPPED, .letter = 9, .by_age = true},
        {.kind = DEAD_TOLD, .letter = 9, .stream = "orders"},
    };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        uint8_t bytes[2048];
        struct dead_record read;
        struct writer writer = writer_over(bytes, sizeof bytes);
        dead_record_write(&records[i], &writer);
        assert_false(writer.full);
        assert_int_equal(dead_record_read(writer_slice(&writer), &read),
                         ERR_OK);
        assert_int_equal(read.kind, records[i].kind);
        assert_int_equal(read.letter, records[i].letter);
        assert_int_equal(read.tries, records[i].tries);
        assert_int_equal(read.by_age, records[i].by_age);
        assert_string_equal(read.code, records[i].code);
        assert_string_equal(read.words, records[i].words);
        assert_string_equal(read.sink, records[i].sink);
        assert_true(slice_eq(read.event, records[i].event));
        for (size_t len = 0; len < writer.len; len++) {
            assert_int_not_equal(dead_record_read(slice_of(bytes, len), &read),
                                 ERR_OK);
        }
        bytes[0] = 2;
        assert_int_equal(dead_record_read(writer_slice(&writer), &read),
                         ERR_UNSUPPORTED);
    }
}

/* --- the store ---------------------------------------------------------------
 */

/* Goal: nothing is made before the first letter; a letter is there once for
 * each event of a life; each change of its state survives a reopening. */
static void test_letters(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 7);
    assert_false(dead_store_exists(&bench.store));
    struct dead_job job = job_of(&bench);
    struct dead_record other = letter(5, 10);
    other.life = life_of(9); /* a journal that was restored */
    struct dead_record same = letter(5, 10);
    add(&job, &same);
    add(&job, &same);
    add(&job, &other);
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    assert_int_equal(job.letters, 2);
    job = job_of(&bench);
    mark(&job, DEAD_RETRY, 0);
    mark(&job, DEAD_DROPPED, 1);
    mark(&job, DEAD_SENT, 77); /* there is none */
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    dead_store_close(&bench.store);
    job = job_of(&bench);
    job.page_of = "orders";
    assert_int_equal(run(&job), ERR_OK);
    assert_int_equal(job.letters, 1);
    assert_int_equal(job.retried_of[0], 1);
    assert_int_equal(job.page.count, 1);
    assert_int_equal(job.page.letters[0].seq, 5);
    assert_int_equal(job.page.letters[0].len, 10);
    dead_page_free(&job.page);
    bench_free(&bench);
}

static uint64_t segments(struct bench *bench) {
    return journal_stats(bench->store.journal).segments;
}

/* Goal: a segment goes when all in it is settled, oldest first, and not before
 * the saved cursor has passed it; one that is not settled keeps what follows.
 */
static void test_what_is_settled_goes(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 8);
    struct dead_job job = job_of(&bench);
    for (uint64_t seq = 0; seq < 9; seq++) {
        struct dead_record record = letter(seq, MIB);
        add(&job, &record);
    }
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    assert_true(segments(&bench) >= 3);
    uint64_t before = segments(&bench);
    job = job_of(&bench);
    for (uint64_t id = 1; id < 9; id++) {
        mark(&job, DEAD_DROPPED, id);
    }
    job.upkeep = true;
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    assert_true(segments(&bench) >= before); /* the first letter holds it */
    job = job_of(&bench);
    mark(&job, DEAD_SENT, 0);
    job.upkeep = true;
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    assert_int_equal(bench.store.index.count, 9); /* head office: not told */
    assert_int_equal(job.news[0].letters.count, 9);
    assert_int_equal(job.news[0].dropped.count, 8);
    job = job_of(&bench);
    tell(&job);
    job.cursors[0].saved = 0;
    job.upkeep = true;
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    assert_int_equal(bench.store.index.count, 9); /* the cursor is not there */
    assert_int_equal(job.news[0].letters.count, 0);
    job = job_of(&bench);
    job.upkeep = true;
    assert_int_equal(run(&job), ERR_OK);
    assert_int_equal(bench.store.index.count, 0);
    assert_int_equal(segments(&bench), 1);
    bench_free(&bench);
}

/* Until no letter of that size finds room any more. */
static void stuff(struct bench *bench, uint64_t first, size_t len) {
    for (uint64_t seq = first;; seq++) {
        struct dead_job job = job_of(bench);
        struct dead_record record = letter(seq, len);
        add(&job, &record);
        err_t err = run(&job);
        dead_line_free(&job.items);
        if (err == ERR_FULL) {
            return;
        }
        assert_int_equal(err, ERR_OK);
        assert_true(seq < first + 4096);
    }
}

/* Goal: at its capacity letters wait, what settles some is written all the
 * same, and then the others are. */
static void test_full(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 9);
    bench.config.dead_capacity = 16 * MIB;
    struct dead_job job = job_of(&bench);
    for (uint64_t seq = 0; seq < 40; seq++) {
        struct dead_record record = letter(seq, MIB);
        add(&job, &record);
    }
    assert_int_equal(run(&job), ERR_FULL);
    assert_true(job.reason.text[0] != '\0');
    uint64_t written = job.letters;
    assert_true(written >= 4 && written < 16);
    struct dead_line waits = {NULL, NULL};
    for (struct dead_item *item = dead_line_take(&job.items); item != NULL;
         item = dead_line_take(&job.items)) {
        if (item->written) {
            free(item);
        } else {
            dead_line_add(&waits, item);
        }
    }
    stuff(&bench, 100, 100 * 1024); /* to the last page */
    stuff(&bench, 5000, 100);
    for (int i = 0; i < 20; i++) { /* a page each, of the reserve */
        job = job_of(&bench);
        mark(&job, DEAD_RETRY, 0);
        assert_int_equal(run(&job), ERR_OK);
        dead_line_free(&job.items);
    }
    job = job_of(&bench);
    for (uint64_t id = 0; id < written; id++) {
        mark(&job, DEAD_DROPPED, id);
    }
    tell(&job);
    job.upkeep = true;
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    job = job_of(&bench);
    job.items = waits;
    assert_int_equal(run(&job), ERR_FULL);
    assert_true(job.letters >= 4);
    dead_line_free(&job.items);
    bench_free(&bench);
}

/* Goal: a letter goes at its age, which is counted a while before, and the
 * owner learns of the events. */
static void test_age(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 10);
    bench.config.dead_keep_ms = 1000 * 1000;
    struct dead_job job = job_of(&bench);
    for (uint64_t seq = 40; seq < 43; seq++) {
        struct dead_record record = letter(seq, 100);
        add(&job, &record);
    }
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    job = job_of(&bench);
    job.upkeep = true;
    job.age = true;
    job.now_us += (int64_t)800 * 1000 * 1000;
    assert_int_equal(run(&job), ERR_OK);
    assert_int_equal(job.ageing, 3);
    assert_int_equal(job.letters, 3);
    job = job_of(&bench);
    job.upkeep = true;
    job.age = true;
    job.now_us += (int64_t)1001 * 1000 * 1000;
    assert_int_equal(run(&job), ERR_OK);
    assert_int_equal(job.letters, 0);
    assert_int_equal(job.aged, 3);
    assert_int_equal(job.news[0].dropped.first, 40);
    assert_int_equal(job.news[0].dropped.last, 42);
    assert_int_equal(job.news[0].dropped.count, 3);
    bench_free(&bench);
}

/* Goal: damage is news until it was told, and counted as long as it is there;
 * what is damaged later is news again. */
static void test_damage(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 12);
    for (uint64_t seq = 0; seq < 3; seq++) { /* a frame each */
        struct dead_job job = job_of(&bench);
        struct dead_record record = letter(seq, 100);
        add(&job, &record);
        assert_int_equal(run(&job), ERR_OK);
        dead_line_free(&job.items);
    }
    for (uint64_t turn = 0; turn < 2; turn++) {
        dead_store_close(&bench.store);
        char path[64]; /* what is left of it begins behind the damage */
        snprintf(path, sizeof path, "/data/dead/%020u.seg", (unsigned)turn);
        fake_disk_flip(bench.fake, path, (4096 + 40) * 8);
        struct dead_job job = job_of(&bench);
        assert_int_equal(run(&job), ERR_OK);
        assert_int_equal(job.letters, 2 - turn);
        assert_int_equal(job.lost, 1 + turn);
        assert_int_equal(job.damage.first, turn);
        assert_int_equal(job.damage.last, turn);
        assert_int_equal(job.damage.count, 1);
        job = job_of(&bench);
        struct dead_record record = {.kind = DEAD_TOLD, .letter = 1 + turn};
        strcpy(record.stream, DEAD_DAMAGE);
        add(&job, &record);
        assert_int_equal(run(&job), ERR_OK);
        dead_line_free(&job.items);
        assert_int_equal(job.damage.count, 0);
        dead_store_close(&bench.store);
        job = job_of(&bench);
        assert_int_equal(run(&job), ERR_OK);
        assert_int_equal(job.lost, 1 + turn);
        assert_int_equal(job.damage.count, 0);
    }
    bench_free(&bench);
}

/* --- crashes ---------------------------------------------------------------
 */

/* What the owner was told: settled, so that the stream may go on. */
struct told {
    bool written[LETTERS];
    bool dropped[LETTERS];
};

static void play(struct bench *bench, struct told *told) {
    for (uint64_t seq = 0; seq < LETTERS; seq += 2) {
        struct dead_job job = job_of(bench);
        struct dead_record first = letter(seq, MIB / 2);
        struct dead_record second = letter(seq + 1, MIB / 2);
        add(&job, &first);
        add(&job, &second);
        if (seq >= 4 && seq <= 8) { /* the ids of 0, 2 and 4 */
            mark(&job, DEAD_DROPPED, seq - 4);
            tell(&job);
        }
        job.upkeep = true;
        dead_job_run(&job);
        for (struct dead_item *item = job.items.first; item != NULL;
             item = item->next) {
            uint64_t at =
                item->record.kind == DEAD_LETTER ? item->record.seq : seq - 4;
            if (item->written && item->record.kind == DEAD_LETTER) {
                told->written[at] = true;
            } else if (item->written && item->record.kind == DEAD_DROPPED) {
                told->dropped[at] = true;
            }
        }
        dead_line_free(&job.items);
    }
}

static void check(struct bench *bench, const struct told *told) {
    struct reason reason = {""};
    dead_store_close(&bench->store);
    if (!dead_store_exists(&bench->store)) {
        assert_false(told->written[0]);
        return;
    }
    assert_int_equal(dead_store_open(&bench->store, &reason), ERR_OK);
    for (uint64_t seq = 0; seq < LETTERS; seq++) {
        const struct dead_entry *entry =
            dead_index_of(&bench->store.index, "orders", seq, life_of(3));
        if (told->written[seq] && !told->dropped[seq] && seq % 2 == 1) {
            assert_non_null(entry); /* nobody asked to drop it */
            assert_int_equal(entry->state, DEAD_IS_LETTER);
        }
        if (told->dropped[seq] && entry != NULL) {
            assert_int_equal(entry->state, DEAD_IS_SETTLED);
        }
    }
}

/* Goal: whatever call the power goes at, and whatever of the unsynced writes is
 * left, each letter that was said to be written is there, and none that was
 * said to be dropped comes back. The same for the process alone. */
static void crash_at_each(bool power) {
    bool stopped = true;
    uint64_t at = 1;
    for (; stopped; at++) {
        struct bench bench;
        struct told told = {.written = {false}};
        bench_init(&bench, at);
        fake_disk_stop_at(bench.fake, at);
        play(&bench, &told);
        stopped = fake_disk_stopped(bench.fake);
        dead_store_close(&bench.store);
        if (power) {
            fake_disk_power_cut(bench.fake, (enum fake_fate)(at % 3));
        } else {
            fake_disk_process_gone(bench.fake);
        }
        check(&bench, &told);
        bench_free(&bench);
    }
    assert_true(at > 20);
}

static void test_power_cuts(void **state) {
    (void)state;
    crash_at_each(true);
}

static void test_kills(void **state) {
    (void)state;
    crash_at_each(false);
}

/* Goal: a disk that fails once leaves the letters in the line; the next job
 * opens the journal again, and each is there once. */
static void test_a_failed_sync(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 12);
    struct dead_job job = job_of(&bench);
    struct dead_record first = letter(1, 100);
    add(&job, &first);
    assert_int_equal(run(&job), ERR_OK);
    dead_line_free(&job.items);
    fake_disk_fail_at(bench.fake, FAKE_SYNC, 1, ERR_IO);
    job = job_of(&bench);
    struct dead_record second = letter(2, 100);
    add(&job, &second);
    assert_int_equal(run(&job), ERR_IO);
    assert_null(bench.store.journal);
    assert_false(job.items.first->written);
    struct dead_line waits = job.items;
    job = job_of(&bench);
    job.items = waits;
    assert_int_equal(run(&job), ERR_OK);
    assert_true(job.items.first->written);
    dead_line_free(&job.items);
    assert_int_equal(job.letters, 2);
    bench_free(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_what_is_settled_goes),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_kills),
        cmocka_unit_test(test_a_failed_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
