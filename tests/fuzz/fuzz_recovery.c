/* SPDX-License-Identifier: Apache-2.0 */
/* A small whole journal, of a few processes; the input says what is done to its
 * files, with or without their checksums fixed, so that what lies behind those
 * is reached too. Then it is read, inspected, and opened, first with damage
 * refused and then with it set aside. Whatever was done: every call ends, what
 * is refused is not changed, who reads does not write, the same is read twice,
 * what is committed afterwards is there, and no record comes back that the
 * journal was not given, but from a frame whose checksum was fixed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "gateway/journal/inspect.h"
#include "gateway/journal/reader.h"
#include "tests/fuzz/mutations.h"

enum {
    CHANGES_MAX = 12,
    STEPS_MAX = 20000, /* more than all files have records and pages */
    LIVES = 3,
    OPENS = 3,
    ADDED_LEN = 40,
};

/* One input's run. */
struct run {
    struct machine *machine;
    struct mutated *mutated;
    uint64_t added[OPENS]; /* numbers of the records committed afterwards; the
                              value of the n-th is UINT64_MAX - n */
    size_t added_count;
};

/* Most frames take a page, some two. */
static size_t length_of(uint64_t value) {
    return value % 5 == 2 ? 4500 : 8 + value % 100;
}

static void build(struct machine *machine, bool closed) {
    machine->length_of = length_of;
    machine->options.segment_bytes = 6 * JOURNAL_PAGE;
    machine->options.batch_bytes_max = 4 * JOURNAL_PAGE;
    for (int life = 0; life < LIVES; life++) {
        struct journal *journal = machine_open(machine);
        bool going = journal != NULL;
        for (uint64_t i = 0; going && i < 4; i++) {
            going = machine_commit(machine, journal, 1 + i % 3);
        }
        fuzz_must(going, "the journal cannot be made");
        if (life == 0 || (life == LIVES - 1 && closed)) {
            journal_close(journal);
        } else {
            machine_kill(machine, journal);
        }
        machine_power_cut(machine, FAKE_KEEP);
    }
}

/* --- Reading --- */

static bool is_added(const struct run *run, const struct journal_record *record,
                     bool *ret_right) {
    for (size_t i = 0; i < run->added_count; i++) {
        if (run->added[i] == record->seq) {
            *ret_right =
                support_record_is(record->bytes, UINT64_MAX - i, ADDED_LEN);
            return true;
        }
    }
    return false;
}

static void check_record(const struct run *run,
                         const struct journal_record *record) {
    const struct machine *machine = run->machine;
    bool right = false;
    if (!is_added(run, record, &right) && record->seq < machine->appended) {
        uint64_t value = machine->list[record->seq];
        right = support_record_is(record->bytes, value, length_of(value));
    }
    fuzz_must(right || mutated_claims(run->mutated, record->seq),
              "a record that nobody appended");
}

/* What a reader said, step by step. */
struct told {
    uint64_t digest;
    uint64_t next_seq; /* no lower number may come any more */
    size_t added;      /* of the records added, those that came */
};

static void tell(struct told *told, uint64_t a, uint64_t b) {
    uint64_t both[] = {a, b};
    told->digest = XXH3_64bits_withSeed(both, sizeof both, told->digest);
}

static void tell_record(const struct run *run, struct told *told,
                        const struct journal_record *record) {
    bool right;
    check_record(run, record);
    fuzz_must(record->seq >= told->next_seq, "a number comes twice");
    told->next_seq = record->seq + 1;
    told->added += is_added(run, record, &right);
    tell(told, record->seq, record->incarnation);
    tell(told, (uint64_t)record->wall_us, (uint64_t)record->mono_us);
    tell(told, record->bytes.len,
         XXH3_64bits(record->bytes.data, record->bytes.len));
}

/* One step; false if it was the last. */
static bool read_on(const struct run *run, struct journal_reader *reader,
                    struct told *told) {
    struct journal_record record;
    err_t err = journal_reader_next(reader, UINT64_MAX, &record);
    if (err == ERR_OK) {
        tell_record(run, told, &record);
        return true;
    }
    tell(told, (uint64_t)err, 0);
    if (err != ERR_CORRUPT && err != ERR_IO) {
        return false;
    }
    struct journal_gap gap = {0};
    bool known = false;
    err = journal_reader_pass(reader, UINT64_MAX, &gap, &known);
    tell(told, gap.first, gap.end);
    tell(told, (uint64_t)err, known);
    return err == ERR_OK;
}

static struct told read_all(const struct run *run) {
    const struct disk *disk = &run->machine->platform.disk;
    struct told told = {0};
    uint64_t begins = 0;
    struct journal_reader *reader;
    err_t err = journal_begins(disk, MACHINE_DIR, &begins, NULL);
    tell(&told, (uint64_t)err, begins);
    if (err == ERR_OK) {
        err = journal_reader_open(disk, MACHINE_DIR, begins, &reader, NULL);
        tell(&told, (uint64_t)err, 1);
    }
    if (err != ERR_OK) {
        return told;
    }
    int steps = 0;
    while (steps < STEPS_MAX && read_on(run, reader, &told)) {
        steps++;
    }
    fuzz_must(steps < STEPS_MAX, "a reader does not come to an end");
    journal_reader_close(reader);
    return told;
}

static void see_segment(void *self, const struct inspected *segment) {
    uint64_t *frames = self;
    *frames += segment->frames;
}

static void inspect(const struct run *run) {
    uint64_t frames = 0;
    struct inspection inspection = {.self = &frames, .segment = see_segment};
    for (int all = 0; all < 2; all++) {
        err_t err = journal_inspect(&run->machine->platform.disk, MACHINE_DIR,
                                    all == 1, &inspection, NULL);
        fuzz_must(err != ERR_MEMORY && err != ERR_CORRUPT,
                  "an inspection fails for more than the disk");
    }
    fuzz_must(frames < STEPS_MAX, "an inspection sees more than there is");
}

static struct told look(const struct run *run) {
    uint64_t calls = fake_disk_calls(run->machine->fake);
    struct told told = read_all(run);
    fuzz_must(read_all(run).digest == told.digest,
              "the second reading differs");
    inspect(run);
    fuzz_must(fake_disk_calls(run->machine->fake) == calls,
              "one that reads has written");
    return told;
}

/* --- Opening --- */

static void add_record(struct run *run, struct journal *journal) {
    uint8_t buf[ADDED_LEN];
    uint64_t value = UINT64_MAX - run->added_count;
    journal_begin(journal);
    err_t err = journal_append(journal, support_record(value, ADDED_LEN, buf),
                               &run->added[run->added_count]);
    fuzz_must(err == ERR_OK, "a record cannot be appended");
    fuzz_must(journal_commit(journal, NULL) == ERR_OK,
              "a record cannot be committed");
    run->added_count++;
}

/* Refused, or impossible: ERR_RANGE if no incarnation is left. */
static void check_refused(const struct run *run, err_t err, uint64_t calls,
                          const struct reason *reason) {
    bool refused =
        err == ERR_CORRUPT || err == ERR_REFUSED || err == ERR_UNSUPPORTED;
    bool unreadable = err == ERR_IO && run->mutated->spoiled;
    fuzz_must(refused || unreadable || err == ERR_RANGE, reason->text);
    char what[sizeof reason->text + 64];
    snprintf(what, sizeof what, "what was refused was changed: %s",
             reason->text);
    fuzz_must(!refused || calls == fake_disk_calls(run->machine->fake), what);
}

static err_t open_and_add(struct run *run, bool quarantine) {
    struct machine *machine = run->machine;
    machine->options.quarantine = quarantine;
    uint64_t calls = fake_disk_calls(machine->fake);
    struct journal *journal;
    struct reason reason = {""};
    err_t err = journal_open(&machine->options, &journal, &reason);
    if (err != ERR_OK) {
        check_refused(run, err, calls, &reason);
        return err;
    }
    bool numbers_left = journal_next_seq(journal) < UINT64_MAX - OPENS;
    if (numbers_left) { /* a forged header may have used them up */
        add_record(run, journal);
    }
    machine_kill(machine, journal);
    machine_power_cut(machine, FAKE_DROP);
    fuzz_must(look(run).added == run->added_count,
              "a record that was committed afterwards is gone");
    return ERR_OK;
}

static bool is_sound(err_t err) {
    return err == ERR_OK || err == ERR_RANGE;
}

static void open_all(struct run *run) {
    bool sound = open_and_add(run, false) == ERR_OK;
    err_t err = open_and_add(run, true);
    fuzz_must(!sound || is_sound(err), "what was opened is damaged now");
    if (err == ERR_OK) {
        fuzz_must(is_sound(open_and_add(run, false)),
                  "what was set aside is not sound");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { CLOSED = 1, WHOLE = 2, KNOWN_END = 4 };
    struct cursor input = cursor_over(slice_of(data, size));
    struct run_counts counts = {.every = 1};
    struct reason violation = {""};
    struct machine *machine = machine_new(1, &counts, &violation);
    uint8_t how = fuzz_u8(&input);
    build(machine, how & CLOSED);
    machine->options.whole = how & WHOLE;
    machine->options.known_end = how & KNOWN_END ? machine->appended : 0;
    struct run run = {.machine = machine, .mutated = mutated_take(machine)};
    for (int i = 0; i < CHANGES_MAX && cursor_left(&input) > 0; i++) {
        mutated_change(run.mutated, &input);
    }
    mutated_put(run.mutated, machine);
    (void)look(&run);
    open_all(&run);
    free(run.mutated);
    fuzz_must(machine_end(machine), violation.text);
    return 0;
}
