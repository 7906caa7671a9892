/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/supply.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

err_t supply_load(struct supply *supply, struct reason *reason) {
    err_t err = spares_load(&supply->spares, supply->disk, supply->dir,
                            supply->segment_bytes);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "look through the spare files in",
                           supply->dir);
    }
    return ERR_OK;
}

uint64_t supply_held(const struct supply *supply) {
    return supply->used + spares_bytes(&supply->spares);
}

static bool is_over(const struct supply *supply, uint64_t more) {
    return supply->bounded && supply->capacity != 0 &&
           supply_held(supply) + more > supply->capacity;
}

err_t supply_check(const struct supply *supply, uint64_t more,
                   struct reason *reason) {
    if (!supply->bounded) {
        return ERR_OK;
    }
    if (is_over(supply, more)) {
        return reason_set(reason, ERR_FULL,
                          "%s uses %" PRIu64 " bytes of the %" PRIu64
                          " it may (capacity)",
                          supply->dir, supply_held(supply), supply->capacity);
    }
    if (supply->free_floor == 0 || more == 0) {
        return ERR_OK;
    }
    const struct disk *disk = supply->disk;
    uint64_t free_bytes;
    err_t err = disk->free_space(disk->self, supply->dir, &free_bytes);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "look at the free space of",
                           supply->dir);
    }
    if (free_bytes < supply->free_floor + more) {
        return reason_set(reason, ERR_FULL,
                          "the disk of %s has %" PRIu64 " bytes free, and "
                          "%" PRIu64 " must stay free (free_floor)",
                          supply->dir, free_bytes, supply->free_floor);
    }
    return ERR_OK;
}

/* --- Spares --- */

/* If it fails, the file keeps its size. */
static err_t allocate_spare(const struct supply *supply, const char *path,
                            enum disk_open how, uint64_t was) {
    const struct disk *disk = supply->disk;
    int fd;
    TRY(disk->open(disk->self, path, how, &fd));
    err_t err = disk->allocate(disk->self, fd, supply->segment_bytes);
    int cause = errno;
    if (err != ERR_OK) {
        (void)disk->truncate(disk->self, fd, was);
    }
    disk->close(disk->self, fd);
    errno = cause;
    return err;
}

static err_t make_spare(struct supply *supply, struct reason *reason) {
    const struct disk *disk = supply->disk;
    char path[SEGMENT_PATH_SIZE];
    segment_path(supply->dir, SPARE_MADE, SEGMENT_SUFFIX_SPARE, path);
    TRY(supply_check(supply, supply->segment_bytes, reason));
    /* A leftover that could not be removed earlier would be in the way. */
    (void)disk->unlink(disk->self, path);
    err_t err = allocate_spare(supply, path, DISK_CREATE, 0);
    if (err != ERR_OK) {
        err = disk_failed(reason, err, "allocate", path);
        (void)disk->unlink(disk->self, path);
        return err;
    }
    const struct remains none = {.since_us = REMAINS_NONE};
    spares_add(&supply->spares,
               (struct spare){SPARE_MADE, supply->segment_bytes, none});
    return ERR_OK;
}

static err_t enlarge_spare(struct supply *supply, struct spare *spare,
                           struct reason *reason) {
    char path[SEGMENT_PATH_SIZE];
    segment_path(supply->dir, spare->number, SEGMENT_SUFFIX_SPARE, path);
    TRY(supply_check(supply, supply->segment_bytes - spare->bytes, reason));
    err_t err = allocate_spare(supply, path, DISK_WRITE, spare->bytes);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "allocate", path);
    }
    spare->bytes = supply->segment_bytes;
    return ERR_OK;
}

/* Another process removed the first one's file. */
static void forget_spare(struct supply *supply) {
    struct spare gone;
    bool taken = spares_take(&supply->spares, &gone);
    assert(taken);
}

/* --- Making --- */

static err_t make_new(struct supply *supply,
                      const struct segment_header *header, uint64_t need,
                      struct supply_segment *ret, struct reason *reason) {
    uint64_t bytes = supply->segment_bytes;
    ret->remains = (struct remains){.since_us = REMAINS_NONE};
    ret->size = need > bytes ? need : bytes;
    TRY(supply_check(supply, ret->size, reason));
    return segment_create(supply->disk, supply->dir, header, ret->size,
                          &ret->segment, reason);
}

/* If the disk has no space to enlarge the first spare, it is used as it is if
 * it is large enough: journal_room() counts on that. */
static err_t make_recycled(struct supply *supply,
                           const struct segment_header *header, uint64_t need,
                           struct supply_segment *ret, struct reason *reason) {
    TRY(supply_check(supply, 0, reason));
    struct spare *first = &supply->spares.list[0];
    if (first->bytes < supply->segment_bytes) {
        err_t err = enlarge_spare(supply, first, reason);
        if (err == ERR_NOT_FOUND) {
            forget_spare(supply);
        }
        ENSURE(err == ERR_OK || (err == ERR_FULL && need <= first->bytes), err);
    }
    struct spare spare;
    bool taken = spares_take(&supply->spares, &spare);
    assert(taken);
    assert(need <= spare.bytes && spare.bytes <= supply->segment_bytes);
    TRY(segment_recycle(supply->disk, supply->dir, header, spare.number,
                        &ret->segment, reason));
    ret->size = spare.bytes;
    ret->remains = spare.remains;
    supply->recycled++;
    return ERR_OK;
}

static void remove_spare(const struct supply *supply,
                         const struct spare *spare) {
    const struct disk *disk = supply->disk;
    char path[SEGMENT_PATH_SIZE];
    segment_path(supply->dir, spare->number, SEGMENT_SUFFIX_SPARE, path);
    /* If it cannot be removed, the next open will, or keeps it. */
    (void)disk->unlink(disk->self, path);
}

static void give_back(struct supply *supply) {
    struct spare spare;
    if (spares_take(&supply->spares, &spare)) {
        remove_spare(supply, &spare);
    }
}

err_t supply_make(struct supply *supply, const struct segment_header *header,
                  uint64_t frame_len, struct supply_segment *ret,
                  struct reason *reason) {
    uint64_t need = JOURNAL_PAGE + frame_len + JOURNAL_PAGE;
    for (;;) {
        size_t spares = supply->spares.count;
        bool recycle = spares > 0 && need <= supply->segment_bytes;
        err_t err = recycle ? make_recycled(supply, header, need, ret, reason)
                            : make_new(supply, header, need, ret, reason);
        if (err == ERR_FULL && supply->spares.count == spares) {
            give_back(supply);
        }
        bool again = (err == ERR_FULL || err == ERR_NOT_FOUND) &&
                     supply->spares.count < spares;
        if (!again) {
            return err;
        }
    }
}

/* --- Preallocating --- */

uint64_t supply_preallocated(const struct supply *supply, size_t index) {
    if (is_over(supply, 0)) {
        return 0; /* no segment is created, whatever there is */
    }
    return index < supply->spares.count ? supply->spares.list[index].bytes : 0;
}

static err_t preallocate_once(struct supply *supply, struct reason *reason) {
    if (supply->spares.count == 0) {
        return make_spare(supply, reason);
    }
    err_t err = enlarge_spare(supply, &supply->spares.list[0], reason);
    if (err == ERR_NOT_FOUND) { /* another process removed it */
        forget_spare(supply);
        return preallocate_once(supply, reason);
    }
    return err;
}

/* Short spares may take up the room that one of them lacks: the newest go. (The
 * oldest stays, since what is appended may count on it as it is.) */
err_t supply_preallocate(struct supply *supply, struct reason *reason) {
    if (supply_preallocated(supply, 0) >= supply->segment_bytes) {
        return ERR_OK;
    }
    err_t err = preallocate_once(supply, reason);
    while (err == ERR_FULL && supply->spares.count > 1) {
        struct spare newest;
        spares_take_newest(&supply->spares, &newest);
        remove_spare(supply, &newest);
        err = preallocate_once(supply, reason);
    }
    return err;
}

/* --- Reclaiming --- */

/* Keep it as a spare, unless the journal has to shrink. */
static bool is_kept(const struct supply *supply, uint64_t bytes) {
    return spares_wants(&supply->spares, bytes, supply->segment_bytes) &&
           (supply->capacity == 0 || supply_held(supply) <= supply->capacity);
}

err_t supply_reclaim(struct supply *supply,
                     const struct journal_segment *segment) {
    const struct disk *disk = supply->disk;
    char path[SEGMENT_PATH_SIZE];
    segment_path(supply->dir, segment->first_seq, SEGMENT_SUFFIX, path);
    bool keep = is_kept(supply, segment->bytes);
    struct remains remains = {0};
    if (keep) {
        remains =
            remains_of(disk, supply->dir, segment->first_seq, SEGMENT_SUFFIX);
        char spare[SEGMENT_PATH_SIZE];
        segment_path(supply->dir, segment->first_seq, SEGMENT_SUFFIX_SPARE,
                     spare);
        TRY(disk->rename(disk->self, path, spare));
    } else {
        TRY(disk->unlink(disk->self, path));
    }
#ifndef EDGE_CONTROL_REUSE_EARLY
    TRY(disk->sync_dir(disk->self, supply->dir));
#endif
    supply->used -= segment->bytes;
    if (keep) {
        spares_add(&supply->spares,
                   (struct spare){segment->first_seq, segment->bytes, remains});
    }
    return ERR_OK;
}
