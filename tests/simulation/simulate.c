/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a simulated world: each row of its tests, then each of its controls,
 * which are programs of their own that lie beside this one. The same seed
 * repeats the same run. Ends with 0 if no promise was broken and every control
 * was caught, 1 if not, 2 if it was used wrongly. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/simulation/world.h"

enum {
    CUTS_DEFAULT = 10000, /* with fewer, all rows do less */
    VIOLATIONS_MAX = 10,  /* after so many it stops */
};

/* All that can be simulated. */
static const struct world *const worlds[] = {
    &journal_world,
    &bridge_world,
};

enum { WORLD_COUNT = sizeof worlds / sizeof *worlds };

struct simulation {
    const struct world *world;
    uint64_t seed;
    uint64_t cuts;
    uint64_t every;        /* of what is tried in turn; 0: by the cuts */
    uint64_t control_cuts; /* of each control, beyond its being caught */
    bool json;
    bool rows_only;
    struct run_counts counts;
    uint64_t violations;
    uint64_t controls;
    uint64_t controls_caught;
    int64_t rows_us; /* time that the rows took */
};

/* --- What is asked for --- */

static int misused(const char *words, const char *what) {
    fprintf(stderr, "tests/simulate: %s%s\n", words, what);
    fprintf(
        stderr,
        "usage: tests/simulate WORLD [--cuts N] [--every N] "
        "[--control-cuts N]\n"
        "           [--seed S] [--json] [--rows-only]\n"
        "  --cuts N      power cuts by chance, %d if it is not given, and\n"
        "                a tenth as many chains of recoveries\n"
        "  --every N     of what is tried in turn each n-th; all if it is not\n"
        "                given, or with fewer cuts a like part\n"
        "  --control-cuts N  power cuts of each control; until it is caught,\n"
        "                if it is not given\n"
        "  --seed S      what is left to chance; the same seed repeats it\n"
        "  --json        one line of figures\n"
        "  --rows-only   without the controls\n"
        "worlds:\n",
        CUTS_DEFAULT);
    for (size_t i = 0; i < WORLD_COUNT; i++) {
        fprintf(stderr, "  %-10s %s\n", worlds[i]->name, worlds[i]->what);
    }
    return 2;
}

static bool read_number(const char *text, uint64_t *ret) {
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    *ret = strtoull(text, NULL, 10);
    return errno == 0;
}

static const struct world *world_find(const char *name) {
    for (size_t i = 0; i < WORLD_COUNT; i++) {
        if (strcmp(worlds[i]->name, name) == 0) {
            return worlds[i];
        }
    }
    return NULL;
}

static int read_option(struct simulation *simulation, const char *name,
                       const char *value, int *ret_used) {
    *ret_used = 1;
    if (strcmp(name, "--json") == 0) {
        simulation->json = true;
        return 0;
    }
    if (strcmp(name, "--rows-only") == 0) {
        simulation->rows_only = true;
        return 0;
    }
    *ret_used = 2;
    if (strcmp(name, "--seed") == 0) {
        return value != NULL && read_number(value, &simulation->seed)
                   ? 0
                   : misused("give --seed a whole number below 2^64", "");
    }
    uint64_t *number = strcmp(name, "--cuts") == 0    ? &simulation->cuts
                       : strcmp(name, "--every") == 0 ? &simulation->every
                       : strcmp(name, "--control-cuts") == 0
                           ? &simulation->control_cuts
                           : NULL;
    if (number == NULL) {
        return misused("there is no option ", name);
    }
    if (value == NULL || !read_number(value, number) || *number == 0) {
        return misused("give a whole number, at least 1, with ", name);
    }
    return 0;
}

/* 0, or the exit status. */
static int read_arguments(struct simulation *simulation, int argc,
                          char **argv) {
    if (argc < 2) {
        return misused("say which world is to be simulated", "");
    }
    simulation->world = world_find(argv[1]);
    if (simulation->world == NULL) {
        return misused("there is no world ", argv[1]);
    }
    for (int i = 2; i < argc;) {
        int used;
        int status = read_option(simulation, argv[i],
                                 i + 1 < argc ? argv[i + 1] : NULL, &used);
        if (status != 0) {
            return status;
        }
        i += used;
    }
    return 0;
}

/* --- Rows --- */

static void say(const struct simulation *simulation, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* For a person; with --json there is only the one line at the end. */
static void say(const struct simulation *simulation, const char *format, ...) {
    if (simulation->json) {
        return;
    }
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

static bool is_one_run(const struct row *row) {
    return row->cuts_part == 0 && row->runs_part == 0;
}

static bool wants_more(const struct simulation *simulation,
                       const struct row *row, const struct run_counts *counts,
                       uint64_t runs) {
    if (is_one_run(row) || simulation->violations >= VIOLATIONS_MAX) {
        return false;
    }
    return row->cuts_part != 0
               ? counts->power_cuts < simulation->cuts / row->cuts_part
               : runs < simulation->cuts / row->runs_part;
}

static void violated(struct simulation *simulation, const struct row *row,
                     uint64_t seed, const struct reason *reason) {
    simulation->violations++;
    uint64_t cuts = is_one_run(row) ? simulation->cuts : 1;
    fprintf(stderr,
            "VIOLATION in %s, seed %" PRIu64 ": %s\n"
            "  to repeat it: tests/simulate %s --seed %" PRIu64
            " --cuts %" PRIu64 "\n",
            row->name, seed, reason->text, simulation->world->name, seed, cuts);
}

static void counts_add(struct run_counts *to, const struct run_counts *from) {
    to->power_cuts += from->power_cuts;
    to->processes_gone += from->processes_gone;
    to->cuts_in_recovery += from->cuts_in_recovery;
    to->opens += from->opens;
    to->commits += from->commits;
    to->faults += from->faults;
    to->full += from->full;
    to->trimmed += from->trimmed;
    to->aged += from->aged;
    to->recycled += from->recycled;
    to->overtaken += from->overtaken;
    to->damages += from->damages;
    to->recoveries_dropping += from->recoveries_dropping;
    to->recoveries_keeping += from->recoveries_keeping;
    to->rolls += from->rolls;
}

static void row_run(struct simulation *simulation, const struct row *row) {
    struct run_counts counts = {.every = simulation->every};
    if (counts.every == 0) {
        counts.every = simulation->cuts < CUTS_DEFAULT
                           ? CUTS_DEFAULT / simulation->cuts
                           : 1;
    }
    uint64_t runs = 0;
    do {
        struct reason reason = {""};
        uint64_t seed = simulation->seed + runs;
        if (!row->run(seed, &counts, &reason)) {
            violated(simulation, row, seed, &reason);
        }
        runs++;
    } while (wants_more(simulation, row, &counts, runs));
    say(simulation,
        "%-9s %7" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %9" PRIu64
        "  %s\n",
        row->name, runs, counts.power_cuts, counts.processes_gone,
        counts.faults + counts.damages, counts.opens, row->what);
    counts_add(&simulation->counts, &counts);
}

/* A run in which nothing happened has shown nothing. */
static void check_counts(struct simulation *simulation) {
    if (!simulation->world->happened(&simulation->counts)) {
        fprintf(stderr, "VIOLATION: something that is to be simulated never "
                        "happened: the rows test nothing\n");
        simulation->violations++;
    }
}

static void rows_run(struct simulation *simulation, const struct clock *clock) {
    say(simulation, "%-9s %7s %9s %8s %8s %9s\n", "row", "runs", "cuts",
        "kills", "faults", "starts");
    int64_t start_us = clock->mono_us(clock->self);
    for (const struct row *row = simulation->world->rows; row->name != NULL;
         row++) {
        row_run(simulation, row);
    }
    simulation->rows_us = clock->mono_us(clock->self) - start_us;
    check_counts(simulation);
}

/* --- Controls --- */

/* The program of a control, which lies beside this one. */
static void control_path(const struct control *control, char *ret,
                         size_t ret_size) {
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    snprintf(ret, ret_size, "%s/simulate_control_%s", self, control->name);
}

/* What the program says, as one line; its exit status, or -1. */
static int control_call(const struct simulation *simulation, const char *path,
                        char *ret, size_t ret_size) {
    ret[0] = '\0';
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        char seed[24];
        char cuts[24];
        snprintf(seed, sizeof seed, "%" PRIu64, simulation->seed);
        snprintf(cuts, sizeof cuts, "%" PRIu64, simulation->control_cuts);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(path, path, seed, cuts, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *file = fdopen(ends[0], "r");
    if (child < 0 || file == NULL || fgets(ret, (int)ret_size, file) == NULL) {
        ret[0] = '\0';
    }
    ret[strcspn(ret, "\n")] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void control_run(struct simulation *simulation,
                        const struct control *control) {
    char path[4200];
    char words[600];
    control_path(control, path, sizeof path);
    int status = control_call(simulation, path, words, sizeof words);
    simulation->controls++;
    if (status == 0) {
        simulation->controls_caught++;
        say(simulation, "%-17s %s\n%17s   %s\n", control->name, control->what,
            "caught", words);
        return;
    }
    fprintf(stderr, "NOT CAUGHT: %s (%s): %s\n", control->name, control->what,
            status == 1     ? words
            : status == 127 ? "its program is not built"
                            : "its program did not end as it should");
}

static void controls_run(struct simulation *simulation) {
    say(simulation, "\ncontrol\n");
    for (const struct control *control = simulation->world->controls;
         control->name != NULL; control++) {
        control_run(simulation, control);
    }
}

/* --- The end --- */

static void finish(const struct simulation *simulation) {
    int64_t us = simulation->rows_us > 0 ? simulation->rows_us : 1;
    uint64_t cuts = simulation->counts.power_cuts;
    uint64_t cuts_per_s = cuts * 1000000 / (uint64_t)us;
    if (simulation->json) {
        printf("{\"world\":\"%s\",\"seed\":%" PRIu64 ",\"cuts\":%" PRIu64
               ",\"violations\":%" PRIu64 ",\"controls\":%" PRIu64
               ",\"controls_caught\":%" PRIu64 ",\"cuts_per_s\":%" PRIu64 "}\n",
               simulation->world->name, simulation->seed, cuts,
               simulation->violations, simulation->controls,
               simulation->controls_caught, cuts_per_s);
        return;
    }
    const struct run_counts *counts = &simulation->counts;
    printf("\n%" PRIu64 " starts had lost what was not acknowledged, %" PRIu64
           " had kept it; %" PRIu64 " starts were stopped themselves\n",
           counts->recoveries_dropping, counts->recoveries_keeping,
           counts->cuts_in_recovery);
    printf("world %s, seed %" PRIu64 ": %" PRIu64 " power cuts, %" PRIu64
           " violations, %" PRIu64 " of %" PRIu64 " controls caught, %" PRIu64
           " cuts a second\n",
           simulation->world->name, simulation->seed, cuts,
           simulation->violations, simulation->controls_caught,
           simulation->controls, cuts_per_s);
}

int main(int argc, char **argv) {
    struct simulation simulation = {.seed = 1, .cuts = CUTS_DEFAULT};
    int status = read_arguments(&simulation, argc, argv);
    if (status != 0) {
        return status;
    }
    /* Thousands of small disks come and go: keep the memory. */
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
    struct platform platform = platform_real();
    rows_run(&simulation, &platform.clock);
    if (!simulation.rows_only) {
        controls_run(&simulation);
    }
    finish(&simulation);
    bool good = simulation.violations == 0 &&
                simulation.controls_caught == simulation.controls;
    return good ? 0 : 1;
}
