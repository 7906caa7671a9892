/* SPDX-License-Identifier: Apache-2.0 */
/* What a commit costs: appends and commits records of 300 bytes on the real
 * disk, for a second each in batches of 1, 100 and 1000, then reads them back.
 * Usage: journal_bench DIRECTORY (must exist; the journals in it are left). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/journal/journal.h"

enum { RECORD_BYTES = 300, ROUND_US = 1000000 };

static void must(err_t err, const char *what, const struct reason *reason) {
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, err_name(err), reason->text);
        exit(1);
    }
}

static double cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static uint64_t write_round(const struct journal_options *options,
                            uint32_t batch) {
    const struct clock *clock = &options->platform->clock;
    struct reason reason = {""};
    struct journal *journal;
    must(journal_open(options, &journal, &reason), "open", &reason);
    uint8_t record[RECORD_BYTES];
    memset(record, 'r', sizeof record);
    uint64_t first = journal_next_seq(journal);
    double cpu = cpu_us();
    int64_t start = clock->mono_us(clock->self);
    int64_t now = start;
    while (now - start < ROUND_US) {
        journal_begin(journal);
        for (uint32_t i = 0; i < batch; i++) {
            uint64_t seq;
            must(journal_append(journal, slice_of(record, sizeof record), &seq),
                 "append", &reason);
        }
        must(journal_commit(journal, &reason), "commit", &reason);
        now = clock->mono_us(clock->self);
    }
    cpu = cpu_us() - cpu;
    uint64_t end = journal_next_seq(journal);
    struct journal_stats stats = journal_stats(journal);
    double rows = (double)(end - first);
    printf("batch %4u: %9.0f records/s, %6.0f commits/s, slowest %6lu us, "
           "%.2f us CPU and %.0f bytes a record\n",
           batch, rows * 1e6 / (double)(now - start),
           (double)stats.commits * 1e6 / (double)(now - start),
           (unsigned long)stats.commit_us_max, cpu / rows,
           (double)stats.bytes / rows);
    journal_close(journal);
    return end;
}

static void read_round(const struct journal_options *options, uint64_t end) {
    const struct clock *clock = &options->platform->clock;
    struct reason reason = {""};
    struct journal_reader *reader;
    int64_t start = clock->mono_us(clock->self);
    must(journal_reader_open(&options->platform->disk, options->dir, 0, &reader,
                             &reason),
         "reader", &reason);
    struct journal_record record;
    uint64_t count = 0;
    while (journal_reader_next(reader, end, &record) == ERR_OK) {
        count++;
    }
    int64_t took = clock->mono_us(clock->self) - start;
    printf("            %9.0f records/s read back, %lu of %lu\n",
           (double)count * 1e6 / (double)took, (unsigned long)count,
           (unsigned long)end);
    journal_reader_close(reader);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    struct platform platform = platform_real();
    static const uint32_t batches[] = {1, 100, 1000};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        char dir[512];
        snprintf(dir, sizeof dir, "%s/batch-%u", argv[1], batches[i]);
        struct journal_options options = {.platform = &platform,
                                          .dir = dir,
                                          .store = "bench",
                                          .stream = "orders"};
        uint64_t end = write_round(&options, batches[i]);
        read_round(&options, end);
    }
    return 0;
}
