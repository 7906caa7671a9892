/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/bridge_rows.h"

static const struct row rows[] = {
    {"crashes", "the process and the power end at every step of a life",
     bridge_every_crash, 0, 0},
    {"random", "every kind of answer, bad events, crashes by chance",
     bridge_random, .runs_part = 20},
    {"offline", "thirty days without a line (a part, with fewer cuts)",
     bridge_offline, 0, 0},
    {.name = NULL},
};

/* Something of each kind. */
static bool happened(const struct run_counts *counts) {
    return counts->power_cuts > 0 && counts->processes_gone > 0 &&
           counts->faults > 0 && counts->commits > 0;
}

const struct world bridge_world = {
    .name = "bridge",
    .what = "the bridge under crashes, bad answers and outages",
    .rows = rows,
    .controls = bridge_controls,
    .happened = happened,
};
