/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/damage.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/frame.h"
#include "gateway/journal/reader.h"
#include "tests/simulation/machine.h"

/* All records take a frame of one page. */
static size_t short_length(uint64_t value) {
    return 8 + value % 200;
}

static struct machine *short_machine(uint64_t seed, struct run_counts *counts,
                                     struct reason *ret) {
    struct machine *machine = machine_new(seed, counts, ret);
    machine->length_of = short_length;
    machine->options.segment_bytes = 32 * JOURNAL_PAGE;
    return machine;
}

/* Commits of one record each; NULL if that ended the process. */
static struct journal *commit_records(struct machine *machine,
                                      struct journal *journal, uint64_t count) {
    bool going = journal != NULL;
    for (uint64_t i = 0; going && i < count; i++) {
        going = machine_commit(machine, journal, 1);
    }
    return journal;
}

/* --- Heads --- */

enum { HEADS = 3 };

/* What a reader gives of a record, beside its bytes. */
struct stamp {
    int64_t wall_us;
    int64_t mono_us;
    uint32_t incarnation;
};

/* Reads what there is. False if a record is not as `stamps` and the list have
 * it; with `learn` the stamps are taken over instead. */
static bool read_heads(const struct machine *machine, struct stamp *stamps,
                       bool learn) {
    struct journal_reader *reader;
    const struct disk *disk = &machine->platform.disk;
    if (journal_reader_open(disk, MACHINE_DIR, 0, &reader, NULL) != ERR_OK) {
        return !learn;
    }
    bool same = true;
    struct journal_record record;
    for (uint64_t seq = 0;
         same && journal_reader_next(reader, HEADS, &record) == ERR_OK; seq++) {
        struct stamp *stamp = &stamps[seq];
        if (learn) {
            *stamp = (struct stamp){record.wall_us, record.mono_us,
                                    record.incarnation};
        }
        uint64_t value = machine->list[seq];
        same =
            record.seq == seq && record.wall_us == stamp->wall_us &&
            record.mono_us == stamp->mono_us &&
            record.incarnation == stamp->incarnation &&
            support_record_is(record.bytes, value, machine->length_of(value));
    }
    journal_reader_close(reader);
    return same;
}

static bool flip_bit(struct machine *machine, struct stamp *stamps,
                     uint64_t bit) {
    fake_disk_flip(machine->fake, MACHINE_FIRST_SEGMENT, bit);
    machine->counts->damages++;
    bool same = read_heads(machine, stamps, false);
    struct journal *journal = NULL;
    err_t err = journal_open(&machine->options, &journal, NULL);
    if (err == ERR_OK) {
        machine_kill(machine, journal);
    }
    fake_disk_flip(machine->fake, MACHINE_FIRST_SEGMENT, bit);
    if (!same) {
        return machine_violated(machine, "a reader took a damaged head",
                                bit / 8 / JOURNAL_PAGE - 1);
    }
    if (err != ERR_CORRUPT) {
        return machine_violated(machine, "a start took a damaged head",
                                bit / 8 / JOURNAL_PAGE - 1);
    }
    return true;
}

bool damage_heads(uint64_t seed, struct run_counts *counts,
                  struct reason *ret) {
    struct machine *machine = short_machine(seed, counts, ret);
    journal_close(commit_records(machine, machine_open(machine), HEADS));
    struct stamp stamps[HEADS];
    bool going = read_heads(machine, stamps, true);
    for (uint64_t frame = 0; frame < HEADS; frame++) {
        uint64_t at = (1 + frame) * JOURNAL_PAGE * 8;
        for (uint64_t bit = 0; going && bit < FRAME_HEAD_SIZE * 8;
             bit += counts->every < 7 ? counts->every : 7) {
            going = flip_bit(machine, stamps, at + bit);
        }
    }
    return machine_end(machine);
}

/* --- Forged frames --- */

enum {
    FORGED = 6,
    CARRIER_PAGES = 2 + FORGED,
    CARRIER_AT = 2 * JOURNAL_PAGE, /* behind a frame that was committed */
    SEGMENT = 16 * JOURNAL_PAGE,
};

/* A record whose pages, once in the file, begin with frames as the journal
 * would write them next, but for the salt. */
static struct slice forge(const struct machine *machine,
                          const struct journal *journal, struct writer *ret) {
    uint32_t incarnation =
        support_incarnation(&machine->platform.disk, MACHINE_DIR);
    writer_fill(ret, 'x',
                JOURNAL_PAGE - FRAME_HEAD_SIZE - FRAME_ITEM_HEAD_SIZE);
    for (uint64_t i = 0; i < FORGED; i++) {
        uint8_t page[JOURNAL_PAGE];
        struct writer frame = writer_over(page, sizeof page);
        frame_begin(&frame);
        frame_add(&frame, SLICE("forged"));
        struct frame_head head = {
            .incarnation = incarnation,
            .first_seq = journal_next_seq(journal) + i / 2,
            .count = 1,
        };
        writer_slice_add(ret, frame_finish(&frame, &head, 0));
    }
    assert(!ret->full);
    return writer_slice(ret);
}

/* Commits the carrier and copies the segment that holds it. */
static void carry(struct machine *machine, struct journal *journal,
                  uint8_t *ret) {
    uint8_t buf[CARRIER_PAGES * JOURNAL_PAGE];
    struct writer writer = writer_over(buf, sizeof buf);
    struct slice record = forge(machine, journal, &writer);
    journal_begin(journal);
    support_append(journal, record);
    support_commit(journal);
    machine->appended++;
    struct slice segment = machine_segment(machine);
    assert(segment.len == SEGMENT);
    memcpy(ret, segment.data, SEGMENT);
}

/* The cut took one of the carrier's pages: the carrier is gone, what was
 * committed before it is there, and the journal goes on. */
static bool cut_without(const struct machine *machine, const uint8_t *image,
                        size_t page) {
    uint8_t cut[SEGMENT];
    memcpy(cut, image, sizeof cut);
    memset(cut + CARRIER_AT + page * JOURNAL_PAGE, 0, JOURNAL_PAGE);
    struct machine *again =
        machine_again(machine, page, slice_of(cut, sizeof cut));
    again->counts->power_cuts++;
    machine_kill(again, commit_records(again, machine_open(again), 2));
    machine_power_cut(again, FAKE_DROP);
    if (!again->violated) {
        journal_close(machine_open(again));
    }
    return machine_end(again);
}

bool damage_forged(uint64_t seed, struct run_counts *counts,
                   struct reason *ret) {
    struct machine *machine = short_machine(seed, counts, ret);
    machine->options.segment_bytes = SEGMENT;
    struct journal *journal = commit_records(machine, machine_open(machine), 1);
    uint8_t image[SEGMENT];
    bool held = journal != NULL;
    if (held) {
        carry(machine, journal, image);
    }
    for (size_t page = 0; held && page < CARRIER_PAGES; page++) {
        held = cut_without(machine, image, page);
    }
    journal_close(journal);
    return machine_end(machine) && held;
}

/* --- Old blocks under a new header --- */

/* Puts the frames, and the seal, of `old` where the segment that begins with
 * record `first_seq` has none yet: from `from` on. */
static void expose(struct machine *machine, uint64_t first_seq, size_t from,
                   struct slice old) {
    char path[64];
    snprintf(path, sizeof path, MACHINE_DIR "/%020" PRIu64 ".seg", first_seq);
    uint64_t size = 0;
    uint8_t *bytes = fake_disk_bytes(machine->fake, path, &size);
    assert(bytes != NULL && from <= size);
    size_t len = (size_t)size;
    uint8_t *copy = malloc(len);
    assert(copy != NULL);
    memcpy(copy, bytes, len);
    size_t end = old.len < len ? old.len : len;
    if (end > from) {
        memcpy(copy + from, old.data + from, end - from);
    }
    fake_disk_put(machine->fake, path, slice_of(copy, len));
    free(copy);
    machine->counts->damages++;
}

static void one_life(struct machine *machine, uint64_t count, bool in_order) {
    struct journal *journal =
        commit_records(machine, machine_open(machine), count);
    if (in_order) {
        journal_close(journal);
    } else {
        machine_kill(machine, journal);
    }
    fake_disk_process_gone(machine->fake);
}

/* Three lives: one that only makes the journal (so that the two after it draw
 * the same number of random ones), one whose segment is then removed, and one
 * that gets its blocks. */
static bool stale_lives(struct machine *machine, bool in_order,
                        uint64_t commits, uint64_t commits_after) {
    enum { OLD = 5 };
    one_life(machine, 0, true);
    one_life(machine, OLD, in_order);
    struct slice old = machine_segment(machine);
    uint8_t *copy = malloc(old.len);
    assert(copy != NULL);
    memcpy(copy, old.data, old.len);
    old = slice_of(copy, old.len);
    struct journal *journal =
        commit_records(machine, machine_open(machine), commits);
    if (journal != NULL) {
        size_t from = (size_t)(1 + commits) * JOURNAL_PAGE;
        machine_kill(machine, journal);
        machine_power_cut(machine, FAKE_DROP);
        expose(machine, OLD, from, old);
        journal_close(
            commit_records(machine, machine_open(machine), commits_after));
    }
    free(copy);
    if (!machine->violated) {
        machine_power_cut(machine, FAKE_DROP);
        journal_close(machine_open(machine));
    }
    return machine_end(machine);
}

/* A segment in the file of one that was trimmed, so many commits on, when the
 * power goes: behind them lie the older segment's frames, of the same journal,
 * incarnation and places, and perhaps its seal. */
static bool recycled_life(struct machine *machine, uint64_t commits,
                          enum fake_fate fate) {
    enum { FRAMES = 6 }; /* in a segment */
    machine->options.segment_bytes = (2 + FRAMES) * JOURNAL_PAGE;
    struct journal *journal =
        commit_records(machine, machine_open(machine), 2 * FRAMES);
    bool going = journal != NULL && machine_trim(machine, journal);
    assert(going);
    uint64_t recycled = machine->counts->recycled;
    commit_records(machine, journal, 1 + commits);
    assert(machine->counts->recycled == recycled + 1);
    machine_kill(machine, journal);
    machine_power_cut(machine, fate);
    journal_close(commit_records(machine, machine_open(machine), 2));
    if (!machine->violated) {
        machine_power_cut(machine, FAKE_DROP);
        journal_close(machine_open(machine));
    }
    return machine_end(machine);
}

static bool recycled_lives(uint64_t seed, struct run_counts *counts,
                           struct reason *ret) {
    static const enum fake_fate fates[] = {FAKE_DROP, FAKE_KEEP, FAKE_TEAR};
    for (uint64_t commits = 0; commits < 6; commits++) {
        for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
            struct machine *machine = short_machine(seed, counts, ret);
            if (!recycled_life(machine, commits, fates[i])) {
                return false;
            }
        }
    }
    return true;
}

bool damage_stale(uint64_t seed, struct run_counts *counts,
                  struct reason *ret) {
    if (!recycled_lives(seed, counts, ret)) {
        return false;
    }
    for (uint64_t commits = 0; commits < 4; commits++) {
        for (int in_order = 0; in_order < 2; in_order++) {
            struct machine *machine = short_machine(seed, counts, ret);
            if (!stale_lives(machine, in_order == 1, commits, 2)) {
                return false;
            }
        }
    }
    /* Nothing is committed after it: a reader tells segments apart by their
     * salts, and these are alike. */
    struct machine *machine = short_machine(seed, counts, ret);
    machine->random_repeats = true;
    return stale_lives(machine, false, 0, 0);
}
