/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/inspect.h"

#include <inttypes.h>

#include "gateway/journal/damage.h"
#include "gateway/journal/listing.h"
#include "gateway/journal/mend.h"
#include "gateway/journal/segment.h"

enum { WALKS_MAX = 8 }; /* of a file that grows meanwhile */

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

/* A file read from its beginning to its seal. */
struct walk {
    uint64_t end;      /* the number after the last record found */
    uint64_t broken;   /* the first byte at which nothing fits; 0: none */
    uint64_t expected; /* the number that should have come there */
    uint64_t frames;
    bool followed; /* something fits behind it */
    bool sealed;
    bool clean_stop;
};

static void walk_break(struct walk *walk, uint64_t offset) {
    if (walk->broken == 0) {
        walk->broken = offset;
        walk->expected = walk->end;
    }
}

static void walk_item(struct walk *walk, const struct segment_item *item,
                      uint64_t offset) {
    bool frame = item->type == SEGMENT_FRAME;
    bool seal = item->type == SEGMENT_SEAL;
    uint64_t seq = frame  ? item->head.first_seq
                   : seal ? item->seal.next_seq
                          : 0;
    if ((!frame && !seal) || seq != walk->end) {
        walk_break(walk, offset);
    }
    if ((!frame && !seal) || seq < walk->end) {
        return; /* a stray one of an earlier number */
    }
    walk->followed |= walk->broken != 0;
    walk->end = frame ? seq + item->head.count : seq;
    walk->frames += frame ? 1 : 0;
    walk->sealed = seal;
    walk->clean_stop = seal && item->seal.clean_stop;
}

/* A page that the disk cannot read counts as one that does not verify. */
static err_t walk_file(struct look *look, const struct segment *segment,
                       const struct inspected *file, struct walk *ret) {
    *ret = (struct walk){.end = file->first_seq};
    uint64_t offset = JOURNAL_PAGE;
    while (offset < file->bytes && !ret->sealed) {
        struct segment_item item;
        err_t err = segment_read(segment, offset, &look->buffer, &item);
        ENSURE(err == ERR_OK || err == ERR_IO, err);
        if (err == ERR_IO) {
            item = (struct segment_item){.type = SEGMENT_NOTHING};
        }
        walk_item(ret, &item, offset);
        offset += item.type == SEGMENT_FRAME ? item.frame.len : JOURNAL_PAGE;
    }
    return ERR_OK;
}

/* Is there by now what was not: does a gateway write meanwhile? */
static bool has_grown(struct look *look, const struct segment *segment,
                      const struct walk *walk) {
    struct segment_item item;
    return segment_read(segment, walk->broken, &look->buffer, &item) ==
               ERR_OK &&
           item.type == SEGMENT_FRAME && item.head.first_seq == walk->expected;
}

static err_t read_frames(struct look *look, const struct segment *segment,
                         struct inspected *ret) {
    struct walk walk;
    TRY(walk_file(look, segment, ret, &walk));
    for (int i = 0;
         i < WALKS_MAX && walk.followed && has_grown(look, segment, &walk);
         i++) {
        TRY(walk_file(look, segment, ret, &walk));
    }
    bool damaged =
        walk.broken != 0 && (walk.followed || !ret->last || ret->sealed);
    if (damaged || (!walk.sealed && !ret->last)) {
        say(ret, "damaged at byte", damaged ? walk.broken : ret->bytes);
    }
    ret->frames = walk.frames;
    ret->end_seq = walk.end;
    ret->sealed = walk.sealed;
    ret->clean_stop = walk.clean_stop;
    return ERR_OK;
}

static err_t look_inside(struct look *look, const struct segment *segment,
                         struct inspected *ret) {
    const struct disk *disk = look->disk;
    TRY(disk->size(disk->self, segment->fd, &ret->bytes));
    ret->incarnation = segment->header.incarnation;
    memcpy(ret->journal_id, segment->header.journal_id, JOURNAL_ID_SIZE);
    memcpy(ret->store, segment->header.store, sizeof ret->store);
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
