/* SPDX-License-Identifier: Apache-2.0 */
/* A machine with one journal on a simulated disk, and an oracle that is the
 * plain list of what was appended and how much of it was acknowledged.
 *
 * After every recovery the journal must be a prefix of that list (P2), at least
 * as long as what was acknowledged (P1). What a recovery dropped leaves the
 * list, and what it kept counts as acknowledged: no later recovery may bring
 * the one back or lose the other. It begins where it was trimmed, or, if that
 * was stopped, where it began before. No two records are ever alike. */
#ifndef TESTS_SIMULATION_MACHINE_H
#define TESTS_SIMULATION_MACHINE_H

#include "gateway/journal/journal.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/world.h"

enum {
    MACHINE_LIST_MAX = 4096,
    MACHINE_RECORD_MAX = 30000,
};

#define MACHINE_PARENT "/data"
#define MACHINE_DIR MACHINE_PARENT "/orders"
#define MACHINE_FIRST_SEGMENT MACHINE_DIR "/00000000000000000000.seg"

struct machine {
    struct fake_disk *fake;
    struct support_random random;
    struct platform platform;
    struct journal_options options; /* may be changed before it is opened */
    size_t (*length_of)(uint64_t value); /* bytes of the record of a value */
    bool random_repeats; /* the journal gets the same numbers at each start */
    struct support_random repeated;
    int64_t now_us;
    uint64_t next_value;
    uint64_t list[MACHINE_LIST_MAX]; /* value by sequence number */
    uint64_t begins;                 /* what is before it was trimmed */
    uint64_t trimming_to;            /* as `begins`, or where it will begin */
    uint64_t appended;
    uint64_t acknowledged;
    struct journal_reader *follower; /* beside the journal, or NULL */
    uint64_t follower_seq;           /* of its next record */
    uint64_t stop_at;                /* absolute count of calls; 0: never */
    err_t fault; /* what the call that is made to fail fails with */
    struct run_counts *counts;
    struct reason *violation;
    bool violated;
};

/* Everything that is left to chance follows from the seed. */
struct machine *machine_new(uint64_t seed, struct run_counts *counts,
                            struct reason *violation);
/* Another machine with the same options and list, whose disk holds this first
 * segment of a journal and nothing else. */
struct machine *machine_again(const struct machine *machine, uint64_t seed,
                              struct slice segment);
/* The bytes of the first segment, as a process sees them. */
struct slice machine_segment(struct machine *machine);
/* Frees it. False if a promise was broken; `violation` has the words then. */
bool machine_end(struct machine *machine);

/* Says that a promise was broken; returns false. */
bool machine_violated(struct machine *machine, const char *what, uint64_t seq);

/* Starts the process and holds what it recovered against the list. NULL if the
 * machine stopped meanwhile, or a promise was broken. */
struct journal *machine_open(struct machine *machine);
/* Appends so many records and commits them. False if that ends the process. */
bool machine_commit(struct machine *machine, struct journal *journal,
                    uint64_t count);
/* Makes sure of room for the next batch. Likewise. */
bool machine_preallocate(struct machine *machine, struct journal *journal);
/* Lets go of the oldest segment, if one is sealed. Likewise. */
bool machine_trim(struct machine *machine, struct journal *journal);
/* Begins the next segment, and writes zeros over what older ones left in files
 * that are used again. Likewise. */
bool machine_age(struct machine *machine, struct journal *journal);
/* A reader that stays open while the journal goes on reads up to `count`
 * records more: each is right, or was trimmed. */
void machine_follow(struct machine *machine, uint64_t count);
/* Ends it as a kill or a power cut does; journal_close() ends it in order. */
void machine_kill(struct machine *machine, struct journal *journal);

/* Between two processes: a kill or a power cut, by chance. */
void machine_next_process(struct machine *machine);
void machine_power_cut(struct machine *machine, enum fake_fate fate);
/* Sets the disk to stop at `stop_at`, if that is still to come. */
void machine_arm(struct machine *machine);
void machine_count_fault(struct machine *machine);

#endif
