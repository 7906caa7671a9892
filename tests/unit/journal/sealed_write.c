/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a journal of many shapes of frames in DIRECTORY and prints what it
 * holds, for sealed_test.py: first the journal's id in hexadecimal, then a line
 * a record with its number, incarnation, wall and monotonic time, and bytes in
 * hexadecimal. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/simulation/support.h"

enum {
    SEED = 7,
    RUNS = 3,
    COMMITS = 12,
    RECORD_MAX = 9000,
};

static void print_hex(struct slice bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        printf("%02x", bytes.data[i]);
    }
}

static size_t next_length(struct support_random *random) {
    uint64_t kind = support_below(random, 8);
    if (kind == 0) {
        return 0;
    }
    return 8 + support_below(random, kind == 1 ? RECORD_MAX - 8 : 300);
}

static void write_batch(struct journal *journal, uint32_t incarnation,
                        struct support_random *random) {
    static const struct slice nothing = {NULL, 0};
    uint8_t buf[RECORD_MAX];
    uint64_t count = 1 + support_below(random, 9);
    journal_begin(journal);
    struct journal_stamp stamp = journal_batch_stamp(journal);
    for (uint64_t i = 0; i < count; i++) {
        size_t len = next_length(random);
        struct slice record =
            len == 0 ? nothing : support_record(support_next(random), len, buf);
        uint64_t seq = support_append(journal, record);
        printf("%" PRIu64 " %" PRIu32 " %" PRId64 " %" PRId64 " ", seq,
               incarnation, stamp.wall_us, stamp.mono_us);
        print_hex(record);
        printf("\n");
    }
    support_commit(journal);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    struct platform platform = platform_real();
    struct journal_options options = {.platform = &platform,
                                      .dir = argv[1],
                                      .store = "store-7",
                                      .stream = "orders",
                                      .segment_bytes = 32 * 1024};
    struct support_random random = {SEED};
    for (int run = 0; run < RUNS; run++) {
        struct journal *journal = support_open(&options);
        if (run == 0) {
            print_hex(slice_of(journal_id(journal), JOURNAL_ID_SIZE));
            printf("\n");
        }
        uint32_t incarnation = support_incarnation(&platform.disk, argv[1]);
        for (int i = 0; i < COMMITS; i++) {
            write_batch(journal, incarnation, &random);
        }
        journal_close(journal);
    }
    return 0;
}
