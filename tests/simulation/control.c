/* SPDX-License-Identifier: Apache-2.0 */
/* A control: this program is linked with a journal that breaks one rule on
 * purpose, and the row that suits it must see that. Called by simulate with a
 * seed; says what was seen, and ends with 0 if something was. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/simulation/world.h"

enum { RUNS_MAX = 200 };

/* The program's own name says which it is. */
static const struct control *control_find(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *program = slash == NULL ? path : slash + 1;
    for (const struct control *control = journal_controls;
         control->name != NULL; control++) {
        char expected[64];
        snprintf(expected, sizeof expected, "simulate_control_%s",
                 control->name);
        if (strcmp(program, expected) == 0) {
            return control;
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    const struct control *control = control_find(argv[0]);
    if (argc != 2 || control == NULL) {
        fprintf(stderr, "usage: %s SEED (run by tests/simulate)\n", argv[0]);
        return 2;
    }
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
    uint64_t seed = strtoull(argv[1], NULL, 10);
    struct run_counts counts = {.every = 1};
    for (uint64_t run = 1; run <= RUNS_MAX; run++) {
        struct reason violation = {""};
        if (!control->run(seed + run - 1, &counts, &violation)) {
            printf("in run %" PRIu64 ": %s\n", run, violation.text);
            return 0;
        }
    }
    printf("not in %d runs\n", RUNS_MAX);
    return 1;
}
