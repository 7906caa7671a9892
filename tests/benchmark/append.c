/* SPDX-License-Identifier: Apache-2.0 */
/* Commits batches of events to each target in turn, for a while each and many
 * times over, so that what else the machine does meets all of them alike. Each
 * turn's figures are a line of JSON. Run by tests/bench. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "tests/benchmark/target.h"

enum {
    SAMPLES_MAX = 1 << 20, /* of how long a commit took */
    SECTOR = 512,          /* the unit of the kernel's counter */
};

static int64_t clock_us(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What the device of `dir` has written so far, of whomever; 0 where the kernel
 * does not count. */
static uint64_t device_written(const char *dir) {
    struct stat st;
    target_must(stat(dir, &st) == 0, dir, "there is no such directory");
    char path[80];
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/stat", major(st.st_dev),
             minor(st.st_dev));
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    uint64_t sectors = 0;
    int got = fscanf(file, "%*u %*u %*u %*u %*u %*u %" SCNu64, &sectors);
    fclose(file);
    return got == 1 ? sectors * SECTOR : 0;
}

struct samples {
    uint32_t us[SAMPLES_MAX];
    size_t count;
};

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t percentile(const struct samples *samples, size_t percent) {
    return samples->us[(samples->count - 1) * percent / 100];
}

/* One turn; its figures as JSON. */
static void measure(const struct target *target, void *self, const char *dir,
                    uint32_t batch, int64_t length_us,
                    struct samples *samples) {
    samples->count = 0;
    uint64_t written = device_written(dir);
    int64_t cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    int64_t start = clock_us(CLOCK_MONOTONIC);
    int64_t now = start;
    uint64_t events = 0;
    while (now - start < length_us && samples->count < SAMPLES_MAX) {
        target->commit(self, batch);
        int64_t end = clock_us(CLOCK_MONOTONIC);
        samples->us[samples->count++] = (uint32_t)(end - now);
        events += batch;
        now = end;
    }
    cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    written = device_written(dir) - written;
    qsort(samples->us, samples->count, sizeof *samples->us, compare);
    double each = (double)events;
    printf(
        "{\"target\":\"%s\",\"batch\":%u,\"events_per_s\":%.0f,\"p50_us\":%u,"
        "\"p99_us\":%u,\"cpu_us_per_event\":%.4f,"
        "\"written_per_payload\":%.4f}\n",
        target->name, batch, each * 1e6 / (double)(now - start),
        percentile(samples, 50), percentile(samples, 99), (double)cpu / each,
        (double)written / (each * EVENT_BYTES));
}

static const struct target *const targets[] = {&target_journal, &target_raw,
                                               &target_sqlite};
enum { TARGETS = sizeof targets / sizeof *targets };

static void take_turns(const char *dir, int64_t length_us, uint64_t rounds) {
    static const uint32_t batches[] = {1, 10, 100, BATCH_MAX};
    enum { TURNS = sizeof batches / sizeof *batches * TARGETS };
    struct samples *samples = malloc(sizeof *samples);
    target_must(samples != NULL, "malloc", "no memory");
    void *selves[TARGETS];
    for (size_t i = 0; i < TARGETS; i++) {
        selves[i] = targets[i]->open(dir);
    }
    for (uint64_t turn = 0; turn < rounds * TURNS; turn++) {
        size_t i = turn % TARGETS;
        measure(targets[i], selves[i], dir, batches[turn % TURNS / TARGETS],
                length_us, samples);
    }
    for (size_t i = 0; i < TARGETS; i++) {
        targets[i]->close(selves[i]);
    }
    free(samples);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s DIR SECONDS ROUNDS\n", argv[0]);
        return 2;
    }
    take_turns(argv[1], (int64_t)(strtod(argv[2], NULL) * 1e6),
               strtoull(argv[3], NULL, 10));
    return 0;
}
