/* SPDX-License-Identifier: Apache-2.0 */
/* A control: this program is linked with a journal that breaks one rule on
 * purpose, and the row that suits it must see that. Called by simulate with a
 * seed and a number of power cuts; says what was seen, and ends with 0 if
 * something was. Then it lives on until so many cuts were made, and says how
 * many of these lives broke a promise: how often who only tries a little would
 * have seen nothing. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/simulation/bridge_rows.h"
#include "tests/simulation/power.h"

#ifndef EDGE_CONTROLS
#define EDGE_CONTROLS journal_controls
#define EDGE_LIFE power_random
#endif

enum { RUNS_MAX = 200 };

/* The program's own name says which it is. */
static const struct control *control_find(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *program = slash == NULL ? path : slash + 1;
    for (const struct control *control = EDGE_CONTROLS; control->name != NULL;
         control++) {
        char expected[64];
        snprintf(expected, sizeof expected, "simulate_control_%s",
                 control->name);
        if (strcmp(program, expected) == 0) {
            return control;
        }
    }
    return NULL;
}

static bool is_caught(const struct control *control, uint64_t seed) {
    struct run_counts counts = {.every = 1};
    for (uint64_t run = 1; run <= RUNS_MAX; run++) {
        struct reason violation = {""};
        if (!control->run(seed + run - 1, &counts, &violation)) {
            printf("in run %" PRIu64 ": %s", run, violation.text);
            return true;
        }
    }
    printf("not in %d runs", RUNS_MAX);
    return false;
}

static void live_on(uint64_t seed, uint64_t cuts) {
    struct run_counts counts = {.every = 1};
    uint64_t lives = 0;
    uint64_t broken = 0;
    while (counts.power_cuts < cuts) {
        struct reason violation;
        broken += EDGE_LIFE(seed + lives, &counts, &violation) ? 0 : 1;
        lives++;
    }
    printf("; %" PRIu64 " cuts in %" PRIu64 " lives, %" PRIu64
           " of them broken",
           counts.power_cuts, lives, broken);
}

int main(int argc, char **argv) {
    const struct control *control = control_find(argv[0]);
    if (argc != 3 || control == NULL) {
        fprintf(stderr, "usage: %s SEED CUTS (run by tests/simulate)\n",
                argv[0]);
        return 2;
    }
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
    uint64_t seed = strtoull(argv[1], NULL, 10);
    uint64_t cuts = strtoull(argv[2], NULL, 10);
    bool caught = is_caught(control, seed);
    if (cuts > 0) {
        live_on(seed, cuts);
    }
    putchar('\n');
    return caught ? 0 : 1;
}
