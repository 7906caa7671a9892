/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/snapshots.h"

#include <inttypes.h>

#include "gateway/journal/reader.h"
#include "gateway/journal/snapshot.h"
#include "tests/simulation/machine.h"

enum { AHEAD = 3 }; /* records */

/* What is made of the records: depends on each and on their order. */
struct sum {
    uint64_t seq;
    uint64_t value;
};

static void sum_add(struct sum *sum, uint64_t value) {
    struct support_random mix = {sum->value ^ value};
    sum->value = support_next(&mix);
    sum->seq++;
}

static struct sum sum_of(const struct machine *machine, uint64_t end) {
    struct sum sum = {0, 0};
    while (sum.seq < end) {
        sum_add(&sum, machine->list[sum.seq]);
    }
    return sum;
}

static err_t take(void *context, uint64_t seq, struct slice content) {
    struct sum *sum = context;
    struct cursor from = cursor_over(content);
    sum->seq = seq;
    return cursor_u64(&from, &sum->value) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

/* --- Starting --- */

static err_t replay(struct machine *machine, uint64_t end, struct sum *sum) {
    struct journal_reader *reader;
    struct journal_record record;
    TRY(journal_reader_open(&machine->platform.disk, MACHINE_DIR, sum->seq,
                            &reader, NULL));
    err_t err = journal_reader_next(reader, end, &record);
    while (err == ERR_OK) {
        uint64_t value; /* a record begins with it, as the machine has it */
        memcpy(&value, record.bytes.data, sizeof value);
        sum_add(sum, value);
        err = journal_reader_next(reader, end, &record);
    }
    journal_reader_close(reader);
    return err == ERR_END ? ERR_OK : err;
}

static bool may_fail(const struct machine *machine) {
    return fake_disk_stopped(machine->fake) || fake_disk_failed(machine->fake);
}

/* False if the machine stopped meanwhile, or a promise was broken. */
static bool start_state(struct machine *machine,
                        const struct journal *journal) {
    uint64_t end = journal_next_seq(journal);
    struct sum sum = {0, 0};
    err_t err = snapshot_load(&machine->platform.disk, MACHINE_DIR,
                              journal_id(journal), end, take, &sum, NULL);
    if (err == ERR_NOT_FOUND) {
        sum = (struct sum){0, 0};
        err = ERR_OK;
    }
    if (err == ERR_OK && sum.seq < machine->begins) {
        return machine_violated(machine, "no snapshot of what was trimmed",
                                sum.seq);
    }
    if (err == ERR_OK && sum.seq < end) {
        err = replay(machine, end, &sum);
    }
    if (err != ERR_OK) {
        return may_fail(machine)
                   ? false
                   : machine_violated(machine, "it cannot start", sum.seq);
    }
    if (sum.seq != end || sum.value != sum_of(machine, end).value) {
        return machine_violated(machine, "the state is another", sum.seq);
    }
    return true;
}

/* --- Running --- */

static err_t save(const struct machine *machine, const struct journal *journal,
                  struct sum sum, bool twice) {
    uint8_t content[8];
    struct writer to = writer_over(content, sizeof content);
    writer_u64(&to, sum.value);
    const struct snapshot_about about = {journal_id(journal), sum.seq};
    uint64_t end = atomic_load(&journal_position(journal)->end);
    return (twice ? snapshot_write_twice
                  : snapshot_write)(&machine->platform.disk, MACHINE_DIR,
                                    &about, end, writer_slice(&to), NULL);
}

/* One that cannot be written is no loss. */
static bool snapshot(struct machine *machine, const struct journal *journal) {
    if (journal_next_seq(journal) == 0) {
        return true;
    }
    bool twice = support_below(&machine->random, 2) == 0;
    err_t err =
        save(machine, journal, sum_of(machine, machine->appended), twice);
    if (err != ERR_OK && !may_fail(machine)) {
        machine_violated(machine, "a snapshot failed by itself",
                         machine->appended);
    }
    return !may_fail(machine) && !machine->violated;
}

/* Of records that are still to be committed. */
static bool snapshot_ahead(struct machine *machine,
                           const struct journal *journal) {
    struct sum sum = sum_of(machine, machine->appended);
    for (uint64_t i = 0; i < AHEAD; i++) {
        sum_add(&sum, machine->next_value + i);
    }
    err_t err = save(machine, journal, sum, false);
    (void)err; /* what matters is what a start makes of it */
    return !may_fail(machine);
}

static bool trim(struct machine *machine, struct journal *journal) {
    struct journal_segment oldest;
    uint64_t covered;
    if (snapshot_covered(&machine->platform.disk, MACHINE_DIR, &covered) !=
            ERR_OK ||
        !journal_oldest(journal, &oldest) || oldest.end_seq > covered) {
        return true;
    }
    return machine_trim(machine, journal);
}

static bool step(struct machine *machine, struct journal *journal) {
    switch (support_below(&machine->random, 8)) {
    case 0:
        return snapshot(machine, journal);
    case 1:
        return snapshot_ahead(machine, journal);
    case 2:
        return trim(machine, journal);
    default:
        return machine_commit(machine, journal,
                              1 + support_below(&machine->random, 6));
    }
}

static void process(struct machine *machine) {
    if (support_below(&machine->random, 8) > 0) {
        fake_disk_stop_at(machine->fake,
                          1 + support_below(&machine->random, 80));
    }
    struct journal *journal = machine_open(machine);
    if (journal == NULL) {
        return;
    }
    uint64_t steps = support_below(&machine->random, 40);
    bool going = start_state(machine, journal);
    for (uint64_t i = 0; going && i < steps; i++) {
        going = step(machine, journal);
    }
    if (support_below(&machine->random, 2) == 0) {
        fake_disk_stop(machine->fake);
    }
    journal_close(journal);
}

bool snapshots_random(uint64_t seed, struct run_counts *counts,
                      struct reason *ret) {
    struct machine *machine = machine_new(seed, counts, ret);
    machine->options.trust_sealed = seed % 2 == 0;
    for (int i = 0; i < 12 && !machine->violated; i++) {
        process(machine);
        machine_next_process(machine);
    }
    return machine_end(machine);
}
