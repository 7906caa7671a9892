/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/bytes.h"
#include "tests/simulation/damage.h"
#include "tests/simulation/power.h"
#include "tests/simulation/rot.h"
#include "tests/simulation/short_write.h"
#include "tests/simulation/snapshots.h"

static const struct row rows[] = {
    {"calls", "stopped at every disk call, and at every one of the recovery",
     power_every_call, 0, 0},
    {"nested", "stopped in the recovery of a recovery, four deep", power_nested,
     .runs_part = 10},
    {"bytes", "cut at every byte of a commit, batches of 1 to 64",
     bytes_every_byte, 0, 0},
    {"random", "long lives, cut and failing by chance", power_random,
     .cuts_part = 1},
    {"snapshots", "starts from snapshots, and trims what they cover",
     snapshots_random, .cuts_part = 10},
    {"faults", "every disk call fails once", power_every_fault, 0, 0},
    {"short", "every write is short and interrupted (the real disk's table)",
     short_write_every_length, 0, 0},
    {"heads", "every bit of a frame's head is flipped", damage_heads, 0, 0},
    {"forged", "a record carries forged frames", damage_forged, 0, 0},
    {"stale", "a segment shows the blocks of an earlier one", damage_stale, 0,
     0},
    {"rot", "each page of each segment rots; cut at each call of the start",
     rot_each_page, 0, 0},
    {.name = NULL},
};

static bool happened(const struct run_counts *counts) {
    return counts->power_cuts > 0 && counts->processes_gone > 0 &&
           counts->cuts_in_recovery > 0 && counts->faults > 0 &&
           counts->full > 0 && counts->trimmed > 0 && counts->aged > 0 &&
           counts->recycled > 0 && counts->overtaken > 0 &&
           counts->recoveries_dropping > 0 && counts->recoveries_keeping > 0 &&
           counts->rolls > 0;
}

const struct world journal_world = {
    .name = "journal",
    .what = "the journal under power cuts, kills, faults and damage",
    .rows = rows,
    .controls = journal_controls,
    .happened = happened,
};
