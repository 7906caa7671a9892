/* SPDX-License-Identifier: Apache-2.0 */
/* The file that keeps a stream's cursor: how far the cloud has confirmed.
 *
 * Two slots, each on a page of its own, written in turn, so that a power cut
 * can spoil only the older position. A slot that does not verify counts as
 * absent; with none the cursor is 0: everything is sent again under the same
 * ids, nothing is left out.
 *
 * It names its journal and its stream: by a cursor of another one, events would
 * be skipped. Such a file is set aside as `cursor.other`, and everything is
 * sent again.
 *
 *   at 0 and at 4096, 128 bytes, big-endian:
 *     0  "SEDGECUR"            8 bytes
 *     8  version               u32, 1
 *    12  zero                  u32
 *    16  generation            u64, the greater is the newer
 *    24  cursor                u64, lowest seq not confirmed
 *    32  XXH3-64 of bytes 0..31
 *    40  journal id            16 bytes
 *    56  stream                64 bytes, its name and zeros
 *   120  XXH3-64 of bytes 0..119
 *
 * The first 40 bytes are all that an older program writes, and all that it
 * reads. Where the rest does not verify against them the file names nobody, and
 * is believed as before. */
#ifndef BRIDGE_CURSOR_H
#define BRIDGE_CURSOR_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/journal/format.h"

enum { CURSOR_SLOT_SIZE = 128, CURSOR_SLOT_APART = 4096 };

/* Streams in one file that is apart from the journals. */
enum { CURSOR_SHARED_MAX = 64 };

/* Whose a cursor is. */
struct cursor_owner {
    const uint8_t *journal_id; /* JOURNAL_ID_SIZE; NULL: it is not known */
    const char *stream;
};

enum cursor_found {
    CURSOR_GOOD,    /* or there was none */
    CURSOR_DAMAGED, /* there was one, and neither slot verified */
    CURSOR_FOREIGN, /* there was another journal's or stream's */
};

struct cursor_file {
    const struct disk *disk;
    char path[CONFIG_PATH_MAX + 16];
    int fd;
    uint64_t base;                       /* where its two slots begin */
    uint8_t journal_id[JOURNAL_ID_SIZE]; /* who it is for */
    char stream[JOURNAL_NAME_MAX + 1];
    uint64_t generation;
    uint64_t saved; /* the cursor as it is on the disk */
    bool known;     /* a slot says so; else `saved` is 0 for want of one */
};

/* Opens or creates `<dir>/cursor`; one of another owner is set aside first.
 * `file->saved` is where sending resumes. The owner's journal id is known.
 * ERR_IO, ERR_FULL; ERR_UNSUPPORTED if a newer version of this program wrote
 * it. */
err_t cursor_file_open(struct cursor_file *file, const struct disk *disk,
                       const char *dir, const struct cursor_owner *owner,
                       enum cursor_found *ret_found,
                       struct reason *reason) MUST_USE;
/* The same for a file at `path`, apart from the journals, that holds the
 * cursors of several streams: each has two slots of its own. Nothing is set
 * aside: ERR_REFUSED if those of the stream are another journal's. ERR_FULL,
 * too, if it holds as many streams as it can. */
err_t cursor_file_open_shared(struct cursor_file *file, const struct disk *disk,
                              const char *path,
                              const struct cursor_owner *owner,
                              struct reason *reason) MUST_USE;
/* Writes and syncs. If it fails, the older position or this one is read later.
 * ERR_IO, also if the file was removed or replaced meanwhile; ERR_FULL. */
err_t cursor_file_save(struct cursor_file *file, uint64_t cursor,
                       struct reason *reason) MUST_USE;
/* How far the cloud has confirmed, according to the file in `dir`; 0 if there
 * is no file, neither slot verifies, or it is another owner's: then it is not
 * `known`, and the cloud may have more. Changes nothing. ERR_IO,
 * ERR_UNSUPPORTED. */
err_t cursor_file_peek(const struct disk *disk, const char *dir,
                       const struct cursor_owner *owner, uint64_t *ret,
                       bool *ret_known, struct reason *reason) MUST_USE;
void cursor_file_close(struct cursor_file *file);

#endif
