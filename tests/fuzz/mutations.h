/* SPDX-License-Identifier: Apache-2.0 */
/* A journal's files in memory, and what an input does to them. */
#ifndef TESTS_FUZZ_MUTATIONS_H
#define TESTS_FUZZ_MUTATIONS_H

#include "gateway/journal/journal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/simulation/machine.h"

enum {
    MUTATED_FILES_MAX = 6,
    MUTATED_PAGES_MAX = 8, /* of a file */
    MUTATED_GAPS_MAX = 4,  /* in the file `damage` */
    MUTATED_CLAIMS_MAX = MUTATED_FILES_MAX * MUTATED_PAGES_MAX,
};

struct mutated_file {
    uint64_t was; /* its name's number */
    uint64_t name;
    bool gone;
    bool spoiled; /* one page cannot be read: that at `spoiled_at` */
    uint64_t spoiled_at;
    size_t original_len;
    size_t len;
    uint8_t original[MUTATED_PAGES_MAX * JOURNAL_PAGE];
    uint8_t bytes[MUTATED_PAGES_MAX * JOURNAL_PAGE];
};

/* Records that a frame claims which the journal did not write so, but which
 * verifies: its checksum was fixed. */
struct mutated_claim {
    uint64_t first;
    uint64_t count;
};

struct mutated {
    struct mutated_file files[MUTATED_FILES_MAX];
    size_t file_count;
    uint8_t damage[20 + MUTATED_GAPS_MAX * 24 + 8];
    size_t damage_len; /* 0: there is no such file */
    bool spoiled;      /* any file */
    struct mutated_claim claims[MUTATED_CLAIMS_MAX];
    size_t claim_count;
};

/* The segments of the machine's journal, as a process sees them. The caller
 * frees it with free(). */
struct mutated *mutated_take(struct machine *machine);
/* One change to one file, as the next bytes of the input say. */
void mutated_change(struct mutated *mutated, struct cursor *input);
/* Puts the files on the machine's disk, in place of those that were taken, and
 * works out the claims. */
void mutated_put(struct mutated *mutated, struct machine *machine);
/* May this record be another than the journal was given? */
bool mutated_claims(const struct mutated *mutated, uint64_t seq);

#endif
