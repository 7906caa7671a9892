/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a journal with so many segments and ends as a kill does, without a
 * word; or starts on what such a run left, and reads it all; or only reads it.
 * Run by tests/bench. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"
#include "tests/benchmark/target.h"

enum { BATCH = 100 };

static struct journal *open_journal(const struct platform *platform,
                                    const char *dir) {
    struct journal_options options = {
        .platform = platform,
        .dir = dir,
        .store = "bench",
        .stream = "orders",
    };
    struct journal *journal;
    struct reason reason = {""};
    target_must(journal_open(&options, &journal, &reason) == ERR_OK,
                "journal_open", reason.text);
    return journal;
}

static void fill(struct journal *journal, uint64_t segments) {
    uint8_t event[EVENT_BYTES];
    target_event_init(event);
    uint64_t number = 0;
    struct reason reason = {""};
    while (journal_stats(journal).segments <= segments) {
        journal_begin(journal);
        for (int i = 0; i < BATCH; i++) {
            uint64_t seq;
            err_t err =
                journal_append(journal, target_event(event, number++), &seq);
            target_must(err == ERR_OK, "journal_append", err_name(err));
        }
        target_must(journal_commit(journal, &reason) == ERR_OK,
                    "journal_commit", reason.text);
    }
}

static double read_all(const struct platform *platform, const char *dir,
                       uint64_t end) {
    const struct clock *clock = &platform->clock;
    int64_t begun = clock->mono_us(clock->self);
    struct reason reason = {""};
    struct journal_reader *reader;
    target_must(journal_reader_open(&platform->disk, dir, 0, &reader,
                                    &reason) == ERR_OK,
                "journal_reader_open", reason.text);
    struct journal_record record;
    uint64_t count = 0;
    err_t err = journal_reader_next(reader, end, &record);
    while (err == ERR_OK) {
        count++;
        err = journal_reader_next(reader, end, &record);
    }
    target_must(err == ERR_END && count > 0, "replay", err_name(err));
    journal_reader_close(reader);
    return (double)count * 1e6 / (double)(clock->mono_us(clock->self) - begun);
}

static void start(const struct platform *platform, const char *dir) {
    const struct clock *clock = &platform->clock;
    int64_t begun = clock->mono_us(clock->self);
    struct journal *journal = open_journal(platform, dir);
    int64_t open_us = clock->mono_us(clock->self) - begun;
    uint64_t end = journal_next_seq(journal);
    printf("{\"events\":%" PRIu64
           ",\"recovery_s\":%.6f,\"replay_events_per_s\":%.0f}\n",
           end, (double)open_us / 1e6, read_all(platform, dir, end));
    journal_close(journal);
}

int main(int argc, char **argv) {
    struct platform platform = platform_real();
    if (argc == 4 && strcmp(argv[1], "fill") == 0) {
        fill(open_journal(&platform, argv[2]), strtoull(argv[3], NULL, 10));
        _exit(0);
    }
    if (argc == 3 && strcmp(argv[1], "start") == 0) {
        start(&platform, argv[2]);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "read") == 0) {
        printf("{\"replay_events_per_s\":%.0f}\n",
               read_all(&platform, argv[2], UINT64_MAX));
        return 0;
    }
    fprintf(stderr, "usage: %s fill DIR SEGMENTS | start DIR | read DIR\n",
            argv[0]);
    return 2;
}
