/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, appending, committing.
 *
 * The batch is built where the frame is written from: room for the head is kept
 * in front of the records, so a commit is one write and one sync. A journal is
 * always at the end of a segment of its own making: opening it takes the next
 * incarnation and begins a new segment, and what an earlier run left is never
 * written to again. */
#include "gateway/journal/journal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/journal/group.h"
#include "gateway/journal/recovery.h"
#include "gateway/journal/segment.h"
#include "gateway/journal/supply.h"

enum {
    SEGMENT_BYTES_DEFAULT = 16 * 1024 * 1024,
    SEGMENT_BYTES_MIN = 3 * JOURNAL_PAGE, /* header, a frame, seal */
    BATCH_EVENTS_DEFAULT = 1024,
    BATCH_BYTES_DEFAULT = 4 * 1024 * 1024,
};

/* Two sides work on a journal, each on a thread of its own if the owner wants
 * that: one appends, the other one commits, preallocates, trims and notes
 * damage. A field belongs to one of them. */
struct journal {
    /* Set by journal_open(), then constant. */
    const struct platform *platform;
    char dir[SEGMENT_DIR_MAX + 1];
    int lock_fd;
    bool locked;
    uint64_t reserve; /* of each segment, before the seal */

    /* The appending side's. */
    struct group batches[2];
    struct group *filling; /* one of them: what is appended goes there */
    uint64_t next_seq;     /* of the next record to be appended */
    uint64_t room_behind;  /* what a frame behind the one that was handed over
                              may surely hold, in bytes of records and heads */

    /* The other batch, from journal_hand_over() to the end of the commit that
     * wrote it; NULL if there is none. Set by the appending side, cleared by
     * the committing side, which owns what it points to as long as it is set.
     */
    _Atomic(struct group *) handed;

    /* Written by the committing side, read by anybody. */
    struct journal_position position;
    _Atomic bool failed; /* for good */

    /* The committing side's. Set up by journal_open(). */
    struct reason failure;        /* why, once failed */
    struct segment_header header; /* of the segments to come */
    struct segment segment;       /* the one written to */
    uint64_t offset;              /* of the next frame */
    uint64_t size;                /* of the file; its last page is the seal's */
    /* The sealed segments, oldest first: [sealed_at, sealed_count). */
    struct journal_segment *sealed;
    size_t sealed_at;
    size_t sealed_count;
    size_t sealed_cap;
    struct supply supply;
    struct damage damage;
    uint64_t let_go;
    uint64_t commits;
    uint64_t commit_us_last;
    uint64_t commit_us_max;
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

/* --- Segments --- */

/* Makes room for one more entry in the list of sealed segments, so that sealing
 * cannot fail for want of memory. */
static err_t sealed_reserve(struct journal *journal) {
    if (journal->sealed_count < journal->sealed_cap) {
        return ERR_OK;
    }
    size_t count = journal->sealed_count - journal->sealed_at;
    if (journal->sealed_at > count) { /* more gone than there: move down */
        memmove(journal->sealed, journal->sealed + journal->sealed_at,
                count * sizeof *journal->sealed);
        journal->sealed_at = 0;
        journal->sealed_count = count;
        return ERR_OK;
    }
    size_t cap = journal->sealed_cap == 0 ? 16 : 2 * journal->sealed_cap;
    struct journal_segment *more =
        realloc(journal->sealed, cap * sizeof *journal->sealed);
    ENSURE(more != NULL, ERR_MEMORY);
    journal->sealed = more;
    journal->sealed_cap = cap;
    return ERR_OK;
}

/* Makes the segment of the next record to come. */
static err_t segment_prepare(struct journal *journal, uint64_t frame_len,
                             struct supply_segment *ret,
                             struct reason *reason) {
    struct segment_header *header = &journal->header;
    header->first_seq = durable_end(journal);
    header->salt = entropy_u64(&journal->platform->entropy);
    return supply_make(&journal->supply, header, frame_len, ret, reason);
}

static err_t segment_enter(struct journal *journal, struct supply_segment *next,
                           struct reason *reason) {
    TRY(segment_publish(&next->segment, journal->dir, reason));
    journal->segment = next->segment;
    journal->offset = JOURNAL_PAGE;
    journal->size = next->size;
    journal->supply.used += next->size;
    return ERR_OK;
}

static err_t segment_end(struct journal *journal, bool clean_stop) {
    struct segment_seal seal = {.next_seq = durable_end(journal),
                                .clean_stop = clean_stop};
    TRY(sealed_reserve(journal));
    TRY(segment_seal(&journal->segment, journal->offset, seal));
    segment_close(&journal->segment);
    uint64_t bytes = journal->offset + JOURNAL_PAGE;
    journal->sealed[journal->sealed_count++] = (struct journal_segment){
        .first_seq = journal->segment.header.first_seq,
        .end_seq = seal.next_seq,
        .bytes = bytes,
    };
    journal->supply.used -= journal->size - bytes;
    return ERR_OK;
}

/* --- Opening --- */

static err_t check_name(const char *what, const char *name,
                        struct reason *reason) {
    size_t len = strlen(name);
    if (len > 0 && len <= JOURNAL_NAME_MAX &&
        slice_is_utf8(slice_from_str(name))) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_RANGE,
                      "the name of a %s is UTF-8 of 1 to %d bytes, not '%s'",
                      what, JOURNAL_NAME_MAX, name);
}

static err_t check_options(const struct journal_options *options,
                           struct reason *reason) {
    TRY(check_name("store", options->store, reason));
    TRY(check_name("stream", options->stream, reason));
    size_t dir_len = strlen(options->dir);
    if (dir_len == 0 || dir_len > SEGMENT_DIR_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "a journal's directory name has 1 to %d bytes",
                          SEGMENT_DIR_MAX);
    }
    uint64_t heads = (uint64_t)options->batch_events_max * FRAME_ITEM_HEAD_SIZE;
    if (heads + options->batch_bytes_max > UINT32_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "a batch of %" PRIu32 " events and %" PRIu32
                          " bytes is too large: they may take 4 GiB in all",
                          options->batch_events_max, options->batch_bytes_max);
    }
    return ERR_OK;
}

static uint64_t segment_bytes_of(const struct journal_options *options) {
    uint64_t bytes = options->segment_bytes;
    if (bytes == 0) {
        return SEGMENT_BYTES_DEFAULT;
    }
    if (bytes < SEGMENT_BYTES_MIN) {
        return SEGMENT_BYTES_MIN;
    }
    return bytes / JOURNAL_PAGE * JOURNAL_PAGE;
}

static err_t batches_init(struct journal *journal,
                          const struct journal_options *options,
                          struct reason *reason) {
    uint32_t events_max = options->batch_events_max != 0
                              ? options->batch_events_max
                              : BATCH_EVENTS_DEFAULT;
    uint32_t bytes_max = options->batch_bytes_max != 0
                             ? options->batch_bytes_max
                             : BATCH_BYTES_DEFAULT;
    for (size_t i = 0; i < 2; i++) {
        err_t err = group_init(&journal->batches[i], events_max, bytes_max);
        if (err != ERR_OK) {
            return reason_set(reason, err,
                              "no memory for a batch of %" PRIu32 " bytes",
                              bytes_max);
        }
    }
    journal->filling = &journal->batches[0];
    return ERR_OK;
}

static err_t journal_init(struct journal *journal,
                          const struct journal_options *options,
                          struct reason *reason) {
    journal->platform = options->platform;
    strcpy(journal->dir, options->dir);
    strcpy(journal->header.store, options->store);
    strcpy(journal->header.stream, options->stream);
    journal->supply = (struct supply){
        .disk = &options->platform->disk,
        .dir = journal->dir,
        .segment_bytes = segment_bytes_of(options),
        .capacity = options->capacity,
        .free_floor = options->free_floor,
    };
    journal->reserve = options->reserve;
    return batches_init(journal, options, reason);
}

static err_t dir_prepare(struct journal *journal, struct reason *reason) {
    const struct disk *disk = journal_disk(journal);
    err_t err = disk->make_dir(disk->self, journal->dir);
    if (err != ERR_OK && err != ERR_BUSY) {
        return reason_set(reason, err, "cannot make the directory %s: %s",
                          journal->dir, strerror(errno));
    }
    char path[SEGMENT_PATH_SIZE];
    struct writer writer = writer_over(path, sizeof path);
    writer_str(&writer, journal->dir);
    writer_str(&writer, "/lock");
    writer_u8(&writer, '\0');
    assert(!writer.full);
    err = disk->lock(disk->self, path, &journal->lock_fd);
    if (err == ERR_BUSY) {
        return reason_set(reason, err,
                          "another process has the journal in %s: is the "
                          "gateway running already?",
                          journal->dir);
    }
    if (err != ERR_OK) {
        return reason_set(reason, err, "cannot lock %s: %s", path,
                          strerror(errno));
    }
    journal->locked = true;
    return ERR_OK;
}

/* A directory without a segment may be one whose making was never synced. */
static err_t journal_found(struct journal *journal, struct reason *reason) {
    const struct entropy *entropy = &journal->platform->entropy;
    entropy->fill(entropy->self, journal->header.journal_id, JOURNAL_ID_SIZE);
    err_t err = disk_sync_parent(journal_disk(journal), journal->dir);
    if (err != ERR_OK) {
        return reason_set(reason, err, "cannot sync the folder of %s: %s",
                          journal->dir, strerror(errno));
    }
    return ERR_OK;
}

static void sealed_take(struct journal *journal, const struct recovery *found) {
    journal->sealed = found->sealed;
    journal->sealed_count = found->sealed_count;
    journal->sealed_cap = found->sealed_count;
    for (size_t i = 0; i < found->sealed_count; i++) {
        journal->supply.used += found->sealed[i].bytes;
    }
}

static err_t journal_recover(struct journal *journal,
                             const struct journal_options *options,
                             struct reason *reason) {
    struct recovery found;
    TRY(recovery_run(options, &found, reason));
    sealed_take(journal, &found);
    journal->damage = found.damage;
    TRY(supply_load(&journal->supply, reason));
    if (found.incarnation == UINT32_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "the journal in %s was opened 4294967295 times: "
                          "begin a new one",
                          journal->dir);
    }
    atomic_store_explicit(&journal->position.start, found.first_seq,
                          memory_order_release);
    atomic_store_explicit(&journal->position.end, found.next_seq,
                          memory_order_release);
    journal->next_seq = found.next_seq;
    memcpy(journal->header.journal_id, found.journal_id, JOURNAL_ID_SIZE);
    if (found.incarnation == 0) {
        TRY(journal_found(journal, reason));
    }
    journal->header.incarnation = found.incarnation + 1;
#ifdef EDGE_CONTROL_REUSE_INCARNATION
    journal->header.incarnation -= found.incarnation > 0;
#endif
#ifdef EDGE_CONTROL_KEEP_TAIL
    if (found.tail.disk != NULL) {
        journal->segment = found.tail;
        journal->offset = found.tail_end;
        journal->header = found.tail.header;
        const struct disk *disk = journal_disk(journal);
        TRY(disk->size(disk->self, found.tail.fd, &journal->size));
        journal->supply.used += journal->size;
        return ERR_OK;
    }
#endif
    /* The new segment's header holds the new incarnation, and is on the disk
     * under its own name when this returns: no frame can be written with an
     * incarnation that a later open might take again. */
    struct supply_segment next;
    TRY(segment_prepare(journal, 0, &next, reason));
    TRY(segment_enter(journal, &next, reason));
    journal->supply.bounded = true;
    return ERR_OK;
}

static err_t open_steps(struct journal *journal,
                        const struct journal_options *options,
                        struct reason *reason) {
    TRY(journal_init(journal, options, reason));
    const struct entropy *entropy = &journal->platform->entropy;
    entropy->fill(entropy->self, journal->header.boot_id, JOURNAL_ID_SIZE);
    TRY(dir_prepare(journal, reason));
    return journal_recover(journal, options, reason);
}

static void journal_free(struct journal *journal) {
    segment_close(&journal->segment);
    if (journal->locked) {
        const struct disk *disk = journal_disk(journal);
        disk->close(disk->self, journal->lock_fd);
    }
    group_free(&journal->batches[0]);
    group_free(&journal->batches[1]);
    free(journal->sealed);
    damage_free(&journal->damage);
    free(journal);
}

err_t journal_open(const struct journal_options *options, struct journal **ret,
                   struct reason *reason) {
    TRY(check_options(options, reason));
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for a journal");
    }
    err_t err = open_steps(journal, options, reason);
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
        err_t err = segment_end(journal, true);
        if (err != ERR_OK) {
            log_line(LOG_WARN, "journal", "seal=failed dir=%s error=%s",
                     journal->dir, err_name(err));
        }
    }
    journal_free(journal);
}

/* --- Room --- */

/* Bytes of records and their heads that fit between. */
static uint64_t room_between(const struct journal *journal, uint64_t offset,
                             uint64_t size) {
    uint64_t taken = offset + journal->reserve + JOURNAL_PAGE;
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

static uint64_t smaller(uint64_t left, uint64_t right) {
    return left < right ? left : right;
}

/* In this segment as it is now, or in the next one. */
static uint64_t room_now(const struct journal *journal) {
    uint64_t here = room_between(journal, journal->offset, journal->size);
    /* A segment that holds nothing is made larger, and no other is begun. */
    uint64_t next = journal->offset == JOURNAL_PAGE
                        ? 0
                        : room_between(journal, JOURNAL_PAGE,
                                       supply_provided(&journal->supply, 0));
    return larger(here, next);
}

/* What is surely left behind a frame of `frame_len` bytes that is committed
 * next, with `reserve` bytes kept free behind it:
 *
 *   it goes          | what is behind it       | or in the segment after it
 *   -----------------+-------------------------+----------------------------
 *   here             | the rest of this one    | the first spare
 *   here, enlarged   | nothing                 | the first spare
 *   into the first   | the rest of that        | the second spare
 *   spare            |                         |
 *   elsewhere        | nothing is sure: the disk may not have the space, and
 *                    | for want of it spares are given back
 */
static uint64_t room_after(const struct journal *journal, uint64_t frame_len,
                           uint64_t reserve) {
    const struct supply *supply = &journal->supply;
    uint64_t first = supply_provided(supply, 0);
    uint64_t end = journal->offset + frame_len;
    bool here = end + reserve + JOURNAL_PAGE <= journal->size;
    if (here || journal->offset == JOURNAL_PAGE) {
        return larger(here ? room_between(journal, end, journal->size) : 0,
                      room_between(journal, JOURNAL_PAGE, first));
    }
    end = JOURNAL_PAGE + frame_len;
    if (end + reserve + JOURNAL_PAGE > first) {
        return 0;
    }
    return larger(
        room_between(journal, end, first),
        room_between(journal, JOURNAL_PAGE, supply_provided(supply, 1)));
}

/* Behind `batch`, if it is committed next, with the reserve or without. */
static uint64_t room_behind(const struct journal *journal,
                            const struct group *batch) {
    if (batch->events == 0) {
        return room_now(journal);
    }
    uint64_t frame_len = group_frame_size(batch);
    return smaller(room_after(journal, frame_len, journal->reserve),
                   room_after(journal, frame_len, 0));
}

static uint64_t room_left(const struct journal *journal, uint64_t room) {
    uint64_t used = group_events_len(journal->filling);
    return room > used ? room - used : 0;
}

uint64_t journal_room(const struct journal *journal) {
    const struct group *handed = handed_over(journal);
    return room_left(journal, handed == NULL ? room_now(journal)
                                             : room_behind(journal, handed));
}

uint64_t journal_room_behind(const struct journal *journal) {
    return room_left(journal, journal->room_behind);
}

/* --- Appending --- */

void journal_begin(struct journal *journal) {
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

static err_t disk_failed(const struct journal *journal, err_t err,
                         const char *what, struct reason *reason) {
    int cause = errno;
    return reason_set(reason, err,
                      "cannot %s %020" PRIu64 "%s at byte %" PRIu64 ": %s: %s",
                      what, journal->segment.header.first_seq, SEGMENT_SUFFIX,
                      journal->offset, strerror(cause), journal->dir);
}

/* A segment that holds nothing is made larger: the next would bear its name. */
static err_t segment_enlarge(struct journal *journal, uint64_t need,
                             struct reason *reason) {
    TRY(supply_check(&journal->supply, need - journal->size, reason));
    const struct disk *disk = journal_disk(journal);
    err_t err = disk->allocate(disk->self, journal->segment.fd, need);
    if (err != ERR_OK) {
        return disk_failed(journal, err, "enlarge", reason);
    }
    journal->supply.used += need - journal->size;
    journal->size = need;
    return ERR_OK;
}

/* Seals this segment and goes on to the next. Space is found for the next one
 * first: up to there nothing has changed, and want of it is no failure. */
static err_t segment_roll(struct journal *journal, uint64_t frame_len,
                          struct reason *reason) {
    struct supply_segment next;
    TRY(segment_prepare(journal, frame_len, &next, reason));
    err_t err = segment_end(journal, false);
    if (err != ERR_OK) {
        segment_discard(&next.segment, journal->dir);
        /* Sealing takes no space: whatever it failed of is final. */
        return disk_failed(journal, ERR_IO, "seal", reason);
    }
    err = segment_enter(journal, &next, reason);
    return err == ERR_FULL ? ERR_IO : err;
}

/* Makes sure that a frame fits before the last page, which is the seal's, and
 * before what is reserved. */
static err_t make_room(struct journal *journal, uint64_t frame_len,
                       uint64_t reserve, struct reason *reason) {
    uint64_t need = journal->offset + frame_len + reserve + JOURNAL_PAGE;
    if (need <= journal->size) {
        return ERR_OK;
    }
    if (journal->offset == JOURNAL_PAGE) {
        return segment_enlarge(journal, need, reason);
    }
    return segment_roll(journal, frame_len + reserve, reason);
}

/* Brings what was written to the segment onto the disk. */
static err_t frame_sync(const struct journal *journal, struct reason *reason) {
#ifdef EDGE_CONTROL_SKIP_SYNC
    (void)journal;
    (void)reason;
    return ERR_OK;
#else
    const struct disk *disk = journal_disk(journal);
    err_t err = disk->sync(disk->self, journal->segment.fd);
#ifdef EDGE_CONTROL_RETRY_FSYNC
    if (err != ERR_OK) {
        err = disk->sync(disk->self, journal->segment.fd);
    }
#endif
    return err == ERR_OK ? ERR_OK : disk_failed(journal, err, "sync", reason);
#endif
}

static err_t frame_write(struct journal *journal, struct slice frame,
                         struct reason *reason) {
    const struct disk *disk = journal_disk(journal);
    int fd = journal->segment.fd;
    assert(journal->offset % FRAME_ALIGN == 0);
    assert(journal->offset + frame.len + JOURNAL_PAGE <= journal->size);
#ifdef EDGE_CONTROL_ACK_EARLY /* each commit syncs the one before it */
    TRY(frame_sync(journal, reason));
#endif
    err_t err = disk->write(disk->self, fd, journal->offset, frame);
    if (err != ERR_OK) {
        return disk_failed(journal, err, "write", reason);
    }
#ifdef EDGE_CONTROL_ACK_EARLY
    return ERR_OK;
#else
    return frame_sync(journal, reason);
#endif
}

static err_t batch_write(struct journal *journal, struct group *batch,
                         struct reason *reason) {
    assert(batch->first_seq == durable_end(journal));
    uint64_t end = batch->first_seq + batch->events;
    struct slice frame = group_frame(batch, journal->segment.header.incarnation,
                                     journal->segment.header.salt);
    TRY(frame_write(journal, frame, reason));
    journal->offset += frame.len;
    atomic_store_explicit(&journal->position.end, end, memory_order_release);
    return ERR_OK;
}

/* For good: what the disk holds of it is not known any more. */
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

static void count_commit(struct journal *journal, int64_t start_us) {
    journal->commits++;
    journal->commit_us_last =
        (uint64_t)not_negative(mono_us(journal) - start_us);
    if (journal->commit_us_last > journal->commit_us_max) {
        journal->commit_us_max = journal->commit_us_last;
    }
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
    err_t err = make_room(journal, group_frame_size(batch), reserve, &why);
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
    /* Last: from here on the batch is the appending side's again. */
    atomic_store_explicit(&journal->handed, NULL, memory_order_release);
    return ERR_OK;
}

err_t journal_commit_handed(struct journal *journal, struct reason *reason) {
    return commit_handed(journal, journal->reserve, reason);
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
    return commit_all(journal, journal->reserve, reason);
}

err_t journal_commit_reserved(struct journal *journal, struct reason *reason) {
    return commit_all(journal, 0, reason);
}

err_t journal_provide(struct journal *journal, struct reason *reason) {
    TRY(check_alive(journal, reason));
    return supply_provide(&journal->supply, reason);
}

/* --- Letting go --- */

bool journal_oldest(const struct journal *journal,
                    struct journal_segment *ret) {
    if (journal->sealed_at == journal->sealed_count) {
        return false;
    }
    *ret = journal->sealed[journal->sealed_at];
    return true;
}

/* One file at a time, and the directory synced after each: a power cut can
 * leave the oldest segment or not, but never a hole. A file that is kept has
 * lost its name for good before anything is written over it. */
err_t journal_let_go(struct journal *journal, struct reason *reason) {
    struct journal_segment oldest;
    TRY(check_alive(journal, reason));
    ENSURE(journal_oldest(journal, &oldest), ERR_NOT_FOUND);
    char path[SEGMENT_PATH_SIZE];
    segment_path(journal->dir, oldest.first_seq, SEGMENT_SUFFIX, path);
    /* Readers turn away from what goes, and from a gap behind it. */
    uint64_t start = journal->sealed_at + 1 < journal->sealed_count
                         ? journal->sealed[journal->sealed_at + 1].first_seq
                         : journal->segment.header.first_seq;
    atomic_store_explicit(&journal->position.start, start,
                          memory_order_release);
    err_t err = supply_take_back(&journal->supply, &oldest);
    if (err != ERR_OK) {
        struct reason why;
        (void)reason_set(&why, err, "cannot let go of %s: %s", path,
                         strerror(errno));
        return fail(journal, &why, reason);
    }
    journal->sealed_at++;
    journal->let_go++;
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
    return journal->header.journal_id;
}

uint32_t journal_incarnation(const struct journal *journal) {
    return journal->header.incarnation;
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
        /* The mark of a committed record would survive its own failure. */
        assert(told[i].told_at >= durable_end(journal));
    }
    return damage_mark(journal_disk(journal), journal->dir, &journal->damage,
                       told, count, reason);
}

struct journal_stats journal_stats(const struct journal *journal) {
    return (struct journal_stats){
        .segments = journal->sealed_count - journal->sealed_at + 1,
        .bytes = supply_held(&journal->supply),
        .spare_bytes = spares_bytes(&journal->supply.spares),
        .let_go = journal->let_go,
        .recycled = journal->supply.recycled,
        .commits = journal->commits,
        .commit_us_last = journal->commit_us_last,
        .commit_us_max = journal->commit_us_max,
    };
}
