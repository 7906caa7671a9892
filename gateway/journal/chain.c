/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/chain.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct disk *disk_of(const struct chain *chain) {
    return &chain->platform->disk;
}

static err_t refused(const struct chain *chain, err_t err, const char *what,
                     struct reason *reason) {
    int cause = errno;
    char path[SEGMENT_PATH_SIZE];
    char verb[48];
    segment_path(chain->supply.dir, chain->segment.header.first_seq,
                 SEGMENT_SUFFIX, path);
    snprintf(verb, sizeof verb, "%s from byte %" PRIu64 " of", what,
             chain->offset);
    errno = cause;
    return disk_failed(reason, err, verb, path);
}

void chain_free(struct chain *chain) {
    segment_close(&chain->segment);
    free(chain->sealed);
    *chain = (struct chain){0};
}

/* --- The sealed segments ------------------------------------------------- */

void chain_take_sealed(struct chain *chain, struct journal_segment *sealed,
                       size_t count) {
    assert(chain->sealed == NULL);
    chain->sealed = sealed;
    chain->sealed_count = count;
    chain->sealed_cap = count;
    for (size_t i = 0; i < count; i++) {
        assert(sealed[i].first_seq < sealed[i].end_seq);
        chain->supply.used += sealed[i].bytes;
    }
}

/* Makes room for one more entry in the list of sealed segments first, so that
 * sealing cannot fail because memory ran out. */
static err_t sealed_reserve(struct chain *chain) {
    if (chain->sealed_count < chain->sealed_cap) {
        return ERR_OK;
    }
    size_t count = chain->sealed_count - chain->sealed_at;
    if (chain->sealed_at > count) { /* more gone than there: move down */
        memmove(chain->sealed, chain->sealed + chain->sealed_at,
                count * sizeof *chain->sealed);
        chain->sealed_at = 0;
        chain->sealed_count = count;
        return ERR_OK;
    }
    size_t cap = chain->sealed_cap == 0 ? 16 : 2 * chain->sealed_cap;
    struct journal_segment *more =
        realloc(chain->sealed, cap * sizeof *chain->sealed);
    ENSURE(more != NULL, ERR_MEMORY);
    chain->sealed = more;
    chain->sealed_cap = cap;
    return ERR_OK;
}

err_t chain_seal(struct chain *chain, uint64_t next_seq, bool clean_stop) {
    uint64_t first_seq = chain->segment.header.first_seq;
    assert(next_seq >= first_seq);
    struct segment_seal seal = {.next_seq = next_seq, .clean_stop = clean_stop};
    TRY(sealed_reserve(chain));
    TRY(segment_seal(&chain->segment, chain->offset, seal));
    chain->written += JOURNAL_PAGE;
    segment_close(&chain->segment);
    uint64_t bytes = chain->offset + JOURNAL_PAGE;
    assert(bytes <= chain->size);
    chain->sealed[chain->sealed_count++] = (struct journal_segment){
        .first_seq = first_seq,
        .end_seq = next_seq,
        .bytes = bytes,
    };
    chain->supply.used -= chain->size - bytes;
    return ERR_OK;
}

bool chain_oldest(const struct chain *chain, struct journal_segment *ret) {
    if (chain->sealed_at == chain->sealed_count) {
        return false;
    }
    *ret = chain->sealed[chain->sealed_at];
    return true;
}

uint64_t chain_behind_oldest(const struct chain *chain) {
    assert(chain->sealed_at < chain->sealed_count);
    return chain->sealed_at + 1 < chain->sealed_count
               ? chain->sealed[chain->sealed_at + 1].first_seq
               : chain->segment.header.first_seq;
}

/* One file at a time, and the directory is synced after each: a power cut may
 * undo the last trim, but never leaves a hole. A file that is kept has durably
 * lost its name before anything is written over it. */
err_t chain_trim(struct chain *chain, struct reason *reason) {
    struct journal_segment oldest;
    bool found = chain_oldest(chain, &oldest);
    assert(found);
    err_t err = supply_reclaim(&chain->supply, &oldest);
    if (err != ERR_OK) {
        int cause = errno;
        char path[SEGMENT_PATH_SIZE];
        segment_path(chain->supply.dir, oldest.first_seq, SEGMENT_SUFFIX, path);
        errno = cause;
        return disk_failed(reason, err, "trim", path);
    }
    chain->sealed_at++;
    return ERR_OK;
}

uint64_t chain_count(const struct chain *chain) {
    return chain->sealed_count - chain->sealed_at + 1;
}

uint64_t chain_space(const struct chain *chain) {
    assert(chain->offset <= chain->size);
    return chain->supply.used - (chain->size - chain->offset);
}

/* --- The segment being written ---------------------------------------------
 */

/* Creates the segment for the next record. */
static err_t prepare(struct chain *chain, uint64_t next_seq, uint64_t frame_len,
                     struct supply_segment *ret, struct reason *reason) {
    chain->header.first_seq = next_seq;
    chain->header.salt = entropy_u64(&chain->platform->entropy);
    return supply_make(&chain->supply, &chain->header, frame_len, ret, reason);
}

static err_t enter(struct chain *chain, struct supply_segment *next,
                   struct reason *reason) {
    assert(next->size % FRAME_ALIGN == 0);
    TRY(segment_publish(&next->segment, chain->supply.dir, reason));
    chain->segment = next->segment;
    chain->offset = JOURNAL_PAGE;
    chain->size = next->size;
    chain->remains = next->remains;
    chain->supply.used += next->size;
    chain->written += JOURNAL_PAGE; /* its header */
    return ERR_OK;
}

err_t chain_begin(struct chain *chain, uint64_t next_seq,
                  struct reason *reason) {
    assert(chain->segment.disk == NULL);
    struct supply_segment next;
    TRY(prepare(chain, next_seq, 0, &next, reason));
    TRY(enter(chain, &next, reason));
    chain->supply.bounded = true;
    return ERR_OK;
}

/* Enlarges a segment that is still empty: another one would get the same name.
 */
static err_t enlarge(struct chain *chain, uint64_t need,
                     struct reason *reason) {
    TRY(supply_check(&chain->supply, need - chain->size, reason));
    const struct disk *disk = disk_of(chain);
    err_t err = disk->allocate(disk->self, chain->segment.fd, need);
    if (err != ERR_OK) {
        return refused(chain, err, "enlarge", reason);
    }
    chain->supply.used += need - chain->size;
    chain->size = need;
    return ERR_OK;
}

/* Seals this segment and begins the next one, whose space is allocated first:
 * until then nothing has changed, so running out of space is no failure. */
static err_t roll(struct chain *chain, uint64_t next_seq, uint64_t frame_len,
                  struct reason *reason) {
    struct supply_segment next;
    TRY(prepare(chain, next_seq, frame_len, &next, reason));
    err_t err = chain_seal(chain, next_seq, false);
    if (err != ERR_OK) {
        /* Sealing needs no space, so any failure of it is final. */
        err = refused(chain, ERR_IO, "seal", reason);
        segment_discard(&next.segment, chain->supply.dir);
        return err;
    }
    err = enter(chain, &next, reason);
    return err == ERR_FULL ? ERR_IO : err;
}

err_t chain_make_room(struct chain *chain, uint64_t next_seq,
                      uint64_t frame_len, uint64_t reserve,
                      struct reason *reason) {
    assert(frame_len > 0 && frame_len % FRAME_ALIGN == 0);
    assert(chain->offset % FRAME_ALIGN == 0);
    uint64_t need = chain->offset + frame_len + reserve + JOURNAL_PAGE;
    if (need <= chain->size) {
        return ERR_OK;
    }
    if (chain->offset == JOURNAL_PAGE) {
        return enlarge(chain, need, reason);
    }
    return roll(chain, next_seq, frame_len + reserve, reason);
}

/* So that nothing that was promised room in this one or in the first spare has
 * less of it. */
err_t chain_roll(struct chain *chain, uint64_t next_seq,
                 struct reason *reason) {
    uint64_t bytes = chain->supply.segment_bytes;
    if (chain->offset == JOURNAL_PAGE) {
        return ERR_OK;
    }
    return roll(chain, next_seq, bytes - 2 * JOURNAL_PAGE, reason);
}

/* A part, so that no receipt waits long for it. */
enum { WIPED_A_CALL = 4 * 1024 * 1024 };

err_t chain_wipe(struct chain *chain, int64_t before_us,
                 struct reason *reason) {
    const struct supply *supply = &chain->supply;
    uint64_t budget = WIPED_A_CALL;
    err_t err = ERR_OK;
    if (chain->remains.since_us < before_us) {
        err = remains_wipe(&chain->remains, supply->disk, chain->segment.fd,
                           chain->offset, chain->size, &budget);
    }
    if (err == ERR_OK) {
        err = spares_wipe(&chain->supply.spares, supply->disk, supply->dir,
                          before_us, &budget);
    }
    chain->written += WIPED_A_CALL - budget;
    return err == ERR_OK
               ? ERR_OK
               : disk_failed(reason, err, "wipe old files in", supply->dir);
}

/* Syncs what was written to the segment. */
static err_t frame_sync(const struct chain *chain, struct reason *reason) {
#ifdef EDGE_CONTROL_SKIP_SYNC
    (void)chain;
    (void)reason;
    return ERR_OK;
#else
    const struct disk *disk = disk_of(chain);
    err_t err = disk->sync(disk->self, chain->segment.fd);
#ifdef EDGE_CONTROL_RETRY_FSYNC
    if (err != ERR_OK) {
        err = disk->sync(disk->self, chain->segment.fd);
    }
#endif
    return err == ERR_OK ? ERR_OK : refused(chain, err, "sync", reason);
#endif
}

/* What nobody can find again must not be acknowledged. */
static err_t check_place(const struct chain *chain, struct reason *reason) {
    char path[SEGMENT_PATH_SIZE];
    segment_path(chain->supply.dir, chain->segment.header.first_seq,
                 SEGMENT_SUFFIX, path);
    return disk_check_place(disk_of(chain), path, chain->segment.fd, reason);
}

err_t chain_write(struct chain *chain, struct slice frame,
                  struct reason *reason) {
    const struct disk *disk = disk_of(chain);
    int fd = chain->segment.fd;
    assert(chain->offset % FRAME_ALIGN == 0);
    assert(chain->offset + frame.len + JOURNAL_PAGE <= chain->size);
#ifdef EDGE_CONTROL_ACK_EARLY /* each commit syncs the one before it */
    TRY(frame_sync(chain, reason));
#endif
    err_t err = disk->write(disk->self, fd, chain->offset, frame);
    if (err != ERR_OK) {
        return refused(chain, err, "write", reason);
    }
#ifndef EDGE_CONTROL_ACK_EARLY
    TRY(frame_sync(chain, reason));
#endif
    TRY(check_place(chain, reason));
    chain->offset += frame.len;
    chain->written += frame.len;
    return ERR_OK;
}

/* --- Room ----------------------------------------------------------------- */

/* Bytes of records and their heads that fit between. */
static uint64_t room_between(const struct chain *chain, uint64_t offset,
                             uint64_t size) {
    uint64_t taken = offset + chain->reserve + JOURNAL_PAGE;
    if (size <= taken) {
        return 0;
    }
    uint64_t frame = (size - taken) / FRAME_ALIGN * FRAME_ALIGN;
    uint64_t heads = FRAME_HEAD_SIZE + FRAME_ITEM_HEAD_SIZE;
    return frame > heads ? frame - heads : 0;
}

static uint64_t larger(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

uint64_t chain_room(const struct chain *chain) {
    uint64_t here = room_between(chain, chain->offset, chain->size);
    /* An empty segment is enlarged instead of starting another. */
    uint64_t next = chain->offset == JOURNAL_PAGE
                        ? 0
                        : room_between(chain, JOURNAL_PAGE,
                                       supply_preallocated(&chain->supply, 0));
    return larger(here, next);
}

/* Where the frame goes, and what is surely left behind it:
 *
 *   the frame goes       | in that segment  | or in the one after it
 *   ---------------------+------------------+-----------------------
 *   here                 | the rest of it   | the first spare
 *   here, enlarged       | nothing          | the first spare
 *   into the first spare | the rest of it   | the second spare
 *   elsewhere            | nothing is sure: the disk may have no space, and
 *                        | spares are removed to make some
 *
 * A frame that may use the reserve can stay here where another one would go
 * into the first spare. That spare is left then, and the second one as well. */
uint64_t chain_room_behind(const struct chain *chain, uint64_t frame_len) {
    assert(frame_len > 0 && frame_len % FRAME_ALIGN == 0);
    const struct supply *supply = &chain->supply;
    uint64_t first = supply_preallocated(supply, 0);
    uint64_t end = chain->offset + frame_len;
    bool here = end + chain->reserve + JOURNAL_PAGE <= chain->size;
    if (here || chain->offset == JOURNAL_PAGE) {
        return larger(here ? room_between(chain, end, chain->size) : 0,
                      room_between(chain, JOURNAL_PAGE, first));
    }
    end = JOURNAL_PAGE + frame_len;
    if (end + chain->reserve + JOURNAL_PAGE > first) {
        return 0;
    }
    return larger(
        room_between(chain, end, first),
        room_between(chain, JOURNAL_PAGE, supply_preallocated(supply, 1)));
}
