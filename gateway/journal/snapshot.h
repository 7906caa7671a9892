/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot files: a state made of a journal's records, kept next to it so that
 * a start need not read all records again, and so that they may be trimmed.
 *
 * Promises. A snapshot that is loaded is whole, belongs to this journal, and
 * covers only records that the journal holds for good. The two newest files are
 * kept: if one is bad, the one before it is used. Where no record comes any
 * more there is no second number, and the second file is a copy of the first.
 *
 * Not its job: knowing what the bytes mean. */
#ifndef GATEWAY_JOURNAL_SNAPSHOT_H
#define GATEWAY_JOURNAL_SNAPSHOT_H

#include "gateway/base/base.h"
#include "gateway/journal/format.h"

/* FORMAT, version 1. The file `<dir>/<seq, 20 digits>.snap` holds one CBOR item
 * (RFC 8949) of fixed-width parts; integers are big-endian:
 *      0   3  d9 d9 f7      tag 55799, "this is CBOR"
 *      3   1  85            array of 5
 *      4   3  19 u16        format version
 *      7  17  50 16 bytes   journal id
 *     24   9  1b u64        seq: made of the records [0, seq)
 *     33   9  5b u64        byte string: the content, n bytes
 *   42+n   9  1b u64        checksum: XXH3-64 of bytes 0 to 42+n
 * `<dir>/<seq>.copy` is the same again, and counts as the one before it.
 * `<dir>/snapshot.tmp` is one in the making. */

enum { SNAPSHOTS_KEPT = 2 };

/* Of which journal, and how far: made of its records [0, seq). */
struct snapshot_about {
    const uint8_t *journal_id; /* JOURNAL_ID_SIZE bytes */
    uint64_t seq;
};

/* Writes and syncs a file, gives it its name, syncs the directory, and only
 * then removes those older than the two newest. ERR_RANGE, with nothing
 * changed, if `about->seq` is past `durable_end`, the journal's durable end.
 * ERR_FULL, ERR_IO: the existing snapshots remain, and it may be tried again.
 */
err_t snapshot_write(const struct disk *disk, const char *dir,
                     const struct snapshot_about *about, uint64_t durable_end,
                     struct slice content, struct reason *reason) MUST_USE;

/* The same, and its copy, one after the other: so there always are two files,
 * be it those from before. After an error there may be the first of the new
 * ones beside them. */
err_t snapshot_write_twice(const struct disk *disk, const char *dir,
                           const struct snapshot_about *about,
                           uint64_t durable_end, struct slice content,
                           struct reason *reason) MUST_USE;

/* Removes all but `<kept>.snap`, copies included, and syncs the directory.
 * ERR_IO, ERR_MEMORY. */
err_t snapshot_remove_others(const struct disk *disk, const char *dir,
                             uint64_t kept, struct reason *reason) MUST_USE;

/* Gives the content of the newest snapshot to `take`, and that of the one
 * before it if the newest cannot be used. `take` returns an error for content
 * it cannot use. A file that is damaged, belongs to another journal, is past
 * the journal's end, or that `take` calls ERR_CORRUPT is set aside as
 * `<seq>.bad`, durably and with a line in the log, since the journal may reach
 * its number again with other records. A file that the disk cannot read is
 * skipped, also with a line. ERR_NOT_FOUND if none can be used: begin with
 * nothing. ERR_UNSUPPORTED, also from `take`: nothing is set aside. ERR_IO,
 * ERR_MEMORY. */
err_t snapshot_load(const struct disk *disk, const char *dir,
                    const uint8_t *journal_id, uint64_t durable_end,
                    err_t (*take)(void *context, uint64_t seq,
                                  struct slice content),
                    void *context, struct reason *reason) MUST_USE;

/* Gives the content of the file with this number, or of its copy if that file
 * cannot be used, to `take`, and changes nothing. ERR_NOT_FOUND, ERR_CORRUPT if
 * it is damaged or belongs to another journal, ERR_UNSUPPORTED, ERR_IO,
 * ERR_MEMORY, and what `take` returns. */
err_t snapshot_read(const struct disk *disk, const char *dir,
                    const uint8_t *journal_id, uint64_t seq,
                    err_t (*take)(void *context, uint64_t seq,
                                  struct slice content),
                    void *context, struct reason *reason) MUST_USE;

/* Was there ever a snapshot? One that was set aside also counts. ERR_NOT_FOUND
 * if there is no such directory, ERR_IO. */
err_t snapshot_was_taken(const struct disk *disk, const char *dir,
                         bool *ret) MUST_USE;

/* The numbers of the newest files, newest first and each once, at most
 * SNAPSHOTS_KEPT. None of them was opened. ERR_NOT_FOUND if there is no such
 * directory, ERR_IO. */
err_t snapshot_list(const struct disk *disk, const char *dir,
                    uint64_t ret_seqs[SNAPSHOTS_KEPT],
                    size_t *ret_count) MUST_USE;

/* Where the journal once ended at least, by the names of the two newest files;
 * 0 if there is none. One that is damaged still has its name; one that is whole
 * and another journal's is passed over. `journal_id` is NULL if it is not
 * known. ERR_NOT_FOUND if there is no such directory, ERR_IO. */
err_t snapshot_known_end(const struct disk *disk, const char *dir,
                         const uint8_t *journal_id, uint64_t *ret) MUST_USE;

/* How far the older of the two files reaches: records before that may be
 * trimmed, and a start still succeeds if the newer file is bad. 0 if there are
 * not two. ERR_IO, ERR_MEMORY. */
err_t snapshot_covered(const struct disk *disk, const char *dir,
                       uint64_t *ret_seq) MUST_USE;

#endif
