/* SPDX-License-Identifier: Apache-2.0 */
/* How `journal list, stats, cat, verify, replay` read a journal: all alike.
 * What verifies is read, also behind damage. What is missing is said on
 * standard error, range by range, recorded or not: in the middle; in front of
 * the first record, if the bridge's cursor or a record of damage says that
 * there was more (a stream that may drop is let off: its file `dropped` knows);
 * behind the last one, if the cursor or a snapshot does. Whoever misses
 * anything exits with 1.
 *
 * With a gateway running nothing is read that is not durable, and the end that
 * it names is the end: cursor and snapshots go on meanwhile. */
#ifndef GATEWAY_COMMANDS_READING_H
#define GATEWAY_COMMANDS_READING_H

#include "gateway/commands/journals.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/types.h"

struct reading_gap {
    uint64_t first; /* [first, end) are missing */
    uint64_t end;
    bool known; /* recorded as damaged */
};

struct reading {
    const struct journals *journals; /* outlives it */
    const char *name;
    char dir[JOURNALS_DIR_MAX];
    uint64_t from; /* the first record wanted, and the last */
    uint64_t to;
    /* For each record; an error ends the reading, and was said. May be NULL. */
    err_t (*record)(void *self, const struct journal_record *record);
    void *self;
    /* The result. */
    uint64_t begins; /* the first record kept */
    uint64_t end;    /* that follows the last one read, or missing */
    uint64_t records;
    uint64_t missing;
    bool cut; /* an error ended the reading: how much more there was is unknown
               */
    struct reading_gap *gaps; /* freed by reading_free() */
    size_t gap_count;
};

/* Of the n-th journal, all of it. */
void reading_init(struct reading *reading, const struct journals *journals,
                  uint32_t n);
void reading_free(struct reading *reading);
/* ERR_NOT_FOUND if there is no journal, ERR_RANGE if `from` is past its end. Of
 * an error that was not said yet there is a reason. */
err_t reading_run(struct reading *reading, struct reason *reason) MUST_USE;
/* Says that [first, end) is missing, and counts it: for who reads by himself.
 */
void reading_miss(struct reading *reading, uint64_t first, uint64_t end,
                  bool known);
/* Says that nothing can be read at `end` because of `err`, if it is one. */
void reading_cut(struct reading *reading, err_t err);
/* The same for what is missing in front of the first record kept, and behind
 * `end`. */
err_t reading_front(struct reading *reading, struct reason *reason) MUST_USE;
err_t reading_behind(struct reading *reading, struct reason *reason) MUST_USE;
/* Prints the reason, if there is one. */
void reading_say(const struct reading *reading, const struct reason *reason);
bool reading_is_whole(const struct reading *reading);

/* Members of a JSON object: `"missing":[{"first":1,"last":2,"recorded":true}]`
 * with the comma before it. */
void reading_print_missing(const struct reading *reading);
/* A JSON string. */
void reading_print_string(const char *text);

#endif
