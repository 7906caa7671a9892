/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/power.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/journal/fake_disk.h"
#include "tests/unit/journal/support.h"

enum {
    LIST_MAX = 4096,
    RECORD_MAX = 30000,
    SEGMENT = 16 * 1024,
};

#define DATA_DIR "/data"
#define JOURNAL_DIR "/data/orders"

struct world {
    struct fake_disk *fake;
    struct support_random random;
    struct platform platform;
    struct journal_options options;
    int64_t now_us;
    uint64_t next_value;
    uint64_t list[LIST_MAX]; /* value by sequence number */
    uint64_t appended;
    uint64_t acknowledged;
    uint64_t stop_at; /* absolute count of calls; 0: never */
    err_t fault;      /* what the call that is made to fail fails with */
    struct power_counts *counts;
    struct reason *violation;
    bool violated;
};

static int64_t world_mono_us(void *self) {
    struct world *world = self;
    return world->now_us++;
}

/* Jumps about, also before 1970. */
static int64_t world_wall_us(void *self) {
    struct world *world = self;
    return (int64_t)support_below(&world->random, 1000000) - 1000;
}

static void world_fill(void *self, void *buf, size_t len) {
    struct world *world = self;
    struct writer writer = writer_over(buf, len);
    while (writer.len < len) {
        writer_u8(&writer, (uint8_t)support_next(&world->random));
    }
}

static void world_init(struct world *world, uint64_t seed,
                       struct power_counts *counts, struct reason *violation) {
    *world = (struct world){.random = {seed},
                            .next_value = 1,
                            .fault = ERR_IO,
                            .counts = counts,
                            .violation = violation};
    world->fake = fake_disk_new(seed ^ 0x5eed);
    struct disk disk = fake_disk_table(world->fake);
    err_t err = disk.make_dir(disk.self, DATA_DIR);
    assert(err == ERR_OK);
    err = disk.sync_dir(disk.self, "");
    assert(err == ERR_OK);
    world->platform = (struct platform){
        .disk = disk,
        .clock = {world, world_wall_us, world_mono_us},
        .entropy = {world, world_fill},
    };
    world->options = (struct journal_options){
        .platform = &world->platform,
        .dir = JOURNAL_DIR,
        .store = "store-7",
        .stream = "orders",
        .segment_bytes = SEGMENT,
        .batch_events_max = 64,
        .batch_bytes_max = 64 * 1024,
    };
}

static bool violated(struct world *world, const char *what, uint64_t seq) {
    if (!world->violated) {
        world->violated = true;
        reason_set(world->violation, ERR_CORRUPT,
                   "%s at record %" PRIu64 " (%" PRIu64 " appended, %" PRIu64
                   " acknowledged, %" PRIu64 " calls)",
                   what, seq, world->appended, world->acknowledged,
                   fake_disk_calls(world->fake));
    }
    return false;
}

/* Things fail only when they were made to. */
static bool may_fail(const struct world *world) {
    return fake_disk_stopped(world->fake) || fake_disk_failed(world->fake);
}

/* The length follows from the value: mostly small, some over several pages,
 * some larger than a segment. */
static size_t length_of(uint64_t value) {
    struct support_random random = {value};
    uint64_t kind = support_below(&random, 64);
    if (kind == 0) {
        return 17000 + support_below(&random, RECORD_MAX - 17000);
    }
    if (kind < 6) {
        return 8 + support_below(&random, 10000);
    }
    return 8 + support_below(&random, 300);
}

/* Closing a journal whose disk is gone says so on standard error. */
static void close_quietly(struct journal *journal) {
    if (journal == NULL) {
        return;
    }
    int saved = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert(saved >= 0 && null >= 0);
    dup2(null, STDERR_FILENO);
    journal_close(journal);
    dup2(saved, STDERR_FILENO);
    close(null);
    close(saved);
}

/* --- The oracle --- */

/* A read that is made to fail fails once, and the reader may be asked again. */
static err_t next_record(struct world *world, struct journal_reader *reader,
                         uint64_t end, struct journal_record *ret) {
    err_t err = journal_reader_next(reader, end, ret);
    if (err == ERR_IO && fake_disk_failed(world->fake)) {
        err = journal_reader_next(reader, end, ret);
    }
    return err;
}

static bool compare_records(struct world *world, struct journal_reader *reader,
                            uint64_t end) {
    struct journal_record record;
    uint64_t seq = 0;
    err_t err = next_record(world, reader, end, &record);
    while (err == ERR_OK) {
        uint64_t value = world->list[seq];
        if (record.seq != seq ||
            !support_record_is(record.bytes, value, length_of(value))) {
            return violated(world, "another record came back", seq);
        }
        seq++;
        err = next_record(world, reader, end, &record);
    }
    if (err != ERR_END || seq != end) {
        return violated(world, "a record cannot be read", seq);
    }
    return true;
}

static bool check_records(struct world *world, uint64_t end) {
    struct journal_reader *reader;
    struct reason reason;
    const struct disk *disk = &world->platform.disk;
    err_t err = journal_reader_open(disk, JOURNAL_DIR, 0, &reader, &reason);
    if (err == ERR_IO && fake_disk_failed(world->fake)) {
        err = journal_reader_open(disk, JOURNAL_DIR, 0, &reader, &reason);
    }
    if (err != ERR_OK) {
        return violated(world, reason.text, 0);
    }
    bool same = compare_records(world, reader, end);
    journal_reader_close(reader);
    return same;
}

static bool check_recovered(struct world *world,
                            const struct journal *journal) {
    uint64_t end = journal_next_seq(journal);
    if (end < world->acknowledged) {
        return violated(world, "an acknowledged record is gone", end);
    }
    if (end > world->appended) {
        return violated(world, "a record that nobody appended", end);
    }
    if (!check_records(world, end)) {
        return false;
    }
    if (end < world->appended) {
        world->counts->recoveries_dropping++;
    } else if (end > world->acknowledged) {
        world->counts->recoveries_keeping++;
    }
    world->appended = end;
    world->acknowledged = end;
    return true;
}

/* --- What a process does --- */

/* NULL if the world stopped meanwhile, or the promise was broken. */
static struct journal *world_open(struct world *world) {
    struct journal *journal;
    struct reason reason = {""};
    err_t err = journal_open(&world->options, &journal, &reason);
    if (err != ERR_OK) {
        world->counts->cuts_in_recovery++;
        if (!may_fail(world) || err == ERR_CORRUPT) {
            violated(world, reason.text, 0);
        }
        return NULL;
    }
    world->counts->opens++;
    if (!check_recovered(world, journal)) {
        fake_disk_stop(world->fake);
        close_quietly(journal);
        return NULL;
    }
    return journal;
}

/* A failed commit is for good. */
static bool check_failed(struct world *world, struct journal *journal,
                         uint64_t position) {
    uint64_t seq;
    if (journal_append(journal, SLICE("more"), &seq) != ERR_IO ||
        journal_commit(journal, NULL) != ERR_IO) {
        return violated(world, "it goes on after a failure", position);
    }
    if (atomic_load(&journal_position(journal)->end) != position) {
        return violated(world, "the position moved", position);
    }
    return true;
}

static void append_values(struct world *world, struct journal *journal,
                          uint64_t count) {
    static _Thread_local uint8_t buf[RECORD_MAX];
    journal_begin(journal);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = world->next_value++;
        size_t len = length_of(value);
        if (len > journal_batch_room(journal)) {
            return;
        }
        uint64_t seq;
        err_t err =
            journal_append(journal, support_record(value, len, buf), &seq);
        assert(err == ERR_OK && seq == world->appended);
        assert(world->appended < LIST_MAX);
        world->list[world->appended++] = value;
    }
}

/* False if the process is at its end. */
static bool world_commit(struct world *world, struct journal *journal,
                         uint64_t count) {
    uint64_t position = world->acknowledged;
    uint64_t segments = journal_stats(journal).segments;
    append_values(world, journal, count);
    err_t err = journal_commit(journal, NULL);
    if (err == ERR_FULL && fake_disk_failed(world->fake) &&
        world->fault == ERR_FULL) {
        /* No room for a segment, once: nothing was written, so it goes in now.
         */
        world->counts->full++;
        err = journal_commit(journal, NULL);
    }
    if (err != ERR_OK) {
        if (!may_fail(world)) {
            return violated(world, "a commit failed by itself", position);
        }
        if (err != ERR_IO) {
            return violated(world, "a failure of another class", position);
        }
        check_failed(world, journal, position);
        return false;
    }
    world->counts->commits++;
    world->counts->rolls += journal_stats(journal).segments - segments;
    world->acknowledged = world->appended;
    return true;
}

/* --- Between two processes --- */

static void count_fault(struct world *world) {
    if (fake_disk_failed(world->fake)) {
        world->counts->faults++;
    }
}

static void arm(struct world *world) {
    uint64_t calls = fake_disk_calls(world->fake);
    if (world->stop_at > calls) {
        fake_disk_stop_at(world->fake, world->stop_at - calls);
    }
}

static void next_process(struct world *world) {
    uint64_t chance = support_below(&world->random, 16);
    if (chance < 4) {
        fake_disk_process_gone(world->fake);
        world->counts->processes_gone++;
        return;
    }
    enum fake_fate fate = chance < 6   ? FAKE_KEEP
                          : chance < 8 ? FAKE_DROP
                                       : FAKE_TEAR;
    fake_disk_power_cut(world->fake, fate);
    world->counts->power_cuts++;
}

/* --- Random lives --- */

static void random_process(struct world *world) {
    if (support_below(&world->random, 8) > 0) {
        fake_disk_stop_at(world->fake, 1 + support_below(&world->random, 50));
    }
    bool fails = support_below(&world->random, 6) == 0;
    fake_disk_fail_at(world->fake, FAKE_SYNC,
                      fails ? 1 + support_below(&world->random, 20) : 0,
                      ERR_IO);
    struct journal *journal = world_open(world);
    if (journal == NULL) {
        count_fault(world);
        return;
    }
    uint64_t commits = support_below(&world->random, 20);
    bool going = true;
    for (uint64_t i = 0; going && i < commits; i++) {
        uint64_t count = 1 + support_below(&world->random, 6);
        going = world_commit(world, journal, count);
    }
    if (support_below(&world->random, 2) == 0) {
        fake_disk_stop(world->fake); /* killed while it was idle */
    }
    close_quietly(journal);
    count_fault(world);
}

bool power_random_run(uint64_t seed, struct power_counts *counts,
                      struct reason *ret) {
    struct world *world = malloc(sizeof *world);
    assert(world != NULL);
    world_init(world, seed, counts, ret);
    for (int i = 0; i < 12 && !world->violated; i++) {
        random_process(world);
        next_process(world);
    }
    struct journal *journal = world->violated ? NULL : world_open(world);
    close_quietly(journal);
    bool held = !world->violated;
    fake_disk_free(world->fake);
    free(world);
    return held;
}

/* --- The script --- */

static void script_process(struct world *world, const uint8_t *counts,
                           size_t count, bool close) {
    arm(world);
    struct journal *journal = world_open(world);
    if (journal == NULL) {
        count_fault(world);
        return;
    }
    bool going = true;
    for (size_t i = 0; going && i < count; i++) {
        going = world_commit(world, journal, counts[i]);
    }
    if (!close) {
        fake_disk_stop(world->fake);
    }
    close_quietly(journal);
    count_fault(world);
}

static void script(struct world *world, bool *ret_more) {
    static const uint8_t first[] = {1, 2, 20, 1, 1, 60, 3, 1};
    static const uint8_t second[] = {1, 1};
    static const uint8_t third[] = {4, 1, 1, 1, 30};
    *ret_more = true;
    script_process(world, first, sizeof first, true);
    if (fake_disk_stopped(world->fake) || world->violated) {
        return;
    }
    fake_disk_process_gone(world->fake);
    script_process(world, second, sizeof second, false);
    if (fake_disk_calls(world->fake) == world->stop_at || world->violated) {
        return;
    }
    fake_disk_process_gone(world->fake);
    script_process(world, third, sizeof third, true);
    *ret_more = fake_disk_stopped(world->fake);
}

/* After it all the journal is as good as new. */
static void script_epilogue(struct world *world) {
    static const uint8_t counts[] = {2, 1};
    world->stop_at = 0;
    script_process(world, counts, sizeof counts, true);
    if (fake_disk_stopped(world->fake) || world->violated) {
        return;
    }
    fake_disk_process_gone(world->fake);
    close_quietly(world_open(world));
}

bool power_script_run(uint64_t seed, uint64_t stop_at, uint64_t stop_again_at,
                      struct power_counts *counts, bool *ret_more,
                      bool *ret_more_again, struct reason *ret) {
    struct world *world = malloc(sizeof *world);
    assert(world != NULL);
    world_init(world, seed, counts, ret);
    world->stop_at = fake_disk_calls(world->fake) + stop_at;
    script(world, ret_more);
    next_process(world);
    *ret_more_again = false;
    if (stop_again_at > 0 && !world->violated) {
        world->stop_at = fake_disk_calls(world->fake) + stop_again_at;
        arm(world);
        close_quietly(world_open(world));
        *ret_more_again = fake_disk_stopped(world->fake);
        next_process(world);
    }
    if (!world->violated) {
        script_epilogue(world);
    }
    bool held = !world->violated;
    fake_disk_free(world->fake);
    free(world);
    return held;
}

bool power_fault_run(uint64_t seed, enum fake_call call, uint64_t n, err_t err,
                     struct power_counts *counts, bool *ret_more,
                     struct reason *ret) {
    struct world *world = malloc(sizeof *world);
    assert(world != NULL);
    world_init(world, seed, counts, ret);
    world->fault = err;
    fake_disk_fail_at(world->fake, call, n, err);
    uint64_t faults = counts->faults;
    bool stopped;
    script(world, &stopped);
    *ret_more = counts->faults > faults;
    next_process(world);
    fake_disk_fail_at(world->fake, FAKE_NONE, 0, ERR_OK);
    if (!world->violated) {
        script_epilogue(world);
    }
    bool held = !world->violated;
    fake_disk_free(world->fake);
    free(world);
    return held;
}
