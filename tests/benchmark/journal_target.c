/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/journal.h"
#include "tests/benchmark/target.h"

enum {
    KEEP_BYTES = 16 * 1024 * 1024,
    TRIMMED_A_COMMIT = 4, /* as a stream has it */
};

struct bench_journal {
    struct platform platform;
    struct journal *journal;
    uint8_t event[EVENT_BYTES];
    uint64_t number;
};

/* As a stream whose cloud keeps up does after a commit. */
static void trim(struct journal *journal) {
    struct reason reason = {""};
    struct journal_segment oldest;
    for (int i = 0; i < TRIMMED_A_COMMIT && journal_oldest(journal, &oldest);
         i++) {
        struct journal_stats stats = journal_stats(journal);
        if (stats.bytes - stats.spare_bytes - oldest.bytes < KEEP_BYTES) {
            return;
        }
        target_must(journal_trim(journal, &reason) == ERR_OK, "journal_trim",
                    reason.text);
    }
}

static void commit(void *self, uint32_t batch) {
    struct bench_journal *bench = self;
    struct journal *journal = bench->journal;
    struct reason reason = {""};
    journal_begin(journal);
    for (uint32_t i = 0; i < batch; i++) {
        uint64_t seq;
        target_must(journal_append(journal,
                                   target_event(bench->event, bench->number++),
                                   &seq) == ERR_OK,
                    "journal_append", "");
    }
    target_must(journal_commit(journal, &reason) == ERR_OK, "journal_commit",
                reason.text);
    trim(journal);
}

static void *open_journal(const char *dir) {
    struct bench_journal *bench = calloc(1, sizeof *bench);
    target_must(bench != NULL, "calloc", "no memory");
    bench->platform = platform_real();
    target_event_init(bench->event);
    char path[900];
    snprintf(path, sizeof path, "%s/orders", dir);
    struct journal_options options = {
        .platform = &bench->platform,
        .dir = path,
        .store = "bench",
        .stream = "orders",
    };
    struct reason reason = {""};
    target_must(journal_open(&options, &bench->journal, &reason) == ERR_OK,
                "journal_open", reason.text);
    while (journal_stats(bench->journal).recycled == 0) {
        commit(bench, BATCH_MAX);
    }
    return bench;
}

static void close_journal(void *self) {
    struct bench_journal *bench = self;
    journal_close(bench->journal);
    free(bench);
}

const struct target target_journal = {
    .name = "ours",
    .open = open_journal,
    .commit = commit,
    .close = close_journal,
};
