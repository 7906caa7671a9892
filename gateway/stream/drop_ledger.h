/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream dropped undelivered, and which record of its journal names it:
 * the file `<dir>/dropped`. It is written before the trim and before the commit
 * of the name, so that whatever ends the process, and whatever is dropped
 * later, each dropped event is named by a record that the cloud has or will
 * get.
 *
 * Two slots on a page each, written in turn and in place: a power cut spoils
 * only the one being written, and a disk that is full has room for both. Each
 * slot, version 1, big-endian:
 *      0   8  "SEDGEDRP"
 *      8   4  u32           version
 *     12   4  u32           count of ranges, at most 126
 *     16   8  u64           generation, the greater is the newer
 *     24  16  bytes         id of the journal
 *     40   .                ranges, 32 bytes each:
 *      .   8  u64             first number that was dropped
 *      .   8  u64             number that follows the last one
 *      .   8  u64             how many of those are meant
 *      .   8  u64             number of the record that names it; 2^64-1 if
 *                             none does
 *      .   .                zeros
 *   4088   8  u64           XXH3-64 of all before it
 *
 * A range leaves the file some time after its name is in the cloud. If the
 * record that names it is dropped too, the range is to be named anew. So is,
 * after a crash, a range whose name did not become durable; one that was
 * written, but not trimmed, is taken out.
 *
 * Used on the thread that commits, or before there is one. */
#ifndef GATEWAY_STREAM_DROP_LEDGER_H
#define GATEWAY_STREAM_DROP_LEDGER_H

#include "gateway/base/base.h"
#include "gateway/journal/journal.h"

/* Of records [first, end) the `count` that were dropped; count 0: none. */
struct drop_range {
    uint64_t first;
    uint64_t end;
    uint64_t count;
};

struct drop_ledger;

struct drop_ledger_options {
    const struct disk *disk; /* these three outlive it */
    const char *dir;
    struct journal *journal;
    uint64_t delivered; /* the cloud has all before this */
    bool drops;         /* the stream may drop: have a file ready */
};

/* Reads the file, if there is one. One that does not verify is logged and
 * replaced, as is another journal's. If there is no room for a new file, it is
 * tried again at the first drop. ERR_UNSUPPORTED for a later version's, ERR_IO,
 * ERR_FULL, ERR_MEMORY. */
err_t drop_ledger_open(const struct drop_ledger_options *options,
                       struct drop_ledger **ret,
                       struct reason *reason) MUST_USE;
void drop_ledger_close(struct drop_ledger *ledger); /* takes NULL */

/* Records [first, end), the next ones that leave the journal, are about to be
 * trimmed undelivered; all before `first` either was delivered or is in the
 * ledger. What a record among them names is to be named anew: ranges that were
 * dropped, and damage. Durable on return; after a failure nothing has changed,
 * and nothing may be trimmed. ERR_FULL, ERR_IO. */
err_t drop_ledger_add(struct drop_ledger *ledger, uint64_t first, uint64_t end,
                      struct reason *reason) MUST_USE;
/* Damage took records [first, end) undelivered, and with them names. The
 * journal has that on record, so that an opening finds it again. */
void drop_ledger_lose_names(struct drop_ledger *ledger, uint64_t first,
                            uint64_t end);

/* Opening found no file that says anything, so it cannot be told from it what
 * was dropped. */
bool drop_ledger_was_lost(const struct drop_ledger *ledger);
/* The first range, named or not, that ends after `seq`; count 0: none. */
struct drop_range drop_ledger_next(const struct drop_ledger *ledger,
                                   uint64_t seq);
/* Records [first, end) are gone undelivered, and nothing says why: they are to
 * be named with what was dropped. Durable on return. ERR_FULL, ERR_IO. */
err_t drop_ledger_add_missing(struct drop_ledger *ledger, uint64_t first,
                              uint64_t end, struct reason *reason) MUST_USE;
/* All that is to be named, as one range. It is given again, with what was
 * dropped since, until it has its name. */
struct drop_range drop_ledger_offer(struct drop_ledger *ledger);
/* The record `named_at`, which is to be committed next, names what was offered
 * last. Durable on return; after a failure nothing has changed. ERR_FULL,
 * ERR_IO. */
err_t drop_ledger_name(struct drop_ledger *ledger, uint64_t named_at,
                       struct reason *reason) MUST_USE;

#endif
