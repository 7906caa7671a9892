/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal of a fixture's stream holds, as a reader of the files sees
 * it; and damage to them. */
#ifndef TESTS_UNIT_STREAM_FIXTURE_READ_H
#define TESTS_UNIT_STREAM_FIXTURE_READ_H

#include "gateway/stream/drop_ledger.h"
#include "tests/unit/stream/fixture.h"

/* A journal alone, on the same disk, with a stream's bounds. The caller closes
 * it. */
struct journal *fixture_journal(struct fixture *f);
/* The drop ledger of one. The caller closes it. */
struct drop_ledger *fixture_ledger(struct fixture *f, struct journal *journal);

/* Reads the durable records into `records`; damage is passed over. */
void fixture_read(struct fixture *f);
void fixture_read_from(struct fixture *f, uint64_t from);
/* How many records of a type there are, and the `nth` of them (NULL if there is
 * none). Read before. */
size_t fixture_count(const struct fixture *f, const char *type);
const struct fixture_record *fixture_find(const struct fixture *f,
                                          const char *type, size_t nth);
bool fixture_has_accepted(const struct fixture *f, const char *id);
/* The numbers of all records follow from one another, and each that is missing
 * in front is named by an EventsDropped that is there; else it fails. Returns
 * how many these mean together: as many as are missing, if none is named twice.
 */
uint64_t fixture_check_named(struct fixture *f);
/* Is there a file of this name in the journal's folder? */
bool fixture_has_file(struct fixture *f, const char *name);
/* The frame of a record does not verify any more. */
void fixture_damage(struct fixture *f, uint64_t seq);
/* The bridge met damage; and how often a record tells of some. */
void fixture_note(struct fixture *f, uint64_t first, uint64_t end);
size_t fixture_damaged_count(struct fixture *f);
/* What a replay of the files alone gives, with the snapshots it met on its way,
 * all of the right state; and what the stream's shop is. */
uint64_t fixture_replayed_hash(struct fixture *f, uint64_t *ret_snapshots);
/* Of the dedupe windows that the files give; see stream_ids_hash(). */
uint64_t fixture_replayed_ids_hash(struct fixture *f);
uint64_t fixture_hash(const struct fixture *f);

#endif
