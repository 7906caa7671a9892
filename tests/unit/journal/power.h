/* SPDX-License-Identifier: Apache-2.0 */
/* Power cuts: a journal on the fake disk, and an oracle that is the plain list
 * of what was appended and how much of it was acknowledged.
 *
 * After every recovery the journal must be a prefix of that list (P2), at least
 * as long as what was acknowledged (P1). What a recovery let go of leaves the
 * list, and what it kept counts as acknowledged: no later recovery may bring
 * the one back or lose the other. No two records are ever alike. */
#ifndef TESTS_UNIT_JOURNAL_POWER_H
#define TESTS_UNIT_JOURNAL_POWER_H

#include "gateway/journal/journal.h"
#include "tests/unit/journal/fake_disk.h"

/* What happened, so that a test knows that it tested something. */
struct power_counts {
    uint64_t power_cuts;
    uint64_t processes_gone;
    uint64_t cuts_in_recovery; /* either, while a journal was being opened */
    uint64_t opens;
    uint64_t commits;
    uint64_t faults; /* calls made to fail */
    uint64_t full;   /* commits that found no room, and later did */
    uint64_t recoveries_dropping; /* something that was not acknowledged */
    uint64_t recoveries_keeping;  /* the same */
    uint64_t rolls;               /* segments begun after the first */
};

/* One life of a disk: some ten processes one after the other, each ended by
 * chance. Returns false and says what was broken in `ret`. */
bool power_random_run(uint64_t seed, struct power_counts *counts,
                      struct reason *ret);
/* A script of three processes, stopped at its `stop_at`-th call, and the
 * recovery from that stopped at its `stop_again_at`-th (0: it is not). The
 * seed decides what became of unsynced things. `*ret_more` and
 * `*ret_more_again` say whether the stop came before the end. */
bool power_script_run(uint64_t seed, uint64_t stop_at, uint64_t stop_again_at,
                      struct power_counts *counts, bool *ret_more,
                      bool *ret_more_again, struct reason *ret);
/* The same script, in which the n-th call of a kind fails with `err` and the
 * process ends at that. `*ret_more` says whether there was such a call. */
bool power_fault_run(uint64_t seed, enum fake_call call, uint64_t n, err_t err,
                     struct power_counts *counts, bool *ret_more,
                     struct reason *ret);

#endif
