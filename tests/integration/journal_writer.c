/* SPDX-License-Identifier: Apache-2.0 */
/* A process with a journal, to be killed (filesystem_test.py).
 *
 *   journal_writer write DIR   appends and commits until it is killed, and lets
 *                              go of all but a few segments
 *   journal_writer fill DIR    the same, and trims nothing
 *   journal_writer check DIR   reads all there is; each record must be what was
 *                              appended under its number
 *
 * Says, a line at once: "opened BEGIN END", "acknowledged END" after each
 * commit, "full REASON" when a commit first finds no room, "holds BEGIN END".
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"

enum {
    SEGMENT_BYTES = 256 * 1024, /* so that they are begun and recycled often */
    SEGMENTS_KEPT = 4,
    BATCH_MAX = 6,
    RECORD_MAX = 12000,
    FULL_WAIT_US = 2000,
};

static uint8_t record[RECORD_MAX];

static void say(const char *format, ...) PRINTF_LIKE(1, 2);

static void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

static void must(err_t err, const struct reason *reason) {
    if (err != ERR_OK) {
        say("failed %s: %s\n", err_name(err), reason->text);
        exit(1);
    }
}

/* All of it follows from its number. */
static struct slice record_of(uint64_t seq) {
    uint64_t state = seq * 0x9e3779b97f4a7c15u + 1;
    size_t len = 8 + state % (seq % 16 == 0 ? RECORD_MAX - 8 : 300);
    for (size_t i = 0; i < len; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        record[i] = (uint8_t)(state >> 56);
    }
    return slice_of(record, len);
}

static void commit(struct journal *journal) {
    struct reason reason;
    bool told = false;
    err_t err;
    while ((err = journal_commit(journal, &reason)) == ERR_FULL) {
        if (!told) {
            say("full %s\n", reason.text);
            told = true;
        }
        usleep(FULL_WAIT_US);
    }
    must(err, &reason);
    say("acknowledged %" PRIu64 "\n", journal_next_seq(journal));
}

static void trim(struct journal *journal) {
    struct journal_segment oldest;
    struct reason reason;
    while (journal_stats(journal).segments > SEGMENTS_KEPT &&
           journal_oldest(journal, &oldest)) {
        must(journal_trim(journal, &reason), &reason);
    }
}

static void write_on(struct journal *journal, bool keep_all) {
    for (uint64_t batch = 0;; batch++) {
        journal_begin(journal);
        for (uint64_t i = 0; i <= batch % BATCH_MAX; i++) {
            uint64_t seq;
            struct reason none = {""};
            must(journal_append(journal, record_of(journal_next_seq(journal)),
                                &seq),
                 &none);
        }
        commit(journal);
        if (!keep_all) {
            trim(journal);
        }
    }
}

static void write_forever(const char *dir, bool keep_all) {
    struct platform platform = platform_real();
    struct reason reason;
    const struct journal_options options = {
        .platform = &platform,
        .dir = dir,
        .store = "s",
        .stream = "t",
        .segment_bytes = SEGMENT_BYTES,
    };
    struct journal *journal;
    must(journal_open(&options, &journal, &reason), &reason);
    const struct journal_position *position = journal_position(journal);
    say("opened %" PRIu64 " %" PRIu64 "\n", atomic_load(&position->start),
        atomic_load(&position->end));
    write_on(journal, keep_all);
}

static void check(const char *dir) {
    struct disk disk = platform_real().disk;
    struct reason reason;
    uint64_t begins;
    must(journal_begins(&disk, dir, &begins, &reason), &reason);
    struct journal_reader *reader;
    must(journal_reader_open(&disk, dir, begins, &reader, &reason), &reason);
    uint64_t next = begins;
    struct journal_record found;
    err_t err;
    while ((err = journal_reader_next(reader, UINT64_MAX, &found)) == ERR_OK) {
        if (found.seq != next || !slice_eq(found.bytes, record_of(next))) {
            say("failed: record %" PRIu64 " is another\n", next);
            exit(1);
        }
        next++;
    }
    if (err != ERR_END) {
        say("failed %s at record %" PRIu64 "\n", err_name(err), next);
        exit(1);
    }
    journal_reader_close(reader);
    say("holds %" PRIu64 " %" PRIu64 "\n", begins, next);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        write_forever(argv[2], false);
    } else if (argc == 3 && strcmp(argv[1], "fill") == 0) {
        write_forever(argv[2], true);
    } else if (argc == 3 && strcmp(argv[1], "check") == 0) {
        check(argv[2]);
        return 0;
    }
    fprintf(stderr, "usage: %s write|fill|check DIR\n", argv[0]);
    return 2;
}
