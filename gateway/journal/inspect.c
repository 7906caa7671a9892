/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/inspect.h"

#include <inttypes.h>

#include "gateway/journal/damage.h"
#include "gateway/journal/listing.h"
#include "gateway/journal/mend.h"
#include "gateway/journal/segment.h"

struct look {
    const struct disk *disk;
    const char *dir;
    bool all;
    const struct inspection *to;
    struct listing listing;
    struct damage damage;
    struct segment_buffer buffer;
    bool chained; /* the next segment must begin with `expected` */
    uint64_t expected;
};

static void say(struct inspected *segment, const char *what, uint64_t number) {
    if (segment->damage.text[0] == '\0') {
        (void)reason_set(&segment->damage, ERR_CORRUPT, "%s %" PRIu64, what,
                         number);
    }
}

/* The seal at the end of the file; what is before it is not read. */
static err_t read_seal(struct look *look, const struct segment *segment,
                       struct inspected *ret) {
    struct segment_item item;
    if (ret->bytes < 2 * JOURNAL_PAGE || ret->bytes % JOURNAL_PAGE != 0) {
        return ERR_OK;
    }
    TRY(segment_read(segment, ret->bytes - JOURNAL_PAGE, &look->buffer, &item));
    if (item.type == SEGMENT_SEAL) {
        ret->sealed = true;
        ret->clean_stop = item.seal.clean_stop;
        ret->end_seq = item.seal.next_seq;
    }
    return ERR_OK;
}

static err_t read_first(struct look *look, const struct segment *segment,
                        struct inspected *ret) {
    struct segment_item item;
    TRY(segment_read(segment, JOURNAL_PAGE, &look->buffer, &item));
    ret->first_us = item.type == SEGMENT_FRAME ? item.head.wall_us : 0;
    return ERR_OK;
}

static bool follows(const struct segment_item *item, uint64_t end_seq) {
    return item->type == SEGMENT_FRAME && item->head.first_seq == end_seq;
}

/* Does anything of this segment verify after `offset`, where nothing does? A
 * gateway that keeps writing is not taken for damage. */
static err_t is_followed(struct look *look, const struct segment *segment,
                         uint64_t bytes, uint64_t offset, bool *ret) {
    struct segment_item item = {.type = SEGMENT_NOTHING};
    uint64_t at = offset + JOURNAL_PAGE;
    for (; at < bytes && item.type == SEGMENT_NOTHING; at += JOURNAL_PAGE) {
        TRY(segment_read(segment, at, &look->buffer, &item));
    }
    *ret = item.type != SEGMENT_NOTHING;
    TRY(segment_read(segment, offset, &look->buffer, &item));
    *ret = *ret && item.type == SEGMENT_NOTHING;
    return ERR_OK;
}

static err_t read_frames(struct look *look, const struct segment *segment,
                         struct inspected *ret) {
    uint64_t offset = JOURNAL_PAGE;
    uint64_t end = ret->first_seq;
    struct segment_item item;
    TRY(segment_read(segment, offset, &look->buffer, &item));
    while (follows(&item, end)) {
        ret->frames++;
        end += item.head.count;
        offset += item.frame.len;
        TRY(segment_read(segment, offset, &look->buffer, &item));
    }
    ret->end_seq = end;
    if (item.type == SEGMENT_SEAL && item.seal.next_seq == end) {
        ret->sealed = true;
        ret->clean_stop = item.seal.clean_stop;
        return ERR_OK;
    }
    bool damaged = !ret->last || ret->sealed || item.type != SEGMENT_NOTHING;
    if (!damaged) {
        TRY(is_followed(look, segment, ret->bytes, offset, &damaged));
    }
    if (damaged) {
        say(ret, "damaged at byte", offset);
    }
    return ERR_OK;
}

static err_t look_inside(struct look *look, const struct segment *segment,
                         struct inspected *ret) {
    const struct disk *disk = look->disk;
    TRY(disk->size(disk->self, segment->fd, &ret->bytes));
    ret->incarnation = segment->header.incarnation;
    memcpy(ret->journal_id, segment->header.journal_id, JOURNAL_ID_SIZE);
    TRY(read_first(look, segment, ret));
    TRY(read_seal(look, segment, ret));
    return look->all || !ret->sealed ? read_frames(look, segment, ret) : ERR_OK;
}

static void check_chain(struct look *look, struct inspected *segment) {
    uint64_t from = look->expected;
    if (look->chained && segment->first_seq != from &&
        !damage_covers(&look->damage, from, segment->first_seq)) {
        say(segment, "records are missing or repeated from", from);
    }
}

/* A segment loses its name before anything is written over it. */
static bool is_gone(const struct look *look, const struct inspected *segment) {
    char path[SEGMENT_PATH_SIZE];
    int fd;
    segment_path(look->dir, segment->first_seq, SEGMENT_SUFFIX, path);
    err_t err = look->disk->open(look->disk->self, path, DISK_READ, &fd);
    if (err == ERR_OK) {
        look->disk->close(look->disk->self, fd);
    }
    return err == ERR_NOT_FOUND;
}

static err_t look_at(struct look *look, size_t index) {
    struct inspected found = {
        .first_seq = look->listing.segments[index],
        .end_seq = look->listing.segments[index],
        .last = index + 1 == look->listing.segment_count,
    };
    struct segment segment;
    err_t err = segment_open(look->disk, look->dir, found.first_seq, DISK_READ,
                             &segment, &found.damage);
    if (err == ERR_CORRUPT) { /* `damage` says so; what verifies is read */
        const struct mend_owner any = {NULL, NULL};
        err = mend_open(look->disk, look->dir, found.first_seq, any, &segment);
    }
    if (err == ERR_OK) {
        err = look_inside(look, &segment, &found);
        segment_close(&segment);
        if (err == ERR_IO) {
            say(&found, "the disk cannot read it; readable to record",
                found.end_seq);
        }
    }
    ENSURE(err != ERR_UNSUPPORTED && err != ERR_MEMORY, err);
    if (is_gone(look, &found)) {
        look->chained = false;
        return ERR_OK; /* trimmed meanwhile, and possibly overwritten */
    }
    check_chain(look, &found);
    look->chained = true;
    look->expected = found.end_seq;
    look->to->segment(look->to->self, &found);
    return ERR_OK;
}

static void look_free(struct look *look) {
    listing_free(&look->listing);
    damage_free(&look->damage);
    segment_buffer_free(&look->buffer);
}

static err_t look_at_all(struct look *look, struct reason *reason) {
    TRY(segment_buffer_init(&look->buffer));
    TRY(listing_load(look->disk, look->dir, &look->listing, reason));
    if (look->listing.segment_count == 0) {
        return reason_set(reason, ERR_NOT_FOUND, "there is no journal in %s",
                          look->dir);
    }
    TRY(damage_load(look->disk, look->dir, &look->damage, reason));
    for (size_t i = 0; look->to->gap != NULL && i < look->damage.count; i++) {
        look->to->gap(look->to->self, &look->damage.gaps[i]);
    }
    for (size_t i = 0; i < look->listing.segment_count; i++) {
        err_t err = look_at(look, i);
        if (err != ERR_OK) {
            return reason_set(reason, err, "cannot read %s/%020" PRIu64 "%s",
                              look->dir, look->listing.segments[i],
                              SEGMENT_SUFFIX);
        }
    }
    return ERR_OK;
}

err_t journal_inspect(const struct disk *disk, const char *dir, bool all,
                      const struct inspection *inspection,
                      struct reason *reason) {
    CLEANUP(look_free)
    struct look look = {
        .disk = disk,
        .dir = dir,
        .all = all,
        .to = inspection,
    };
    return look_at_all(&look, reason);
}
