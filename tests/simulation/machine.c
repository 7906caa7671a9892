/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/machine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/journal/reader.h"

enum { SEGMENT = 16 * 1024 };

static int64_t machine_mono_us(void *self) {
    struct machine *machine = self;
    return machine->now_us++;
}

/* Jumps about, also before 1970. */
static int64_t machine_wall_us(void *self) {
    struct machine *machine = self;
    return (int64_t)support_below(&machine->random, 1000000) - 1000;
}

static void machine_fill(void *self, void *buf, size_t len) {
    struct machine *machine = self;
    struct support_random *random =
        machine->random_repeats ? &machine->repeated : &machine->random;
    struct writer writer = writer_over(buf, len);
    while (writer.len < len) {
        writer_u8(&writer, (uint8_t)support_next(random));
    }
}

/* The length follows from the value: mostly small, some over several pages,
 * some larger than a segment. */
static size_t mixed_length(uint64_t value) {
    struct support_random random = {value};
    uint64_t kind = support_below(&random, 64);
    if (kind == 0) {
        return 17000 + support_below(&random, MACHINE_RECORD_MAX - 17000);
    }
    if (kind < 6) {
        return 8 + support_below(&random, 10000);
    }
    return 8 + support_below(&random, 300);
}

struct machine *machine_new(uint64_t seed, struct run_counts *counts,
                            struct reason *violation) {
    struct machine *machine = calloc(1, sizeof *machine);
    assert(machine != NULL);
    machine->random.state = seed;
    machine->length_of = mixed_length;
    machine->next_value = 1;
    machine->fault = ERR_IO;
    machine->counts = counts;
    machine->violation = violation;
    machine->fake = fake_disk_new(seed ^ 0x5eed);
    struct disk disk = fake_disk_table(machine->fake);
    err_t err = disk.make_dir(disk.self, MACHINE_PARENT);
    assert(err == ERR_OK);
    err = disk.sync_dir(disk.self, "");
    assert(err == ERR_OK);
    machine->platform = (struct platform){
        .disk = disk,
        .clock = {machine, machine_wall_us, machine_mono_us},
        .entropy = {machine, machine_fill},
    };
    machine->options = (struct journal_options){
        .platform = &machine->platform,
        .dir = MACHINE_DIR,
        .store = "store-7",
        .stream = "orders",
        .segment_bytes = SEGMENT,
        .batch_events_max = 64,
        .batch_bytes_max = 64 * 1024,
    };
    return machine;
}

struct machine *machine_again(const struct machine *machine, uint64_t seed,
                              struct slice segment) {
    struct machine *again =
        machine_new(seed, machine->counts, machine->violation);
    const struct disk *disk = &again->platform.disk;
    err_t err = disk->make_dir(disk->self, MACHINE_DIR);
    assert(err == ERR_OK);
    err = disk->sync_dir(disk->self, MACHINE_PARENT);
    assert(err == ERR_OK);
    fake_disk_put(again->fake, MACHINE_FIRST_SEGMENT, segment);
    again->options = machine->options;
    again->options.platform = &again->platform;
    again->length_of = machine->length_of;
    again->next_value = machine->next_value;
    again->appended = machine->appended;
    again->acknowledged = machine->acknowledged;
    memcpy(again->list, machine->list,
           (size_t)machine->appended * sizeof *again->list);
    return again;
}

struct slice machine_segment(struct machine *machine) {
    uint64_t size = 0;
    const uint8_t *bytes =
        fake_disk_bytes(machine->fake, MACHINE_FIRST_SEGMENT, &size);
    assert(bytes != NULL);
    return slice_of(bytes, (size_t)size);
}

bool machine_end(struct machine *machine) {
    bool held = !machine->violated;
    assert(machine->follower == NULL);
    fake_disk_free(machine->fake);
    free(machine);
    return held;
}

bool machine_violated(struct machine *machine, const char *what, uint64_t seq) {
    if (!machine->violated) {
        machine->violated = true;
        reason_set(machine->violation, ERR_CORRUPT,
                   "%s at record %" PRIu64 " (%" PRIu64 " appended, %" PRIu64
                   " acknowledged, %" PRIu64 " calls)",
                   what, seq, machine->appended, machine->acknowledged,
                   fake_disk_calls(machine->fake));
    }
    return false;
}

/* Things fail only when they were made to. */
static bool may_fail(const struct machine *machine) {
    return fake_disk_stopped(machine->fake) || fake_disk_failed(machine->fake);
}

/* In the place of log_line(), by the linker's --wrap: closing a journal whose
 * disk is gone says so, and here many thousand of them are. */
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) PRINTF_LIKE(3, 4);
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) {
    (void)level;
    (void)module;
    (void)format;
}

/* --- The oracle --- */

/* A read that is made to fail fails once, and the reader may be asked again. */
static err_t next_record(struct machine *machine, struct journal_reader *reader,
                         uint64_t end, struct journal_record *ret) {
    err_t err = journal_reader_next(reader, end, ret);
    if (err == ERR_IO && fake_disk_failed(machine->fake)) {
        err = journal_reader_next(reader, end, ret);
    }
    return err;
}

static bool compare_records(struct machine *machine,
                            struct journal_reader *reader, uint64_t end) {
    struct journal_record record;
    uint64_t seq = machine->begins;
    err_t err = next_record(machine, reader, end, &record);
    while (err == ERR_OK) {
        uint64_t value = machine->list[seq];
        if (record.seq != seq ||
            !support_record_is(record.bytes, value,
                               machine->length_of(value))) {
            return machine_violated(machine, "another record came back", seq);
        }
        seq++;
        err = next_record(machine, reader, end, &record);
    }
    if (err != ERR_END || seq != end) {
        return machine_violated(machine, "a record cannot be read", seq);
    }
    return true;
}

static bool check_begins(struct machine *machine,
                         const struct journal *journal) {
    const struct disk *disk = &machine->platform.disk;
    uint64_t begins = 0;
    struct reason reason = {""};
    if (journal_begins(disk, MACHINE_DIR, &begins, &reason) != ERR_OK) {
        return machine_violated(machine, reason.text, 0);
    }
    if (begins != machine->begins && begins != machine->trimming_to) {
        return machine_violated(machine, "it begins elsewhere", begins);
    }
    if (atomic_load(&journal_position(journal)->start) != begins) {
        return machine_violated(machine, "it says it begins elsewhere", begins);
    }
    machine->begins = begins;
    machine->trimming_to = begins;
    return true;
}

static bool check_records(struct machine *machine, uint64_t end) {
    struct journal_reader *reader;
    struct reason reason;
    const struct disk *disk = &machine->platform.disk;
    uint64_t from = machine->begins;
    err_t err = journal_reader_open(disk, MACHINE_DIR, from, &reader, &reason);
    if (err == ERR_IO && fake_disk_failed(machine->fake)) {
        err = journal_reader_open(disk, MACHINE_DIR, from, &reader, &reason);
    }
    if (err != ERR_OK) {
        return machine_violated(machine, reason.text, 0);
    }
    bool same = compare_records(machine, reader, end);
    journal_reader_close(reader);
    return same;
}

static bool check_recovered(struct machine *machine,
                            const struct journal *journal) {
    uint64_t end = journal_next_seq(journal);
    if (end < machine->acknowledged) {
        return machine_violated(machine, "an acknowledged record is gone", end);
    }
    if (end > machine->appended) {
        return machine_violated(machine, "a record that nobody appended", end);
    }
    if (!check_begins(machine, journal) || !check_records(machine, end)) {
        return false;
    }
    if (end < machine->appended) {
        machine->counts->recoveries_dropping++;
    } else if (end > machine->acknowledged) {
        machine->counts->recoveries_keeping++;
    }
    machine->appended = end;
    machine->acknowledged = end;
    return true;
}

/* --- What a process does --- */

struct journal *machine_open(struct machine *machine) {
    struct journal *journal;
    struct reason reason = {""};
    machine->repeated.state = 0;
    err_t err = journal_open(&machine->options, &journal, &reason);
    if (err != ERR_OK) {
        machine->counts->cuts_in_recovery++;
        if (!may_fail(machine) || err == ERR_CORRUPT) {
            machine_violated(machine, reason.text, 0);
        }
        return NULL;
    }
    machine->counts->opens++;
    if (!check_recovered(machine, journal)) {
        fake_disk_stop(machine->fake);
        journal_close(journal);
        return NULL;
    }
    return journal;
}

/* A failed commit is for good. */
static bool check_failed(struct machine *machine, struct journal *journal,
                         uint64_t position) {
    uint64_t seq;
    if (journal_append(journal, SLICE("more"), &seq) != ERR_IO ||
        journal_commit(journal, NULL) != ERR_IO) {
        return machine_violated(machine, "it goes on after a failure",
                                position);
    }
    if (atomic_load(&journal_position(journal)->end) != position) {
        return machine_violated(machine, "the position moved", position);
    }
    return true;
}

static void append_values(struct machine *machine, struct journal *journal,
                          uint64_t count) {
    static _Thread_local uint8_t buf[MACHINE_RECORD_MAX];
    journal_begin(journal);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = machine->next_value++;
        size_t len = machine->length_of(value);
        if (len > journal_batch_room(journal)) {
            return;
        }
        uint64_t seq;
        err_t err =
            journal_append(journal, support_record(value, len, buf), &seq);
        assert(err == ERR_OK && seq == machine->appended);
        assert(machine->appended < MACHINE_LIST_MAX);
        machine->list[machine->appended++] = value;
    }
}

bool machine_commit(struct machine *machine, struct journal *journal,
                    uint64_t count) {
    uint64_t position = machine->acknowledged;
    uint64_t segments = journal_stats(journal).segments;
    uint64_t recycled = journal_stats(journal).recycled;
    append_values(machine, journal, count);
    err_t err = journal_commit(journal, NULL);
    if (err == ERR_FULL && fake_disk_failed(machine->fake) &&
        machine->fault == ERR_FULL) {
        /* No room for a segment, once: nothing was written, so it goes in now.
         */
        machine->counts->full++;
        err = journal_commit(journal, NULL);
    }
    if (err != ERR_OK) {
        if (!may_fail(machine)) {
            return machine_violated(machine, "a commit failed by itself",
                                    position);
        }
        if (err != ERR_IO) {
            return machine_violated(machine, "a failure of another class",
                                    position);
        }
        check_failed(machine, journal, position);
        return false;
    }
    machine->counts->commits++;
    machine->counts->rolls += journal_stats(journal).segments - segments;
    machine->counts->recycled += journal_stats(journal).recycled - recycled;
    machine->acknowledged = machine->appended;
    return true;
}

bool machine_preallocate(struct machine *machine, struct journal *journal) {
    err_t err = journal_preallocate(journal, NULL);
    if (err != ERR_OK && !may_fail(machine)) {
        return machine_violated(machine, "it cannot preallocate",
                                machine->acknowledged);
    }
    return err == ERR_OK || err == ERR_FULL;
}

bool machine_trim(struct machine *machine, struct journal *journal) {
    struct journal_segment oldest;
    if (!journal_oldest(journal, &oldest)) {
        return true;
    }
    machine->trimming_to = oldest.end_seq;
    if (journal_trim(journal, NULL) != ERR_OK) {
        if (!may_fail(machine)) {
            machine_violated(machine, "it cannot trim", oldest.first_seq);
        }
        return false;
    }
    machine->begins = oldest.end_seq;
    machine->counts->trimmed++;
    return true;
}

bool machine_age(struct machine *machine, struct journal *journal) {
    err_t err = journal_roll(journal, NULL);
    if (err == ERR_OK) {
        err = journal_wipe(journal, INT64_MAX, NULL);
    }
    if (err != ERR_OK && !may_fail(machine)) {
        return machine_violated(machine, "it cannot age",
                                machine->acknowledged);
    }
    machine->counts->aged += err == ERR_OK ? 1 : 0;
    return err == ERR_OK || err == ERR_FULL;
}

/* --- A reader beside it --- */

static void follower_close(struct machine *machine) {
    journal_reader_close(machine->follower);
    machine->follower = NULL;
}

static void follower_open(struct machine *machine) {
    const struct disk *disk = &machine->platform.disk;
    machine->follower_seq = machine->begins;
    err_t err = journal_reader_open(disk, MACHINE_DIR, machine->begins,
                                    &machine->follower, NULL);
    if (err != ERR_OK) {
        machine_violated(machine, "a reader beside it cannot be opened",
                         machine->begins);
    }
}

/* False if there is nothing more to read, or it has to be opened again. */
static bool follow_once(struct machine *machine) {
    struct journal_record record;
    uint64_t seq = machine->follower_seq;
    err_t err =
        journal_reader_next(machine->follower, machine->acknowledged, &record);
    if (err == ERR_NOT_FOUND && seq < machine->begins) {
        machine->counts->overtaken++;
        follower_close(machine);
        return false;
    }
    if (err == ERR_END && seq == machine->acknowledged) {
        return false;
    }
    if (err != ERR_OK) {
        return machine_violated(machine, "a reader beside it fails", seq);
    }
    uint64_t value = machine->list[seq];
    if (record.seq != seq ||
        !support_record_is(record.bytes, value, machine->length_of(value))) {
        return machine_violated(machine, "a reader beside it is misled", seq);
    }
    machine->follower_seq++;
    return true;
}

void machine_follow(struct machine *machine, uint64_t count) {
    if (fake_disk_stopped(machine->fake)) {
        return;
    }
    if (machine->follower == NULL) {
        follower_open(machine);
    }
    bool going = machine->follower != NULL;
    for (uint64_t i = 0; going && i < count; i++) {
        going = follow_once(machine);
    }
}

/* --- Between two processes --- */

void machine_kill(struct machine *machine, struct journal *journal) {
    fake_disk_stop(machine->fake);
    journal_close(journal);
}

void machine_count_fault(struct machine *machine) {
    if (fake_disk_failed(machine->fake)) {
        machine->counts->faults++;
    }
}

void machine_arm(struct machine *machine) {
    uint64_t calls = fake_disk_calls(machine->fake);
    if (machine->stop_at > calls) {
        fake_disk_stop_at(machine->fake, machine->stop_at - calls);
    }
}

void machine_power_cut(struct machine *machine, enum fake_fate fate) {
    fake_disk_power_cut(machine->fake, fate);
    machine->counts->power_cuts++;
}

void machine_next_process(struct machine *machine) {
    follower_close(machine);
    uint64_t chance = support_below(&machine->random, 16);
    if (chance < 4) {
        fake_disk_process_gone(machine->fake);
        machine->counts->processes_gone++;
        return;
    }
    machine_power_cut(machine, chance < 6   ? FAKE_KEEP
                               : chance < 8 ? FAKE_DROP
                                            : FAKE_TEAR);
}
