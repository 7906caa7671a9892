/* SPDX-License-Identifier: Apache-2.0 */
/* A world that can be simulated: the rows of tests that are run in it, and the
 * controls, which are the same program with one rule broken on purpose, each
 * with the row that must see it. */
#ifndef TESTS_SIMULATION_WORLD_H
#define TESTS_SIMULATION_WORLD_H

#include "gateway/base/base.h"

/* What happened, so that it is known that something was tested. */
struct run_counts {
    uint64_t every; /* not a count: rows that try everything try each n-th */
    uint64_t power_cuts;
    uint64_t processes_gone;
    uint64_t cuts_in_recovery; /* either, while a journal was being opened */
    uint64_t opens;
    uint64_t commits;
    uint64_t faults;    /* calls made to fail */
    uint64_t full;      /* commits that found no room, and then did */
    uint64_t damages;   /* of bytes that were on the disk */
    uint64_t trimmed;   /* segments */
    uint64_t aged;      /* times that a segment was ended and files wiped */
    uint64_t recycled;  /* segments begun in the file of one of them */
    uint64_t overtaken; /* readers whose file was trimmed meanwhile */
    uint64_t recoveries_dropping; /* something that was not acknowledged */
    uint64_t recoveries_keeping;  /* the same */
    uint64_t rolls;               /* segments begun after the first */
};

/* One run. All that is left to chance follows from the seed. False, and words
 * in `ret`, if a promise was broken; it ends there. */
typedef bool run_function(uint64_t seed, struct run_counts *counts,
                          struct reason *ret);

struct row {
    const char *name;
    const char *what;
    run_function *run;
    /* Both 0: one run. Else runs with one seed after the other, until they have
     * cut the power, or until there were runs, for the n-th part of as often as
     * was asked for. */
    uint64_t cuts_part;
    uint64_t runs_part;
};

struct control {
    const char *name; /* EDGE_CONTROL_<name> */
    const char *what; /* it breaks */
    run_function *run;
};

struct world {
    const char *name;
    const char *what;
    const struct row *rows; /* both lists end with one that has no name */
    const struct control *controls;
    /* Did all happen that is to be simulated? */
    bool (*happened)(const struct run_counts *counts);
};

/* The controls of the journal, apart from its rows since each control is a
 * program that has only these. */
extern const struct control journal_controls[];

extern const struct world journal_world;
extern const struct world bridge_world;

#endif
