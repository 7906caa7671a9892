/* SPDX-License-Identifier: Apache-2.0 */
/* Reading. One frame at a time is in memory, verified when it was read; each
 * record handed out is a slice of it.
 *
 * The writer never changes what it committed, so most of the time the reader
 * only moves forward. If there is nothing where the next frame should be, a
 * recovery may have replaced the file since: the reader opens it again by its
 * name. The same salt means that it is the same file or its repaired copy, in
 * which frames keep their places. Another salt means that the old file held
 * nothing and is gone, and the reader looks for its place again.
 *
 * Damage stops the forward reading. To pass it, the reader looks for the frame
 * that comes next by its number, in the whole file and in the files after it.
 *
 * A file that is open here may be trimmed and overwritten, by this process or
 * another. A frame that verifies is still right: it verifies under the salt
 * that the file had when it was opened, and no later frame can. A frame that
 * does not verify means damage only if the file still has its name: a file
 * loses its name, durably, before anything is written over it. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/damage.h"
#include "gateway/journal/listing.h"
#include "gateway/journal/mend.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/segment.h"

struct journal_reader {
    const struct disk *disk;
    char dir[SEGMENT_DIR_MAX + 1];
    struct segment segment;
    struct segment_buffer buffer;
    uint64_t offset; /* of what follows the frame in memory */
    uint64_t seq;    /* of the next record */
    struct frame_head head;
    struct cursor records; /* of the frame in memory, not handed out yet */
    uint32_t left;         /* how many they are */
    bool astray;           /* in damage: the next record has to be found */
};

/* The segments of a directory as seen from a sequence number. */
struct place {
    uint64_t seq;
    uint64_t lowest;  /* first number of the first segment */
    uint64_t holder;  /* of the one that holds or would hold `seq` */
    uint64_t highest; /* of the last one */
    bool any;
    bool held; /* `holder` is set */
};

static void place_each(void *context, const char *name) {
    struct place *place = context;
    uint64_t first;
    if (!segment_name_read(name, SEGMENT_SUFFIX, &first)) {
        return;
    }
    if (!place->any || first < place->lowest) {
        place->lowest = first;
    }
    if (!place->any || first > place->highest) {
        place->highest = first;
    }
    if (first <= place->seq && (!place->held || first > place->holder)) {
        place->holder = first;
        place->held = true;
    }
    place->any = true;
}

static err_t read_failed(const struct journal_reader *reader, err_t err,
                         struct reason *reason) {
    int cause = errno;
    char path[SEGMENT_PATH_SIZE];
    char verb[48];
    segment_path(reader->dir, reader->segment.header.first_seq, SEGMENT_SUFFIX,
                 path);
    snprintf(verb, sizeof verb, "read from byte %" PRIu64 " of",
             reader->offset);
    errno = cause;
    return disk_failed(reason, err, verb, path);
}

static err_t place_find(const struct journal_reader *reader, uint64_t seq,
                        struct place *ret, struct reason *reason) {
    const struct disk *disk = reader->disk;
    struct place place = {.seq = seq};
    err_t err = disk->list(disk->self, reader->dir, place_each, &place);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && !place.any)) {
        return reason_set(reason, ERR_NOT_FOUND, "there is no journal in %s",
                          reader->dir);
    }
    if (err != ERR_OK) {
        return disk_failed(reason, err, "list", reader->dir);
    }
    *ret = place;
    return ERR_OK;
}

static void enter_segment(struct journal_reader *reader,
                          const struct segment *segment) {
    segment_close(&reader->segment);
    reader->segment = *segment;
    reader->offset = JOURNAL_PAGE;
    reader->left = 0;
    reader->astray = false;
}

/* A header that does not verify may belong to a file that was trimmed and
 * overwritten between its opening and its reading: then the name is gone. */
static err_t open_segment(const struct journal_reader *reader,
                          uint64_t first_seq, struct segment *ret,
                          struct reason *reason) {
    err_t err = segment_open(reader->disk, reader->dir, first_seq, DISK_READ,
                             ret, reason);
    if (err == ERR_CORRUPT) {
        err = segment_open(reader->disk, reader->dir, first_seq, DISK_READ, ret,
                           reason);
    }
    if (err == ERR_CORRUPT) {
        const struct mend_owner any = {NULL, NULL};
        err = mend_open(reader->disk, reader->dir, first_seq, any, ret);
    }
    return err;
}

/* Was the open file trimmed? */
static bool is_trimmed(const struct journal_reader *reader) {
    if (reader->segment.disk == NULL) { /* none was found: by the names then */
        uint64_t begins;
        return journal_begins(reader->disk, reader->dir, &begins, NULL) ==
                   ERR_OK &&
               reader->seq < begins;
    }
    struct segment again;
    err_t err =
        open_segment(reader, reader->segment.header.first_seq, &again, NULL);
    if (err == ERR_OK) {
        segment_close(&again);
    }
    return err == ERR_NOT_FOUND;
}

/* Continues with the segment after a seal. ERR_END if it is not there yet; a
 * segment that was sealed empty is followed by one of the same name. */
static err_t follow_seal(struct journal_reader *reader) {
    const struct segment_header *header = &reader->segment.header;
    struct segment next;
    err_t err = open_segment(reader, reader->seq, &next, NULL);
    ENSURE(err != ERR_NOT_FOUND, ERR_END);
    TRY(err);
    if (next.header.salt == header->salt) {
        segment_close(&next);
        return ERR_END;
    }
    if (memcmp(next.header.journal_id, header->journal_id, JOURNAL_ID_SIZE) !=
            0 ||
        next.header.incarnation < header->incarnation) {
        segment_close(&next);
        return ERR_CORRUPT;
    }
    enter_segment(reader, &next);
    return ERR_OK;
}

/* Brings the next frame into memory. ERR_END if none is there. */
static err_t load_frame(struct journal_reader *reader) {
    assert(reader->left == 0);
    struct segment_item item;
    TRY(segment_read(&reader->segment, reader->offset, &reader->buffer, &item));
    while (item.type == SEGMENT_SEAL) {
        ENSURE(item.seal.next_seq == reader->seq, ERR_CORRUPT);
        TRY(follow_seal(reader));
        TRY(segment_read(&reader->segment, reader->offset, &reader->buffer,
                         &item));
    }
    ENSURE(item.type == SEGMENT_FRAME, ERR_END);
    ENSURE(item.head.first_seq == reader->seq, ERR_CORRUPT);
    reader->head = item.head;
    reader->records = frame_records(item.frame, &item.head);
    reader->left = item.head.count;
    reader->offset += item.frame.len;
    return ERR_OK;
}

static struct slice take_record(struct journal_reader *reader) {
    assert(reader->left > 0);
    struct slice record;
    err_t err = frame_record(&reader->records, &record);
    assert(err == ERR_OK); /* the frame was verified when it was read */
    reader->left--;
    reader->seq++;
    return record;
}

static err_t seek(struct journal_reader *reader, uint64_t seq,
                  struct reason *reason) {
    while (reader->seq < seq) {
        err_t err = load_frame(reader);
        if ((err == ERR_END || err == ERR_CORRUPT) && is_trimmed(reader)) {
            return reason_set(reason, ERR_NOT_FOUND,
                              "record %" PRIu64
                              " of the journal in %s was trimmed",
                              reader->seq, reader->dir);
        }
        if (err == ERR_END) {
            return reason_set(reason, ERR_RANGE,
                              "the journal in %s ends at record %" PRIu64
                              ", before %" PRIu64,
                              reader->dir, reader->seq, seq);
        }
        if (err != ERR_OK) {
            return read_failed(reader, err, reason);
        }
        while (reader->left > 0 && reader->seq < seq) {
            (void)take_record(reader);
        }
    }
    return ERR_OK;
}

/* Finds the segment that holds `seq` and goes there. */
static err_t locate(struct journal_reader *reader, uint64_t seq,
                    struct reason *reason) {
    struct place place;
    TRY(place_find(reader, seq, &place, reason));
    if (!place.held) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "the journal in %s begins at record %" PRIu64
                          ", after %" PRIu64,
                          reader->dir, place.lowest, seq);
    }
    struct segment segment;
    TRY(open_segment(reader, place.holder, &segment, reason));
    enter_segment(reader, &segment);
    reader->seq = place.holder;
    return seek(reader, seq, reason);
}

/* The file may be a different one by now; see above. */
static err_t refresh(struct journal_reader *reader) {
    struct segment again;
    uint64_t first_seq = reader->segment.header.first_seq;
    TRY(open_segment(reader, first_seq, &again, NULL));
    if (again.header.salt != reader->segment.header.salt) {
        segment_close(&again);
        err_t err = locate(reader, reader->seq, NULL);
        /* A record that was read before it was durable, and was lost. */
        return err == ERR_RANGE ? ERR_CORRUPT : err;
    }
    segment_close(&reader->segment);
    reader->segment = again;
    return ERR_OK;
}

/* Nothing was found. Looks again at what the directory holds now; if there is a
 * later segment too, the missing record will not come. */
static err_t load_again(struct journal_reader *reader) {
    struct place place;
    TRY(place_find(reader, reader->seq, &place, NULL));
    ENSURE(place.held, ERR_NOT_FOUND); /* trimmed */
    if (place.lowest > reader->segment.header.first_seq) {
        /* This file was trimmed; it was sealed, and read to its end. */
        TRY(locate(reader, reader->seq, NULL));
    } else {
        TRY(refresh(reader));
    }
    if (reader->left > 0) {
        return ERR_OK;
    }
    err_t err = load_frame(reader);
    if (err == ERR_END && place.highest > reader->segment.header.first_seq) {
        return ERR_CORRUPT;
    }
    return err;
}

/* --- Passing damage --- */

/* Where the lowest record with number `seq` or higher is. */
struct finding {
    uint64_t seq; /* its number */
    uint64_t segment;
    uint64_t offset; /* of the frame that holds it */
    bool found;
};

static void find_better(struct finding *finding, uint64_t seq,
                        const struct segment *segment, uint64_t offset) {
    if (!finding->found || seq < finding->seq) {
        *finding = (struct finding){
            .seq = seq,
            .segment = segment->header.first_seq,
            .offset = offset,
            .found = true,
        };
    }
}

/* Looks at every page: a write may have gone astray. A page that the disk
 * cannot read counts as one that does not verify. */
static err_t find_in_segment(struct journal_reader *reader,
                             const struct segment *segment, uint64_t seq,
                             struct finding *ret) {
    const struct disk *disk = reader->disk;
    uint64_t size;
    TRY(disk->size(disk->self, segment->fd, &size));
    struct segment_item item = {.type = SEGMENT_NOTHING};
    uint64_t at = JOURNAL_PAGE;
    while (at < size && item.type != SEGMENT_SEAL) {
        err_t err = segment_read(segment, at, &reader->buffer, &item);
        ENSURE(err == ERR_OK || err == ERR_IO, err);
        if (err == ERR_IO || item.type != SEGMENT_FRAME) {
            at += FRAME_ALIGN;
            continue;
        }
        uint64_t first = item.head.first_seq;
        if (first + item.head.count > seq) {
            find_better(ret, first > seq ? first : seq, segment, at);
        }
        at += item.frame.len;
    }
    return ERR_OK;
}

/* A segment whose header is lost holds nothing that can be read. The last one
 * may not hold anything yet: then the next record to come has the number in its
 * name. */
static err_t find_in_file(struct journal_reader *reader,
                          const struct listing *listing, size_t index,
                          uint64_t seq, struct finding *ret) {
    struct segment segment;
    uint64_t name = listing->segments[index];
    err_t err = open_segment(reader, name, &segment, NULL);
    if (err == ERR_CORRUPT || err == ERR_IO) {
        return ERR_OK;
    }
    TRY(err);
    err = find_in_segment(reader, &segment, seq, ret);
    if (err == ERR_OK && !ret->found && name > seq &&
        index + 1 == listing->segment_count) {
        find_better(ret, name, &segment, JOURNAL_PAGE);
    }
    segment_close(&segment);
    return err;
}

static err_t find_listed(struct journal_reader *reader,
                         const struct listing *listing, uint64_t seq,
                         struct finding *ret) {
    size_t index = 0;
    while (index + 1 < listing->segment_count &&
           listing->segments[index + 1] <= seq) {
        index++;
    }
    while (index < listing->segment_count && !ret->found) {
        TRY(find_in_file(reader, listing, index, seq, ret));
        index++;
    }
    return ERR_OK;
}

/* ERR_END if there is nothing with number `seq` or higher. */
static err_t find(struct journal_reader *reader, uint64_t seq,
                  struct finding *ret) {
    CLEANUP(listing_free) struct listing listing = {0};
    *ret = (struct finding){0};
    TRY(listing_load(reader->disk, reader->dir, &listing, NULL));
    TRY(find_listed(reader, &listing, seq, ret));
    return ret->found ? ERR_OK : ERR_END;
}

static err_t go_to(struct journal_reader *reader,
                   const struct finding *finding) {
    struct segment segment;
    TRY(open_segment(reader, finding->segment, &segment, NULL));
    enter_segment(reader, &segment);
    reader->offset = finding->offset;
    reader->seq = finding->seq;
    struct segment_item item;
    TRY(segment_read(&reader->segment, reader->offset, &reader->buffer, &item));
    if (item.type != SEGMENT_FRAME ||
        item.head.first_seq + item.head.count <= finding->seq) {
        return ERR_OK; /* a record of the future; such a frame does not belong
                          to this file */
    }
    reader->seq = item.head.first_seq;
    TRY(load_frame(reader));
    while (reader->seq < finding->seq) {
        (void)take_record(reader);
    }
    return ERR_OK;
}

/* The records already handed out are passed; the next one has to be found. */
static void stray(struct journal_reader *reader, uint64_t seq) {
    reader->seq = seq;
    reader->left = 0;
    reader->astray = true;
}

/* Back to the next record, wherever it is. */
static err_t find_way(struct journal_reader *reader) {
    struct finding finding;
    err_t err = find(reader, reader->seq, &finding);
    ENSURE(err != ERR_END, ERR_CORRUPT);
    TRY(err);
    ENSURE(finding.seq == reader->seq, ERR_CORRUPT);
    return go_to(reader, &finding);
}

/* What could not be reached record by record may be in or after damage. */
static err_t locate_astray(struct journal_reader *reader, uint64_t seq,
                           err_t why) {
    struct finding finding;
    err_t err = find(reader, seq, &finding);
    if (err == ERR_OK && finding.seq == seq) {
        return go_to(reader, &finding);
    }
    ENSURE(err == ERR_OK || err == ERR_END, err);
    ENSURE(err == ERR_OK || why == ERR_CORRUPT, why);
    stray(reader, seq);
    return ERR_OK;
}

static err_t is_known(const struct journal_reader *reader,
                      const struct journal_gap *gap, bool *ret) {
    CLEANUP(damage_free) struct damage damage = {0};
    TRY(damage_load(reader->disk, reader->dir, &damage, NULL));
    *ret = damage_covers(&damage, gap->first, gap->end);
    return ERR_OK;
}

err_t journal_reader_pass(struct journal_reader *reader, uint64_t end_seq,
                          struct journal_gap *ret, bool *ret_known) {
    struct finding finding;
    assert(reader->left == 0);
    err_t err = find(reader, reader->seq, &finding);
    bool nothing = err == ERR_END;
    ENSURE(err == ERR_OK || nothing, err);
    ENSURE(!nothing || end_seq != UINT64_MAX, ERR_END);
    if (nothing || finding.seq >= end_seq) {
        finding.seq = end_seq;
        nothing = true;
    }
    struct journal_gap gap = {reader->seq, finding.seq, JOURNAL_UNTOLD};
    bool known = false;
    TRY(is_known(reader, &gap, &known));
    if (nothing) {
        stray(reader, end_seq);
    } else {
        TRY(go_to(reader, &finding));
    }
    *ret = gap;
    *ret_known = known;
    return ERR_OK;
}

err_t journal_reader_open(const struct disk *disk, const char *dir,
                          uint64_t from_seq, struct journal_reader **ret,
                          struct reason *reason) {
    if (strlen(dir) > SEGMENT_DIR_MAX) {
        return reason_set(
            reason, ERR_RANGE,
            "a journal's directory name must have at most %d bytes",
            SEGMENT_DIR_MAX);
    }
    struct journal_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for a reader");
    }
    reader->disk = disk;
    strcpy(reader->dir, dir);
    err_t err = segment_buffer_init(&reader->buffer);
    if (err == ERR_OK) {
        err = locate(reader, from_seq, reason);
    }
    if (err == ERR_CORRUPT || err == ERR_RANGE) {
        err = locate_astray(reader, from_seq, err);
    }
    if (err != ERR_OK) {
        journal_reader_close(reader);
        return err;
    }
    *ret = reader;
    return ERR_OK;
}

void journal_reader_close(struct journal_reader *reader) {
    if (reader == NULL) {
        return;
    }
    segment_close(&reader->segment);
    segment_buffer_free(&reader->buffer);
    free(reader);
}

static err_t next_frame(struct journal_reader *reader, uint64_t end_seq) {
    err_t err = reader->astray ? find_way(reader) : ERR_OK;
    if (err == ERR_OK && reader->left == 0) {
        err = load_frame(reader);
    }
    if (err == ERR_END) {
        err = load_again(reader);
    }
    if (err == ERR_END && end_seq != UINT64_MAX) {
        err = ERR_CORRUPT;
    }
    if (err == ERR_CORRUPT && is_trimmed(reader)) {
        return ERR_NOT_FOUND;
    }
    return err;
}

err_t journal_reader_next(struct journal_reader *reader, uint64_t end_seq,
                          struct journal_record *ret) {
    err_t err = ERR_OK;
    if (reader->seq >= end_seq) {
        err = ERR_END;
    } else if (reader->left == 0) {
        err = next_frame(reader, end_seq);
    }
    if (err == ERR_END && reader->left == 0) {
        segment_buffer_shrink(&reader->buffer);
    }
    TRY(err);
    ret->seq = reader->seq;
    ret->wall_us = reader->head.wall_us;
    ret->mono_us = reader->head.mono_us;
    ret->incarnation = reader->head.incarnation;
    memcpy(ret->life, reader->segment.header.boot_id, JOURNAL_ID_SIZE);
    ret->bytes = take_record(reader);
    return ERR_OK;
}

err_t journal_begins(const struct disk *disk, const char *dir,
                     uint64_t *ret_seq, struct reason *reason) {
    struct journal_reader reader = {.disk = disk};
    ENSURE(slice_to_str(slice_from_str(dir), reader.dir, sizeof reader.dir) ==
               ERR_OK,
           ERR_RANGE);
    struct place place;
    TRY(place_find(&reader, 0, &place, reason));
    *ret_seq = place.lowest;
    return ERR_OK;
}
