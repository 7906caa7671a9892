/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/survey.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/journal/mend.h"

/* One survey in progress. */
struct look {
    const struct journal_options *options;
    const struct disk *disk;
    struct segment_buffer *buffer;
    struct reason *reason;
};

void survey_free(struct survey *survey) {
    segment_close(&survey->segment);
    free(survey->frames);
    *survey = (struct survey){0};
}

err_t survey_refuse(const struct journal_options *options, uint64_t name,
                    const char *what, struct reason *reason) {
    return reason_set(reason, ERR_CORRUPT,
                      "%020" PRIu64 "%s: %s; repair cannot set that aside; "
                      "nothing was changed in %s",
                      name, SEGMENT_SUFFIX, what, options->dir);
}

static err_t overlaps(const struct look *look, const struct survey *survey) {
    return survey_refuse(look->options, survey->name,
                         "it overlaps the next segment", look->reason);
}

static err_t note_frame(struct survey *survey, const struct segment_item *item,
                        uint64_t offset) {
    if (survey->count % 64 == 0) {
        struct frame_place *more = realloc(
            survey->frames, (survey->count + 64) * sizeof *survey->frames);
        ENSURE(more != NULL, ERR_MEMORY);
        survey->frames = more;
    }
    survey->frames[survey->count++] = (struct frame_place){
        .first = item->head.first_seq,
        .end = item->head.first_seq + item->head.count,
        .offset = offset,
    };
    return ERR_OK;
}

/* How the frames are laid out in the file: in order, and up to where? */
struct walk {
    uint64_t expected; /* the number that follows the last good frame */
    bool broken;       /* something else was found there */
    bool sealed;       /* the seal was found, and says the same */
    bool followed;     /* something verifies after the broken part */
    bool seal_seen;    /* anywhere */
    bool unreadable;   /* the broken part is, and it is not the seal's place */
};

/* As segment_read(), for a file that may have unreadable pages. */
static err_t read_item(struct look *look, struct survey *survey,
                       uint64_t offset, struct segment_item *ret) {
    err_t err = segment_read(&survey->segment, offset, look->buffer, ret);
    if (err == ERR_IO) {
        survey->unreadable = true;
        *ret = (struct segment_item){.type = SEGMENT_NOTHING};
        return ERR_OK;
    }
    return err;
}

static err_t walk_item(struct survey *survey, struct walk *walk,
                       const struct segment_item *item, uint64_t offset) {
    if (item->type == SEGMENT_SEAL) {
        walk->seal_seen = true;
        walk->sealed = !walk->broken && item->seal.next_seq == walk->expected;
        walk->broken = !walk->sealed;
        walk->followed |= walk->broken;
        if (item->seal.next_seq > survey->went_to) {
            survey->went_to = item->seal.next_seq;
        }
        return ERR_OK;
    }
    if (item->type == SEGMENT_NOTHING) {
        walk->broken = true;
        return ERR_OK;
    }
    walk->broken |= item->head.first_seq != walk->expected;
    walk->followed |= walk->broken;
    if (!walk->broken) {
        walk->expected += item->head.count;
    }
    return note_frame(survey, item, offset);
}

static int frame_compare(const void *left, const void *right) {
    const struct frame_place *a = left;
    const struct frame_place *b = right;
    return a->first != b->first
               ? (a->first > b->first) - (a->first < b->first)
               : (a->offset > b->offset) - (a->offset < b->offset);
}

/* In the order of their numbers, each once, none that belongs to another file.
 */
static err_t frames_sort(struct look *look, struct survey *survey) {
    if (survey->count > 1) {
        qsort(survey->frames, survey->count, sizeof *survey->frames,
              frame_compare);
    }
    uint64_t next = survey->name;
    size_t kept = 0;
    for (size_t i = 0; i < survey->count; i++) {
        struct frame_place frame = survey->frames[i];
        if (frame.first < next || frame.first >= survey->limit) {
            continue;
        }
        if (frame.end > survey->limit) {
            return overlaps(look, survey);
        }
        survey->frames[kept++] = frame;
        next = frame.end;
    }
    survey->count = kept;
    return ERR_OK;
}

/* Is the file as a start expects it? The last one may end in any way, if no
 * later records are known. */
static bool is_whole(const struct look *look, const struct survey *survey,
                     const struct walk *walk) {
    if (walk->sealed) {
        return true;
    }
    return survey->limit == UINT64_MAX && !walk->followed &&
           !survey->unreadable && walk->expected >= look->options->known_end;
}

/* How far the file went. If something was written where the frame after the
 * last one should be, and nothing says what, it counts as one record. */
static void note_end(struct survey *survey, const struct walk *walk) {
    uint64_t good_end = survey->count > 0
                            ? survey->frames[survey->count - 1].end
                            : survey->name;
    if (good_end > survey->went_to) {
        survey->went_to = good_end;
    }
    if (survey->limit == UINT64_MAX && (walk->followed || walk->unreadable) &&
        !walk->seal_seen && good_end == walk->expected) {
        survey->went_to = good_end + 1;
    }
}

static err_t survey_frames(struct look *look, struct survey *survey) {
    const struct disk *disk = look->disk;
    uint64_t size;
    TRY(disk->size(disk->self, survey->segment.fd, &size));
    struct walk walk = {.expected = survey->name};
    uint64_t at = JOURNAL_PAGE;
    while (at < size && !walk.sealed) {
        struct segment_item item;
        bool readable = !survey->unreadable;
        TRY(read_item(look, survey, at, &item));
        walk.unreadable |= !walk.broken && readable && survey->unreadable &&
                           at + JOURNAL_PAGE < size;
        TRY(walk_item(survey, &walk, &item, at));
        at += item.type == SEGMENT_FRAME ? item.frame.len : FRAME_ALIGN;
    }
    survey->whole = is_whole(look, survey, &walk) && !survey->mended;
    if (survey->whole && walk.expected > survey->limit) {
        return overlaps(look, survey);
    }
    TRY(frames_sort(look, survey));
    note_end(survey, &walk);
    return ERR_OK;
}

/* Without its header a file has no salt, and none of its frames can verify.
 * Their heads still say how many records there were. That is used only to know
 * which numbers were taken. */
static err_t survey_heads(struct look *look, struct survey *survey) {
    char path[SEGMENT_PATH_SIZE];
    segment_path(look->options->dir, survey->name, SEGMENT_SUFFIX, path);
    const struct disk *disk = look->disk;
    int fd;
    TRY(disk->open(disk->self, path, DISK_READ, &fd));
    struct frame_head head;
    uint64_t at = JOURNAL_PAGE;
    size_t len = 0;
    err_t err = ERR_OK;
    while (err == ERR_OK) {
        err = disk->read(disk->self, fd, at, look->buffer->data, JOURNAL_PAGE,
                         &len);
        if (err == ERR_OK) {
            err = frame_parse(slice_of(look->buffer->data, len), &head);
        }
        if (err == ERR_OK && head.first_seq != survey->went_to) {
            err = ERR_PARSE;
        }
        if (err == ERR_OK) {
            survey->went_to += head.count;
            at += frame_size(head.events_len);
        }
    }
    disk->close(disk->self, fd);
    if (survey->went_to > survey->limit) {
        survey->went_to = survey->limit;
    }
    return ERR_OK;
}

/* Is it a bad page, or is the disk gone? */
static err_t check_disk(struct look *look, uint64_t name) {
    char path[SEGMENT_PATH_SIZE];
    segment_path(look->options->dir, name, SEGMENT_SUFFIX, path);
    const struct disk *disk = look->disk;
    int fd;
    size_t len;
    uint8_t *page = look->buffer->data;
    err_t err = disk->open(disk->self, path, DISK_READ, &fd);
    if (err == ERR_OK) {
        err = disk->read(disk->self, fd, 0, page, JOURNAL_PAGE, &len);
        if (err != ERR_OK) {
            err = disk->read(disk->self, fd, JOURNAL_PAGE, page, JOURNAL_PAGE,
                             &len);
        }
        disk->close(disk->self, fd);
    }
    return err == ERR_OK ? ERR_OK
                         : disk_failed(look->reason, err, "read", path);
}

static err_t survey_any(struct look *look, struct survey *ret) {
    err_t err = segment_open(look->disk, look->options->dir, ret->name,
                             DISK_READ, &ret->segment, look->reason);
    if (err == ERR_CORRUPT) {
        const struct mend_owner owner = {look->options->store,
                                         look->options->stream};
        err = mend_open(look->disk, look->options->dir, ret->name, owner,
                        &ret->segment);
        ret->mended = err == ERR_OK;
    }
    if (err == ERR_CORRUPT || err == ERR_IO) {
        ret->header_lost = true;
        ret->unreadable = err == ERR_IO;
        TRY(survey_heads(look, ret));
    } else {
        TRY(err);
        TRY(survey_frames(look, ret));
    }
    return ret->unreadable ? check_disk(look, ret->name) : ERR_OK;
}

err_t survey_file(const struct journal_options *options,
                  struct segment_buffer *buffer, uint64_t name, uint64_t limit,
                  struct survey *ret, struct reason *reason) {
    assert(buffer->cap >= JOURNAL_PAGE);
    struct look look = {
        .options = options,
        .disk = &options->platform->disk,
        .buffer = buffer,
        .reason = reason,
    };
    *ret = (struct survey){.name = name, .limit = limit, .went_to = name};
    return survey_any(&look, ret);
}
