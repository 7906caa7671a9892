/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, appending, committing.
 *
 * The batch is built where the frame is written from: room for the head is kept
 * in front of the records, so a commit is one write and one sync. A journal
 * always appends to a segment that this run created: opening takes the next
 * incarnation and begins a new segment, and segments of an earlier run are
 * never written to again. */
#include "gateway/journal/journal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/journal/chain.h"
#include "gateway/journal/damage.h"
#include "gateway/journal/group.h"
#include "gateway/journal/recovery.h"

/* Two sides work on a journal, each on its own thread if the owner wants that:
 * one appends; the other commits, preallocates, trims and records damage. A
 * field belongs to one of them. */
struct journal {
    /* Set by journal_open(), then constant. */
    const struct platform *platform;
    char dir[SEGMENT_DIR_MAX + 1];
    int lock_fd;
    bool locked;

    /* The appending side's. */
    struct group batches[2];
    struct group *filling; /* one of them: appended records go there */
    uint64_t next_seq;     /* of the next record to be appended */
    uint64_t room_behind; /* what a frame after the one that was handed over may
                             surely hold, in bytes of records and heads */

    /* The other batch, from journal_hand_over() to the end of the commit that
     * wrote it; NULL if there is none. Set by the appending side, cleared by
     * the committing side, which owns what it points to as long as it is set.
     */
    _Atomic(struct group *) handed;

    /* Written by the committing side, read by anybody. */
    struct journal_position position;
    _Atomic bool failed; /* for good */

    /* The committing side's. Initialized by journal_open(). */
    struct reason failure; /* why, once failed */
    struct chain chain;
    struct damage damage;
    uint64_t trimmed;
    uint64_t commits;
    uint64_t commit_us_last;
    uint64_t commit_us_max;
    uint64_t payload; /* bytes committed */
    uint64_t frames;
};

static const struct disk *journal_disk(const struct journal *journal) {
    return &journal->platform->disk;
}

static bool has_failed(const struct journal *journal) {
    return atomic_load_explicit(&journal->failed, memory_order_acquire);
}

static struct group *handed_over(const struct journal *journal) {
    return atomic_load_explicit(&journal->handed, memory_order_acquire);
}

static int64_t mono_us(const struct journal *journal) {
    const struct clock *clock = &journal->platform->clock;
    return clock->mono_us(clock->self);
}

static int64_t wall_us(const struct journal *journal) {
    const struct clock *clock = &journal->platform->clock;
    return clock->wall_us(clock->self);
}

static int64_t not_negative(int64_t value) {
    return value < 0 ? 0 : value;
}

static uint64_t durable_end(const struct journal *journal) {
    return atomic_load_explicit(&journal->position.end, memory_order_relaxed);
}

/* --- Opening --- */

static err_t journal_init(struct journal *journal,
                          const struct journal_options *options,
                          struct reason *reason) {
    journal->platform = options->platform;
    strcpy(journal->dir, options->dir);
    struct chain *chain = &journal->chain;
    chain->platform = options->platform;
    chain->reserve = options->reserve;
    chain->supply = (struct supply){
        .disk = &options->platform->disk,
        .dir = journal->dir,
        .segment_bytes = options->segment_bytes,
        .capacity = options->capacity,
        .free_floor = options->free_floor,
    };
    strcpy(chain->header.store, options->store);
    strcpy(chain->header.stream, options->stream);
    const struct entropy *entropy = &journal->platform->entropy;
    entropy->fill(entropy->self, chain->header.boot_id, JOURNAL_ID_SIZE);
    for (size_t i = 0; i < 2; i++) {
        err_t err = group_init(&journal->batches[i], options->batch_events_max,
                               options->batch_bytes_max);
        if (err != ERR_OK) {
            return reason_set(reason, err,
                              "no memory for a batch of %" PRIu32 " bytes",
                              options->batch_bytes_max);
        }
    }
    journal->filling = &journal->batches[0];
    return ERR_OK;
}

static void lock_path(const struct journal *journal, char *ret) {
    struct writer writer = writer_over(ret, SEGMENT_PATH_SIZE);
    writer_str(&writer, journal->dir);
    writer_str(&writer, "/lock");
    writer_u8(&writer, '\0');
    assert(!writer.full);
}

static err_t dir_prepare(struct journal *journal, struct reason *reason) {
    const struct disk *disk = journal_disk(journal);
    err_t err = disk->make_dir(disk->self, journal->dir);
    if (err != ERR_OK && err != ERR_BUSY) {
        return disk_failed(reason, err, "create the directory", journal->dir);
    }
    char path[SEGMENT_PATH_SIZE];
    lock_path(journal, path);
    err = disk->lock(disk->self, path, &journal->lock_fd);
    if (err == ERR_BUSY) {
        return reason_set(reason, err,
                          "another process has the journal in %s open: is the "
                          "gateway already running?",
                          journal->dir);
    }
    if (err != ERR_OK) {
        return disk_failed(reason, err, "lock", path);
    }
    journal->locked = true;
    return ERR_OK;
}

/* A directory without a segment may be one whose creation was never synced. */
static err_t journal_found(struct journal *journal, struct reason *reason) {
    const struct entropy *entropy = &journal->platform->entropy;
    entropy->fill(entropy->self, journal->chain.header.journal_id,
                  JOURNAL_ID_SIZE);
    err_t err = disk_sync_parent(journal_disk(journal), journal->dir);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "sync the folder of", journal->dir);
    }
    return ERR_OK;
}

/* Takes over what recovery found, including everything to be freed. */
static void take_found(struct journal *journal, const struct recovery *found) {
    assert(found->first_seq <= found->next_seq);
    chain_take_sealed(&journal->chain, found->sealed, found->sealed_count);
    journal->damage = found->damage;
    journal->next_seq = found->next_seq;
    atomic_store_explicit(&journal->position.start, found->first_seq,
                          memory_order_release);
    atomic_store_explicit(&journal->position.end, found->next_seq,
                          memory_order_release);
    struct segment_header *header = &journal->chain.header;
    memcpy(header->journal_id, found->journal_id, JOURNAL_ID_SIZE);
    header->incarnation = found->incarnation + 1;
#ifdef EDGE_CONTROL_REUSE_INCARNATION
    header->incarnation -= found->incarnation > 0;
#endif
}

#ifdef EDGE_CONTROL_KEEP_TAIL
static err_t keep_tail(struct chain *chain, const struct recovery *found) {
    chain->segment = found->tail;
    chain->offset = found->tail_end;
    chain->header = found->tail.header;
    const struct disk *disk = found->tail.disk;
    TRY(disk->size(disk->self, found->tail.fd, &chain->size));
    if (chain->size < chain->offset + JOURNAL_PAGE) { /* cut behind its seal */
        chain->size = chain->offset + JOURNAL_PAGE;
    }
    chain->supply.used += chain->size;
    return ERR_OK;
}
#endif

static err_t journal_recover(struct journal *journal,
                             const struct journal_options *options,
                             struct reason *reason) {
    struct recovery found;
    TRY(recovery_run(options, &found, reason));
    take_found(journal, &found);
    if (found.incarnation == UINT32_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "the journal in %s has been opened 4294967295 times, "
                          "which is the limit: start a new one",
                          journal->dir);
    }
    TRY(supply_load(&journal->chain.supply, reason));
    if (found.incarnation == 0) {
        TRY(journal_found(journal, reason));
    }
#ifdef EDGE_CONTROL_KEEP_TAIL
    if (found.tail.disk != NULL) {
        return keep_tail(&journal->chain, &found);
    }
#endif
    /* The new segment's header has the new incarnation, and it is on the disk
     * under its own name when this returns: no frame can be written with an
     * incarnation that a later open might take again. */
    return chain_begin(&journal->chain, journal->next_seq, reason);
}

static void journal_free(struct journal *journal) {
    chain_free(&journal->chain);
    if (journal->locked) {
        const struct disk *disk = journal_disk(journal);
        disk->close(disk->self, journal->lock_fd);
    }
    group_free(&journal->batches[0]);
    group_free(&journal->batches[1]);
    damage_free(&journal->damage);
    free(journal);
}

err_t journal_open(const struct journal_options *options, struct journal **ret,
                   struct reason *reason) {
    struct journal_options complete;
    TRY(journal_options_complete(options, &complete, reason));
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for a journal");
    }
    err_t err = journal_init(journal, &complete, reason);
    if (err == ERR_OK) {
        err = dir_prepare(journal, reason);
    }
    if (err == ERR_OK) {
        err = journal_recover(journal, &complete, reason);
    }
    if (err != ERR_OK) {
        journal_free(journal);
        return err;
    }
    *ret = journal;
    return ERR_OK;
}

void journal_close(struct journal *journal) {
    if (journal == NULL) {
        return;
    }
    if (!has_failed(journal)) {
        err_t err = chain_seal(&journal->chain, durable_end(journal), true);
        if (err != ERR_OK) {
            log_line(LOG_WARN, "journal", "seal=failed dir=%s error=\"%s\"",
                     journal->dir, disk_cause(err));
        }
    }
    journal_free(journal);
}

/* --- Appending --- */

static uint64_t room_left(const struct journal *journal, uint64_t room) {
    uint64_t used = group_events_len(journal->filling);
    return room > used ? room - used : 0;
}

/* After a batch that is committed next, or now if that is empty. */
static uint64_t room_behind(const struct journal *journal,
                            const struct group *batch) {
    return batch->events == 0
               ? chain_room(&journal->chain)
               : chain_room_behind(&journal->chain, group_frame_size(batch));
}

uint64_t journal_room(const struct journal *journal) {
    const struct group *handed = handed_over(journal);
    return room_left(journal, handed == NULL ? chain_room(&journal->chain)
                                             : room_behind(journal, handed));
}

uint64_t journal_room_behind(const struct journal *journal) {
    return room_left(journal, journal->room_behind);
}

/* The batch that was committed before, where it is free: its memory is in the
 * caches, and an owner that needs one batch at a time touches one only. */
static void choose_group(struct journal *journal) {
    struct group *first = &journal->batches[0];
    if (journal->filling != first && !journal_is_handed(journal)) {
        assert(journal->filling->events == 0 && first->events == 0);
        group_clear(journal->filling);
        journal->filling = first;
    }
}

void journal_begin(struct journal *journal) {
    choose_group(journal);
    const struct journal_stamp stamp = {
        .wall_us = not_negative(wall_us(journal)),
        .mono_us = not_negative(mono_us(journal)),
    };
    group_begin(journal->filling, journal->next_seq, stamp);
}

err_t journal_append(struct journal *journal, struct slice record,
                     uint64_t *ret_seq) {
    struct group *batch = journal->filling;
    ENSURE(!has_failed(journal), ERR_IO);
    assert(batch->begun);
    ENSURE(record.len <= batch->bytes_max, ERR_RANGE);
    ENSURE(batch->events < batch->events_max, ERR_FULL);
    ENSURE(record.len <= group_room(batch), ERR_FULL);
    uint64_t seq = group_append(batch, record);
    assert(seq == journal->next_seq);
    journal->next_seq++;
    *ret_seq = seq;
    return ERR_OK;
}

void journal_hand_over(struct journal *journal) {
    assert(!journal_is_handed(journal));
    struct group *batch = journal->filling;
    journal->room_behind = room_behind(journal, batch);
    if (batch->events == 0) {
        return;
    }
    struct group *other =
        &journal->batches[batch == &journal->batches[0] ? 1 : 0];
    assert(other->events == 0 && !other->begun);
    journal->filling = other;
    atomic_store_explicit(&journal->handed, batch, memory_order_release);
}

bool journal_is_handed(const struct journal *journal) {
    return handed_over(journal) != NULL;
}

/* --- Committing --- */

static err_t batch_write(struct journal *journal, struct group *batch,
                         struct reason *reason) {
    assert(batch->first_seq == durable_end(journal));
    uint64_t end = batch->first_seq + batch->events;
    const struct segment_header *header = &journal->chain.segment.header;
    struct slice frame = group_frame(batch, header->incarnation, header->salt);
    TRY(chain_write(&journal->chain, frame, reason));
    journal->payload += batch->bytes;
    journal->frames += frame.len;
    atomic_store_explicit(&journal->position.end, end, memory_order_release);
    return ERR_OK;
}

/* For good: it is no longer known what the disk holds of it. */
static err_t fail(struct journal *journal, const struct reason *why,
                  struct reason *reason) {
    journal->failure = *why;
    atomic_store_explicit(&journal->failed, true, memory_order_release);
    return reason_set(reason, ERR_IO, "%s", why->text);
}

static err_t check_alive(const struct journal *journal, struct reason *reason) {
    if (has_failed(journal)) {
        return reason_set(reason, ERR_IO, "an earlier commit failed: %s",
                          journal->failure.text);
    }
    return ERR_OK;
}

err_t journal_check_place(const struct journal *journal,
                          struct reason *reason) {
    char path[SEGMENT_PATH_SIZE];
    lock_path(journal, path);
    return disk_check_place(journal_disk(journal), path, journal->lock_fd,
                            reason);
}

static void count_commit(struct journal *journal, int64_t start_us) {
    journal->commits++;
    journal->commit_us_last =
        (uint64_t)not_negative(mono_us(journal) - start_us);
    if (journal->commit_us_last > journal->commit_us_max) {
        journal->commit_us_max = journal->commit_us_last;
    }
}

/* Makes room for the batch. A new segment is where the directory's name leads
 * by now, so it is checked that this is still the journal's. */
static err_t batch_room(struct journal *journal, const struct group *batch,
                        uint64_t reserve, struct reason *reason) {
    const struct segment_header *at = &journal->chain.segment.header;
    uint64_t salt = at->salt;
    TRY(chain_make_room(&journal->chain, batch->first_seq,
                        group_frame_size(batch), reserve, reason));
    return at->salt == salt ? ERR_OK : journal_check_place(journal, reason);
}

static err_t commit_handed(struct journal *journal, uint64_t reserve,
                           struct reason *reason) {
    TRY(check_alive(journal, reason));
    struct group *batch = handed_over(journal);
    if (batch == NULL) {
        return ERR_OK;
    }
    int64_t start_us = mono_us(journal);
    struct reason why = {""};
    err_t err = batch_room(journal, batch, reserve, &why);
    if (err == ERR_FULL) {
        return reason_set(reason, ERR_FULL, "%s", why.text);
    }
    if (err == ERR_OK) {
        err = batch_write(journal, batch, &why);
    }
    if (err != ERR_OK) {
        return fail(journal, &why, reason);
    }
    count_commit(journal, start_us);
    group_clear(batch);
    /* Last: from here on the batch belongs to the appending side again. */
    atomic_store_explicit(&journal->handed, NULL, memory_order_release);
    return ERR_OK;
}

err_t journal_commit_handed(struct journal *journal, struct reason *reason) {
    return commit_handed(journal, journal->chain.reserve, reason);
}

err_t journal_commit_handed_reserved(struct journal *journal,
                                     struct reason *reason) {
    return commit_handed(journal, 0, reason);
}

/* Both sides' work on one thread. */
static err_t commit_all(struct journal *journal, uint64_t reserve,
                        struct reason *reason) {
    TRY(commit_handed(journal, reserve, reason));
    journal_hand_over(journal);
    return commit_handed(journal, reserve, reason);
}

err_t journal_commit(struct journal *journal, struct reason *reason) {
    return commit_all(journal, journal->chain.reserve, reason);
}

err_t journal_commit_reserved(struct journal *journal, struct reason *reason) {
    return commit_all(journal, 0, reason);
}

err_t journal_preallocate(struct journal *journal, struct reason *reason) {
    TRY(check_alive(journal, reason));
    TRY(journal_check_place(journal, reason));
    return supply_preallocate(&journal->chain.supply, reason);
}

/* --- Ageing --- */

/* Anything but want of room is final. */
static err_t settle(struct journal *journal, err_t err,
                    const struct reason *why, struct reason *reason) {
    if (err == ERR_FULL) {
        return reason_set(reason, err, "%s", why->text);
    }
    return err == ERR_OK ? ERR_OK : fail(journal, why, reason);
}

err_t journal_roll(struct journal *journal, struct reason *reason) {
    struct reason why = {""};
    TRY(check_alive(journal, reason));
    err_t err = journal_check_place(journal, &why);
    if (err == ERR_OK) {
        err = chain_roll(&journal->chain, durable_end(journal), &why);
    }
    return settle(journal, err, &why, reason);
}

err_t journal_wipe(struct journal *journal, int64_t before_us,
                   struct reason *reason) {
    struct reason why = {""};
    TRY(check_alive(journal, reason));
    err_t err = journal_check_place(journal, &why);
    if (err == ERR_OK) {
        err = chain_wipe(&journal->chain, before_us, &why);
    }
    return settle(journal, err, &why, reason);
}

/* --- Trimming --- */

bool journal_oldest(const struct journal *journal,
                    struct journal_segment *ret) {
    return chain_oldest(&journal->chain, ret);
}

err_t journal_trim(struct journal *journal, struct reason *reason) {
    struct journal_segment oldest;
    TRY(check_alive(journal, reason));
    ENSURE(chain_oldest(&journal->chain, &oldest), ERR_NOT_FOUND);
    struct reason why = {""};
    if (journal_check_place(journal, &why) != ERR_OK) {
        return fail(journal, &why, reason); /* with another's files there */
    }
    /* First: readers turn away from the records being trimmed, and from a gap
     * after them. */
    atomic_store_explicit(&journal->position.start,
                          chain_behind_oldest(&journal->chain),
                          memory_order_release);
    if (chain_trim(&journal->chain, &why) != ERR_OK) {
        return fail(journal, &why, reason);
    }
    journal->trimmed++;
    return ERR_OK;
}

/* --- Looking at it --- */

struct journal_stamp journal_batch_stamp(const struct journal *journal) {
    return journal->filling->stamp;
}

uint32_t journal_batch_events(const struct journal *journal) {
    return journal->filling->events;
}

uint32_t journal_batch_room(const struct journal *journal) {
    return group_room(journal->filling);
}

uint64_t journal_next_seq(const struct journal *journal) {
    return journal->next_seq;
}

const struct journal_position *journal_position(const struct journal *journal) {
    return &journal->position;
}

const uint8_t *journal_id(const struct journal *journal) {
    return journal->chain.header.journal_id;
}

const uint8_t *journal_life(const struct journal *journal) {
    return journal->chain.header.boot_id;
}

const struct journal_gap *journal_gaps(const struct journal *journal,
                                       size_t *ret_count) {
    *ret_count = journal->damage.count;
    return journal->damage.gaps;
}

err_t journal_note_gap(struct journal *journal, uint64_t first, uint64_t end,
                       struct reason *reason) {
    const struct journal_gap gap = {first, end, JOURNAL_UNTOLD};
    return damage_note(journal_disk(journal), journal->dir, &journal->damage,
                       gap, reason);
}

err_t journal_mark_told(struct journal *journal, const struct journal_gap *told,
                        size_t count, struct reason *reason) {
    for (size_t i = 0; i < count; i++) {
        assert(journal_gap_is_told(&told[i]));
        /* If this fails, the next opening must remove the mark, and it does so
         * only for records that were not committed. */
        assert(told[i].told_at >= durable_end(journal));
    }
    return damage_mark(journal_disk(journal), journal->dir, &journal->damage,
                       told, count, reason);
}

struct journal_stats journal_stats(const struct journal *journal) {
    return (struct journal_stats){
        .segments = chain_count(&journal->chain),
        .open_first = journal->chain.segment.header.first_seq,
        .bytes = supply_held(&journal->chain.supply),
        .spare_bytes = spares_bytes(&journal->chain.supply.spares),
        .trimmed = journal->trimmed,
        .recycled = journal->chain.supply.recycled,
        .commits = journal->commits,
        .commit_us_last = journal->commit_us_last,
        .commit_us_max = journal->commit_us_max,
        .space = chain_space(&journal->chain),
        .payload = journal->payload,
        .frames = journal->frames,
        .written = journal->chain.written,
    };
}
