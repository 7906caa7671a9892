/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal's tests share: a journal in a directory of its own, records
 * that tell where they belong. */
#ifndef TESTS_SIMULATION_SUPPORT_H
#define TESTS_SIMULATION_SUPPORT_H

#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"

enum { SUPPORT_RECORD_MAX = 64 * 1024 };

/* A generator of numbers that a seed repeats (splitmix64). */
struct support_random {
    uint64_t state;
};

uint64_t support_next(struct support_random *random);
uint64_t support_below(struct support_random *random, uint64_t bound);

/* A record of `len` bytes (at least 8) made from a value that no other record
 * has: the value, then words that follow from it. `ret` has room for it. */
struct slice support_record(uint64_t value, size_t len, uint8_t *ret);
/* True if `record` is the one that support_record() made of this value. */
bool support_record_is(struct slice record, uint64_t value, size_t len);

/* A fresh directory below the system's temporary one, and its removal with all
 * that is in it. */
void support_dir_make(char *ret, size_t ret_size);
void support_dir_remove(const char *dir);

/* Fail the test with the reason if the call failed. */
struct journal *support_open(const struct journal_options *options);
struct journal_reader *support_reader(const struct disk *disk, const char *dir,
                                      uint64_t from_seq);
/* That of the last start, by the header of the last segment in `dir`. */
uint32_t support_incarnation(const struct disk *disk, const char *dir);
uint64_t support_append(struct journal *journal, struct slice record);
void support_commit(struct journal *journal);

#endif
