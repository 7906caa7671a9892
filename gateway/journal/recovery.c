/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery.
 *
 * A frame is written only after the sync of the one before it returned, and a
 * segment is created only after the one before it was sealed and synced. So a
 * power cut can leave only the end of the last segment unfinished:
 *
 *   valid frames, then     | and later in the file | it is
 *   -----------------------+-----------------------+-------------------------
 *   a seal, clean stop     | (not looked at)       | whole: the seal is
 *                          |                       | written and synced again
 *   a seal, no clean stop  | (not looked at)       | whole: rewritten
 *   nothing that verifies  | nothing that verifies | torn: rewritten up to
 *                          |                       | there, sealed
 *   nothing, or a frame or | a frame or a seal     | rot
 *   seal out of sequence   | that verifies         |
 *   no frame at all        | nothing that verifies | empty: the next segment
 *                          |                       | takes its name and place
 *
 * All other segments must be whole up to their seal. "Verifies" means under the
 * file's own salt, so nothing inside a record verifies, and nothing that an
 * older file left on the disk.
 *
 * Rot is either refused, with nothing changed, or set aside (quarantine.c).
 * Then these records are lost and announced:
 *
 *   segment | what does not verify  | behind it           | lost
 *   --------+-----------------------+---------------------+-------------------
 *   any     | a frame               | a later frame, or a | its records
 *           |                       | seal that counts it |
 *   not the | a frame               | the next segment    | from it to the
 *   last    |                       |                     | next segment
 *   not the | the seal              | the next segment    | nothing; what lies
 *   last    |                       |                     | between, if any
 *   not the | the header, or the    | the next segment    | all of it
 *   last    | file is gone          |                     |
 *   last    | the header            | -                   | as far as its
 *           |                       |                     | frames' heads say
 *   last    | a frame               | nothing             | none (torn), but
 *           |                       |                     | what is before the
 *           |                       |                     | bridge's cursor
 *   last    | a frame, which the    | nothing             | one record, or
 *           | disk cannot read, or  |                     | what is before the
 *           | is another's          |                     | bridge's cursor
 *   last    | the seal              | nothing             | nothing
 *   none    | (no segment at all)   | -                   | all before the
 *           |                       |                     | bridge's cursor
 *
 * The incarnation is part of what verifies: a frame of another start never
 * does. Some states are not rot and are always refused: a header whose
 * incarnation is lower than the one before, a header of another journal, store
 * or format, and segments that overlap. A gap is part of the journal once the
 * file `damage` records it. tests/simulation/rot.c tries all of this, page by
 * page.
 *
 * Rewritten: the valid frames are copied, each verified again as it is copied,
 * into a new file that is sealed, synced and then renamed over the old one.
 * This has two reasons. What the page cache shows of the old file may never
 * have reached the disk (after a failed sync the kernel shows pages as clean
 * that were not written). And what follows its last good frame must never be
 * seen again. Both problems go with the old file. A power cut in between leaves
 * the old file or the new one, each as good for the next start, and at most a
 * temporary file.
 *
 * After a clean stop the frames need no copy: the commit that wrote each one
 * synced it, or there would have been no clean stop. Only the seal's own sync
 * may have failed unnoticed, so it is repeated. If the power fails during that,
 * the segment counts as one with a torn end. */
#include "gateway/journal/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/journal/listing.h"
#include "gateway/journal/owner.h"
#include "gateway/journal/quarantine.h"
#include "gateway/journal/segment.h"

/* How far a segment has good frames, and what ends them. */
struct extent {
    uint64_t end;      /* offset after the last good frame */
    uint64_t next_seq; /* that follows its last record */
    bool sealed;
    bool clean_stop;
};

static err_t extent_find(const struct segment *segment,
                         struct segment_buffer *buffer, struct extent *ret) {
    struct extent extent = {.end = JOURNAL_PAGE,
                            .next_seq = segment->header.first_seq};
    struct segment_item item;
    TRY(segment_read(segment, extent.end, buffer, &item));
    while (item.type == SEGMENT_FRAME &&
           item.head.first_seq == extent.next_seq) {
        extent.end += item.frame.len;
        extent.next_seq += item.head.count;
        TRY(segment_read(segment, extent.end, buffer, &item));
    }
    if (item.type == SEGMENT_SEAL && item.seal.next_seq == extent.next_seq) {
        extent.sealed = true;
        extent.clean_stop = item.seal.clean_stop;
    }
    *ret = extent;
    return ERR_OK;
}

/* For a segment that ends in a seal, without reading what is before it. False
 * if it does not end in one: then the whole segment must be read. */
static bool extent_by_seal(const struct segment *segment,
                           struct segment_buffer *buffer, struct extent *ret) {
    const struct disk *disk = segment->disk;
    struct segment_item item;
    uint64_t size;
    if (disk->size(disk->self, segment->fd, &size) != ERR_OK ||
        size < 2 * JOURNAL_PAGE || size % JOURNAL_PAGE != 0 ||
        segment_read(segment, size - JOURNAL_PAGE, buffer, &item) != ERR_OK ||
        item.type != SEGMENT_SEAL) {
        return false;
    }
    *ret = (struct extent){
        .end = size - JOURNAL_PAGE,
        .next_seq = item.seal.next_seq,
        .sealed = true,
        .clean_stop = item.seal.clean_stop,
    };
    return true;
}

/* Looks for anything that verifies in this segment from `from` on; `*ret_at` is
 * where, 0 if there is nothing. */
static err_t extent_follower(const struct segment *segment,
                             struct segment_buffer *buffer, uint64_t from,
                             uint64_t *ret_at) {
    const struct disk *disk = segment->disk;
    uint64_t size;
    TRY(disk->size(disk->self, segment->fd, &size));
    for (uint64_t at = from; at < size; at += FRAME_ALIGN) {
        struct segment_item item;
        TRY(segment_read(segment, at, buffer, &item));
        if (item.type != SEGMENT_NOTHING) {
            *ret_at = at;
            return ERR_OK;
        }
    }
    *ret_at = 0;
    return ERR_OK;
}

/* One recovery in progress. */
struct run {
    const struct journal_options *options;
    const struct disk *disk;
    struct reason *reason;
    struct segment_buffer buffer;
    struct listing listing;
    struct segment last; /* open when there is a segment */
    struct extent last_extent;
    struct recovery found;
};

static void run_free(struct run *run) {
    segment_buffer_free(&run->buffer);
    listing_free(&run->listing);
    segment_close(&run->last);
    free(run->found.sealed);
    damage_free(&run->found.damage);
}

static err_t io_failed(struct run *run, err_t err, const char *what,
                       uint64_t first_seq) {
    int cause = errno;
    char path[SEGMENT_PATH_SIZE];
    segment_path(run->options->dir, first_seq, SEGMENT_SUFFIX, path);
    errno = cause;
    return disk_failed(run->reason, err, what, path);
}

static err_t damaged(struct run *run, uint64_t first_seq, uint64_t at,
                     const char *what) {
    return reason_set(run->reason, ERR_CORRUPT,
                      "%020" PRIu64 "%s is damaged at byte %" PRIu64
                      ": %s; nothing was changed in %s; shopme-edge journal "
                      "repair sets it aside",
                      first_seq, SEGMENT_SUFFIX, at, what, run->options->dir);
}

/* Does this header continue what was found so far? */
static err_t check_chain(struct run *run, const struct segment_header *header) {
    struct recovery *found = &run->found;
    uint64_t first_seq = header->first_seq;
    TRY(owner_check(run->options, header, run->reason));
    if (found->incarnation == 0 &&
        (!run->options->whole || damage_covers(&found->damage, 0, first_seq))) {
        /* Earlier records were trimmed, or are recorded as lost. */
        found->first_seq = first_seq;
        found->next_seq = first_seq;
    } else if (damage_covers(&found->damage, found->next_seq, first_seq)) {
        found->next_seq = first_seq;
    }
    if (first_seq != found->next_seq) {
        return reason_set(run->reason, ERR_CORRUPT,
                          "%020" PRIu64 "%s does not follow: records from "
                          "%" PRIu64 " on are missing or repeated; nothing was "
                          "changed in %s",
                          first_seq, SEGMENT_SUFFIX, found->next_seq,
                          run->options->dir);
    }
    if (found->incarnation != 0 &&
        memcmp(header->journal_id, found->journal_id, JOURNAL_ID_SIZE) != 0) {
        return damaged(run, first_seq, 0, "it belongs to another journal");
    }
    if (header->incarnation == 0 || header->incarnation < found->incarnation) {
        return damaged(run, first_seq, 0,
                       "its incarnation is lower than the one before");
    }
    memcpy(found->journal_id, header->journal_id, JOURNAL_ID_SIZE);
    found->incarnation = header->incarnation;
    return ERR_OK;
}

/* An end without a seal: torn, or rot? */
static err_t check_torn(struct run *run, const struct segment *segment,
                        const struct extent *extent) {
    uint64_t first_seq = segment->header.first_seq;
    uint64_t follower = 0;
    err_t err = extent_follower(segment, &run->buffer, extent->end, &follower);
    if (err != ERR_OK) {
        return io_failed(run, err, "read", first_seq);
    }
    if (follower != 0) {
        return damaged(run, first_seq, extent->end,
                       "committed records follow the damage");
    }
    return ERR_OK;
}

static err_t check_extent(struct run *run, const struct segment *segment,
                          bool last, struct extent *ret) {
    uint64_t first_seq = segment->header.first_seq;
    struct extent extent;
    if (!last && run->options->trust_sealed &&
        extent_by_seal(segment, &run->buffer, ret)) {
        return ERR_OK;
    }
    err_t err = extent_find(segment, &run->buffer, &extent);
    if (err != ERR_OK) {
        return io_failed(run, err, "read", first_seq);
    }
    if (!extent.sealed && !last) {
        return damaged(run, first_seq, extent.end,
                       "it is not the last segment, and its end is missing");
    }
    if (!extent.sealed) {
        TRY(check_torn(run, segment, &extent));
    }
    *ret = extent;
    return ERR_OK;
}

static err_t check_segment(struct run *run, size_t index) {
    bool last = index == run->listing.segment_count - 1;
    struct segment segment;
    TRY(segment_open(run->disk, run->options->dir, run->listing.segments[index],
                     last ? DISK_WRITE : DISK_READ, &segment, run->reason));
    struct extent extent;
    err_t err = check_chain(run, &segment.header);
    if (err == ERR_OK) {
        err = check_extent(run, &segment, last, &extent);
    }
    if (err != ERR_OK) {
        segment_close(&segment);
        return err;
    }
    struct recovery *found = &run->found;
    if (extent.next_seq > found->next_seq) {
        found->sealed[found->sealed_count++] = (struct journal_segment){
            .first_seq = found->next_seq,
            .end_seq = extent.next_seq,
            .bytes = extent.end + JOURNAL_PAGE,
        };
        found->next_seq = extent.next_seq;
    }
    if (last) {
        run->last = segment;
        run->last_extent = extent;
    } else {
        segment_close(&segment);
    }
    return ERR_OK;
}

static err_t remove_leftovers(struct run *run) {
    for (size_t i = 0; i < run->listing.leftover_count; i++) {
        char path[SEGMENT_PATH_SIZE];
        segment_path(run->options->dir, run->listing.leftovers[i],
                     SEGMENT_SUFFIX_TEMPORARY, path);
        err_t err = run->disk->unlink(run->disk->self, path);
        if (err != ERR_OK) {
            return io_failed(run, err, "remove the leftover of",
                             run->listing.leftovers[i]);
        }
    }
    return ERR_OK;
}

#ifndef EDGE_CONTROL_KEEP_TAIL
/* Copies [JOURNAL_PAGE, end), frame by frame, never a byte that does not verify
 * at the moment it is copied. */
static err_t copy_frames(struct run *run, const struct segment *copy) {
    uint64_t at = JOURNAL_PAGE;
    while (at < run->last_extent.end) {
        struct segment_item item;
        TRY(segment_read(&run->last, at, &run->buffer, &item));
        ENSURE(item.type == SEGMENT_FRAME, ERR_CORRUPT);
        TRY(run->disk->write(run->disk->self, copy->fd, at, item.frame));
        at += item.frame.len;
    }
    struct segment_seal seal = {.next_seq = run->last_extent.next_seq};
    return segment_seal(copy, at, seal);
}

static err_t rewrite_last(struct run *run) {
    const char *dir = run->options->dir;
    struct segment copy;
    TRY(segment_create(run->disk, dir, &run->last.header, 0, &copy,
                       run->reason));
    err_t err = copy_frames(run, &copy);
    if (err != ERR_OK) {
        err = io_failed(run, err, "rewrite", run->last.header.first_seq);
        segment_discard(&copy, dir);
        return err;
    }
    TRY(segment_publish(&copy, dir, run->reason));
    segment_close(&copy);
    return ERR_OK;
}
#endif

/* Repeats the last step of a clean stop. */
static err_t seal_last(struct run *run) {
    struct segment_seal seal = {.next_seq = run->last_extent.next_seq,
                                .clean_stop = true};
    err_t err = segment_seal(&run->last, run->last_extent.end, seal);
    if (err != ERR_OK) {
        return io_failed(run, err, "seal", run->last.header.first_seq);
    }
    return ERR_OK;
}

/* A segment that holds nothing, and whose numbers must not be used again. */
static err_t remove_last(struct run *run) {
    uint64_t first_seq = run->last.header.first_seq;
    char path[SEGMENT_PATH_SIZE];
    segment_path(run->options->dir, first_seq, SEGMENT_SUFFIX, path);
    err_t err = run->disk->unlink(run->disk->self, path);
    if (err == ERR_OK) {
        err = run->disk->sync_dir(run->disk->self, run->options->dir);
    }
    return err == ERR_OK ? ERR_OK : io_failed(run, err, "remove", first_seq);
}

static err_t finish_last(struct run *run) {
    bool empty = run->last_extent.end == JOURNAL_PAGE;
    if (run->last.disk == NULL) {
        return ERR_OK;
    }
    if (empty) {
        /* The next segment replaces it, unless damage is recorded there. */
        return run->last.header.first_seq == run->found.next_seq
                   ? ERR_OK
                   : remove_last(run);
    }
    if (run->last_extent.clean_stop) {
        return seal_last(run);
    }
#ifdef EDGE_CONTROL_KEEP_TAIL
    run->found.sealed_count--; /* it is not */
    run->found.tail = run->last;
    run->found.tail_end = run->last_extent.end;
    run->last.disk = NULL;
    return ERR_OK;
#else
    return rewrite_last(run);
#endif
}

/* The end: were there more records? */
static err_t check_end(struct run *run) {
    struct recovery *found = &run->found;
    const struct damage *damage = &found->damage;
    if (!run->options->whole && run->listing.segment_count == 0 &&
        damage->count > 0) {
        /* No segment is left to say where the journal ended; the recorded loss
         * says it, wherever that loss began. */
        found->next_seq = damage->gaps[damage->count - 1].end;
    }
    found->next_seq = damage_end(damage, found->next_seq);
    if (found->sealed_count == 0) {
        found->first_seq = found->next_seq;
    }
    if (found->next_seq > JOURNAL_END_MAX) {
        return reason_set(run->reason, ERR_CORRUPT,
                          "the journal in %s ends at record %" PRIu64
                          ", a number that no journal reaches",
                          run->options->dir, found->next_seq);
    }
    if (found->next_seq >= run->options->known_end) {
        return ERR_OK;
    }
    return reason_set(
        run->reason, ERR_CORRUPT,
        "the journal in %s ends at record %" PRIu64 ", but all records before "
        "%" PRIu64 " existed, as its cursor or a snapshot says: it was "
        "replaced or has lost its end; restore it, or remove both",
        run->options->dir, found->next_seq, run->options->known_end);
}

static err_t check_all(struct run *run) {
    TRY(listing_load(run->disk, run->options->dir, &run->listing, run->reason));
    size_t count = run->listing.segment_count;
    run->found.sealed = calloc(count + 1, sizeof *run->found.sealed);
    ENSURE(run->found.sealed != NULL, ERR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(check_segment(run, i));
    }
    return check_end(run);
}

/* Forgets what was found, except for the recorded damage. */
static void start_over(struct run *run) {
    listing_free(&run->listing);
    segment_close(&run->last);
    free(run->found.sealed);
    run->found = (struct recovery){.damage = run->found.damage};
}

/* Sets damage aside if asked to; then the rest is checked like any other
 * journal. */
static err_t check_or_set_aside(struct run *run) {
    err_t err = check_all(run);
    if (!run->options->quarantine || (err != ERR_CORRUPT && err != ERR_IO)) {
        return err;
    }
    start_over(run);
    TRY(quarantine_run(run->options, &run->found.damage, run->reason));
    return check_all(run);
}

static err_t run_steps(struct run *run) {
    TRY(segment_buffer_init(&run->buffer));
    TRY(damage_load(run->disk, run->options->dir, &run->found.damage,
                    run->reason));
    TRY(check_or_set_aside(run));
    struct recovery *found = &run->found;
    if (found->incarnation != 0 &&
        found->incarnation < found->damage.incarnation) {
        found->incarnation = found->damage.incarnation;
    }
    TRY(damage_settle(run->disk, run->options->dir, &found->damage,
                      found->next_seq, run->reason));
    TRY(remove_leftovers(run));
    return finish_last(run);
}

err_t recovery_run(const struct journal_options *options, struct recovery *ret,
                   struct reason *reason) {
    CLEANUP(run_free)
    struct run run = {
        .options = options, .disk = &options->platform->disk, .reason = reason};
    TRY(run_steps(&run));
    *ret = run.found;
    run.found.sealed = NULL;
    run.found.damage = (struct damage){0};
    return ERR_OK;
}
