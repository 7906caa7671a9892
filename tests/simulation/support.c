/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/support.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/journal/listing.h"
#include "gateway/journal/segment.h"

uint64_t support_next(struct support_random *random) {
    random->state += 0x9e3779b97f4a7c15;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t support_below(struct support_random *random, uint64_t bound) {
    return support_next(random) % bound;
}

struct slice support_record(uint64_t value, size_t len, uint8_t *ret) {
    assert(len >= sizeof value);
    uint64_t word = value;
    for (size_t at = 0; at < len; at += sizeof word) {
        size_t left = len - at;
        memcpy(ret + at, &word, left < sizeof word ? left : sizeof word);
        word = word * 6364136223846793005 + 1442695040888963407;
    }
    return slice_of(ret, len);
}

bool support_record_is(struct slice record, uint64_t value, size_t len) {
    uint8_t *wanted = malloc(len);
    assert(wanted != NULL);
    bool same = slice_eq(record, support_record(value, len, wanted));
    free(wanted);
    return same;
}

void support_dir_make(char *ret, size_t ret_size) {
    const char *base = getenv("TMPDIR");
    int len = snprintf(ret, ret_size, "%s/journal-XXXXXX",
                       base != NULL ? base : "/tmp");
    assert(len > 0 && (size_t)len < ret_size);
    char *made = mkdtemp(ret);
    assert(made != NULL);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void support_dir_remove(const char *dir) {
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void must(err_t err, const char *what, const struct reason *reason) {
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, err_name(err), reason->text);
        abort();
    }
}

struct journal *support_open(const struct journal_options *options) {
    struct reason reason = {""};
    struct journal *journal = NULL;
    must(journal_open(options, &journal, &reason), "open", &reason);
    return journal;
}

struct journal_reader *support_reader(const struct disk *disk, const char *dir,
                                      uint64_t from_seq) {
    struct reason reason = {""};
    struct journal_reader *reader = NULL;
    must(journal_reader_open(disk, dir, from_seq, &reader, &reason), "reader",
         &reason);
    return reader;
}

uint32_t support_incarnation(const struct disk *disk, const char *dir) {
    struct reason reason = {""};
    struct listing listing = {0};
    must(listing_load(disk, dir, &listing, &reason), "list", &reason);
    assert(listing.segment_count > 0);
    struct segment last;
    must(segment_open(disk, dir, listing.segments[listing.segment_count - 1],
                      DISK_READ, &last, &reason),
         "segment", &reason);
    uint32_t incarnation = last.header.incarnation;
    segment_close(&last);
    listing_free(&listing);
    return incarnation;
}

uint64_t support_append(struct journal *journal, struct slice record) {
    struct reason reason = {""};
    uint64_t seq = 0;
    must(journal_append(journal, record, &seq), "append", &reason);
    return seq;
}

void support_commit(struct journal *journal) {
    struct reason reason = {""};
    must(journal_commit(journal, &reason), "commit", &reason);
}
