/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/bytes.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/journal/frame.h"
#include "tests/simulation/machine.h"

enum {
    PAGES = 6, /* of the segment: header, four for frames, seal */
    SEGMENT = PAGES * JOURNAL_PAGE,
    BATCH_MAX = 64,
    LARGE_VALUE = 100,
    AGAIN_STEP = 16, /* a second cut follows one in so many */
};

enum place { START, MIDDLE, END };

static const char *const place_names[] = {"start", "middle", "end"};

/* Small, but for one that takes more than a page. */
static size_t small_length(uint64_t value) {
    return value == LARGE_VALUE ? 4500 : 8 + value % 8;
}

/* The value of a batch's first record. Four sizes get the large one, too. */
static uint64_t first_value(uint64_t count) {
    return count % 16 == 0 ? LARGE_VALUE : LARGE_VALUE + 1;
}

/* A segment with a commit on its way: how it was before, and how it is. */
struct commit {
    struct machine *machine;
    uint8_t before[SEGMENT];
    uint8_t after[SEGMENT];
    size_t from; /* the bytes that differ lie in [from, to) */
    size_t to;
    uint64_t acknowledged; /* before it */
};

static void segment_copy(struct machine *machine, uint8_t *ret) {
    struct slice segment = machine_segment(machine);
    assert(segment.len == SEGMENT);
    memcpy(ret, segment.data, SEGMENT);
}

static void commit_bounds(struct commit *commit) {
    commit->from = 0;
    while (commit->before[commit->from] == commit->after[commit->from]) {
        commit->from++;
    }
    commit->to = SEGMENT;
    while (commit->before[commit->to - 1] == commit->after[commit->to - 1]) {
        commit->to--;
    }
}

/* How many commits of one record, a page each, go before it. */
static uint64_t filler_of(enum place place, uint64_t count) {
    if (place != END) {
        return place == START ? 0 : 1;
    }
    uint64_t events_len = 0;
    for (uint64_t i = 0; i < count; i++) {
        events_len +=
            FRAME_ITEM_HEAD_SIZE + small_length(first_value(count) + i);
    }
    return PAGES - 2 - frame_size(events_len) / JOURNAL_PAGE;
}

/* False if the journal cannot even do that. */
static bool commit_make(struct commit *commit, enum place place,
                        uint64_t count) {
    struct machine *machine = commit->machine;
    struct journal *journal = machine_open(machine);
    uint64_t filler = filler_of(place, count);
    bool going = journal != NULL;
    for (uint64_t i = 0; going && i < filler; i++) {
        going = machine_commit(machine, journal, 1);
    }
    if (going) {
        segment_copy(machine, commit->before);
        commit->acknowledged = machine->acknowledged;
        machine->next_value = first_value(count);
        going = machine_commit(machine, journal, count);
    }
    if (going) {
        segment_copy(machine, commit->after);
        commit_bounds(commit);
    }
    journal_close(journal);
    return going;
}

/* Starts on what reached the disk; at times it is cut again at once, and starts
 * again. */
static bool cut_at(struct commit *commit, size_t byte) {
    uint64_t every = commit->machine->counts->every;
    uint8_t image[SEGMENT];
    memcpy(image, commit->before, sizeof image);
    memcpy(image + commit->from, commit->after + commit->from,
           byte - commit->from);
    struct machine *machine =
        machine_again(commit->machine, byte, slice_of(image, sizeof image));
    machine->acknowledged = commit->acknowledged;
    uint64_t whole =
        byte == commit->to ? machine->appended : machine->acknowledged;
    machine->counts->power_cuts++;
    machine_kill(machine, machine_open(machine));
    if (!machine->violated && byte / every % AGAIN_STEP == 0) {
        machine_power_cut(machine, FAKE_DROP);
        machine_kill(machine, machine_open(machine));
    }
    if (!machine->violated && machine->acknowledged != whole) {
        machine_violated(machine, "a batch is there in part", whole);
    }
    return machine_end(machine);
}

static bool cut_everywhere(struct commit *commit, enum place place,
                           uint64_t count, struct reason *ret) {
    if (!commit_make(commit, place, count)) {
        return false;
    }
    uint64_t every = commit->machine->counts->every;
    for (size_t byte = commit->from; byte <= commit->to; byte += every) {
        if (!cut_at(commit, byte)) {
            struct reason why = *commit->machine->violation;
            reason_set(ret, ERR_CORRUPT,
                       "a batch of %" PRIu64
                       " at a segment's %s, cut at byte %zu: %.150s",
                       count, place_names[place], byte - commit->from,
                       why.text);
            return false;
        }
    }
    return true;
}

bool bytes_every_byte(uint64_t seed, struct run_counts *counts,
                      struct reason *ret) {
    bool held = true;
    struct commit commit;
    for (int place = START; held && place <= END; place++) {
        for (uint64_t count = 1; held && count <= BATCH_MAX; count++) {
            struct reason why = {""};
            commit.machine = machine_new(seed, counts, &why);
            commit.machine->length_of = small_length;
            commit.machine->options.segment_bytes = SEGMENT;
            commit.machine->options.batch_bytes_max = 2 * JOURNAL_PAGE;
            held = cut_everywhere(&commit, (enum place)place, count, ret);
            held = machine_end(commit.machine) && held;
        }
    }
    return held;
}
