/* SPDX-License-Identifier: Apache-2.0 */
/* Each segment is surveyed (survey.h), which finds the runs of frames that are
 * left. The records between the runs are lost. Only then is the disk changed,
 * in this order:
 *
 *   1. record the gaps, synced;
 *   2. for each file that is not whole, last file first: make a synced copy;
 *   3. write its runs, last run first, each as its own segment, sealed and
 *      synced before it gets its name. The first run replaces the file; if
 *      nothing is left at the file's beginning, the file is removed.
 *
 * Until the last part of step 3 the file is unchanged. If a start is stopped in
 * between, the next start finds the file as it was, and possibly some of its
 * later runs next to it under their own names. Nothing in a file counts that is
 * at or past the name of the next file, so the second start gives the result
 * that the first one would have given. */
#include "gateway/journal/quarantine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/listing.h"
#include "gateway/journal/owner.h"
#include "gateway/journal/segment.h"
#include "gateway/journal/survey.h"

enum {
    ROT_PATH_SIZE = SEGMENT_PATH_SIZE + 32,
    /* A segment without a header cannot say its incarnation. It is that of the
     * last frame before it, and one for each start since that wrote nothing. */
    INCARNATIONS_LOST = 1 << 16,
};

struct run {
    uint64_t first;
    uint64_t end;
};

struct work {
    const struct journal_options *options;
    const struct disk *disk;
    struct damage *damage;
    struct reason *reason;
    struct segment_buffer buffer;
    struct listing listing;
    struct run *runs; /* that can be read, in order */
    size_t run_count;
    bool *whole; /* of each file */
    uint64_t start;
    uint64_t went_to;
    uint32_t incarnation;
    uint8_t journal_id[JOURNAL_ID_SIZE];
    bool header_lost; /* of a file or more */
};

static void work_free(struct work *work) {
    segment_buffer_free(&work->buffer);
    listing_free(&work->listing);
    free(work->runs);
    free(work->whole);
}

static err_t no_rot(struct work *work, uint64_t name, const char *what) {
    return survey_refuse(work->options, name, what, work->reason);
}

static err_t survey_index(struct work *work, size_t index, struct survey *ret) {
    const struct listing *listing = &work->listing;
    uint64_t limit = index + 1 < listing->segment_count
                         ? listing->segments[index + 1]
                         : UINT64_MAX;
    uint64_t name = listing->segments[index];
    if (name > JOURNAL_END_MAX) {
        return no_rot(work, name, "no journal reaches its number");
    }
    return survey_file(work->options, &work->buffer, name, limit, ret,
                       work->reason);
}

static err_t failed(struct work *work, err_t err, const char *what,
                    uint64_t name) {
    int cause = errno;
    char path[SEGMENT_PATH_SIZE];
    segment_path(work->options->dir, name, SEGMENT_SUFFIX, path);
    errno = cause;
    return disk_failed(work->reason, err, what, path);
}

/* --- What is left of the journal ----------------------------------------- */

static err_t check_header(struct work *work, const struct survey *survey) {
    const struct segment_header *header = &survey->segment.header;
    TRY(owner_check(work->options, header, work->reason));
    if (work->incarnation != 0 &&
        memcmp(header->journal_id, work->journal_id, JOURNAL_ID_SIZE) != 0) {
        return no_rot(work, survey->name, "it belongs to another journal");
    }
    if (header->incarnation == 0 || header->incarnation < work->incarnation) {
        return no_rot(work, survey->name,
                      "its incarnation is lower than the one before");
    }
    memcpy(work->journal_id, header->journal_id, JOURNAL_ID_SIZE);
    work->incarnation = header->incarnation;
    return ERR_OK;
}

static err_t run_add(struct work *work, const struct frame_place *frame) {
    if (work->run_count > 0 &&
        work->runs[work->run_count - 1].end == frame->first) {
        work->runs[work->run_count - 1].end = frame->end;
        return ERR_OK;
    }
    struct run *more =
        realloc(work->runs, (work->run_count + 1) * sizeof *more);
    ENSURE(more != NULL, ERR_MEMORY);
    work->runs = more;
    work->runs[work->run_count++] = (struct run){frame->first, frame->end};
    return ERR_OK;
}

static err_t take_survey(struct work *work, const struct survey *survey) {
    if (survey->header_lost) {
        work->header_lost = true;
    } else {
        TRY(check_header(work, survey));
    }
    for (size_t i = 0; i < survey->count; i++) {
        TRY(run_add(work, &survey->frames[i]));
    }
    if (survey->went_to > work->went_to) {
        work->went_to = survey->went_to;
    }
    return ERR_OK;
}

static err_t survey_all(struct work *work) {
    size_t count = work->listing.segment_count;
    work->whole = calloc(count + 1, sizeof *work->whole);
    ENSURE(work->whole != NULL, ERR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        struct survey survey = {0};
        err_t err = survey_index(work, i, &survey);
        if (err == ERR_OK) {
            err = take_survey(work, &survey);
        }
        work->whole[i] = survey.whole;
        survey_free(&survey);
        TRY(err);
    }
    return ERR_OK;
}

/* --- Recording the gaps --------------------------------------------------- */

/* Announces a gap again if the record that announced it is lost, too, and never
 * reached the cloud. */
static void tell_again(struct work *work, uint64_t first, uint64_t end) {
    for (size_t i = 0; i < work->damage->count; i++) {
        struct journal_gap *gap = &work->damage->gaps[i];
        if (gap->told_at >= first && gap->told_at < end &&
            gap->told_at >= work->options->known_end) {
            gap->told_at = JOURNAL_UNTOLD;
        }
    }
}

static err_t gap_add(struct work *work, uint64_t first, uint64_t end) {
    if (damage_covers(work->damage, first, end)) {
        return ERR_OK;
    }
    tell_again(work, first, end);
    const struct journal_gap gap = {first, end, JOURNAL_UNTOLD};
    return damage_add(work->damage, gap);
}

/* Nothing is left, not even a record that is lost: only the name of an empty
 * file said where the journal was. That is kept as a gap before it, of a record
 * that was trimmed, so there is nothing to announce. */
static err_t keep_end(struct work *work) {
    uint64_t end = work->went_to;
    if (work->run_count > 0 || end == 0 ||
        damage_end(work->damage, end - 1) == end) {
        return ERR_OK;
    }
    const struct journal_gap gap = {end - 1, end, end - 1};
    return damage_add(work->damage, gap);
}

static err_t find_gaps(struct work *work) {
    uint64_t end = work->options->known_end;
    end = work->went_to > end ? work->went_to : end;
    for (size_t i = 0; i < work->damage->count; i++) {
        uint64_t known = work->damage->gaps[i].end;
        end = known > end ? known : end;
    }
    if (end > JOURNAL_END_MAX) {
        return no_rot(work, work->start, "no journal reaches its numbers");
    }
    work->went_to = end;
    uint64_t next = work->start;
    for (size_t i = 0; i < work->run_count; i++) {
        TRY(gap_add(work, next, work->runs[i].first));
        next = work->runs[i].end;
    }
    TRY(gap_add(work, next, end));
    return keep_end(work);
}

/* --- Changing the disk -------------------------------------------------- */

/* The page as it is, or zeros if it cannot be read. */
static err_t copy_page(struct work *work, int from, int to, uint64_t at,
                       size_t *ret_len) {
    const struct disk *disk = work->disk;
    uint8_t *page = work->buffer.data;
    err_t err = disk->read(disk->self, from, at, page, JOURNAL_PAGE, ret_len);
    if (err == ERR_IO) {
        memset(page, 0, JOURNAL_PAGE);
        *ret_len = JOURNAL_PAGE;
    } else {
        TRY(err);
    }
    return *ret_len == 0
               ? ERR_OK
               : disk->write(disk->self, to, at, slice_of(page, *ret_len));
}

static err_t copy_bytes(struct work *work, int from, int to) {
    const struct disk *disk = work->disk;
    uint64_t size;
    TRY(disk->size(disk->self, from, &size));
    size_t len = 0;
    for (uint64_t at = 0; at < size; at += len) {
        TRY(copy_page(work, from, to, at, &len));
        errno = EIO; /* the file has become shorter */
        ENSURE(len > 0, ERR_IO);
    }
    return disk->sync(disk->self, to);
}

static err_t copy_file(struct work *work, const char *from, const char *to) {
    const struct disk *disk = work->disk;
    int source;
    int copy;
    TRY(disk->open(disk->self, from, DISK_READ, &source));
    (void)disk->unlink(disk->self, to); /* of a start that was stopped */
    err_t err = disk->open(disk->self, to, DISK_CREATE, &copy);
    if (err == ERR_OK) {
        err = copy_bytes(work, source, copy);
        disk->close(disk->self, copy);
    }
    disk->close(disk->self, source);
    TRY(err);
    return disk->sync_dir(disk->self, work->options->dir);
}

static err_t set_aside(struct work *work, uint64_t name) {
    char from[SEGMENT_PATH_SIZE];
    char to[ROT_PATH_SIZE];
    segment_path(work->options->dir, name, SEGMENT_SUFFIX, from);
    snprintf(to, sizeof to, "%s/%020" PRIu64 "-%020" PRIu64 ".rot",
             work->options->dir, name, work->went_to);
    err_t err = copy_file(work, from, to);
    if (err != ERR_OK) {
        return failed(work, err, "set aside", name);
    }
    log_line(LOG_ERROR, "journal", "damaged file=%s set_aside=%s", from, to);
    return ERR_OK;
}

/* Writes the frames [from, to) as a segment of their own. They were sealed with
 * the file's salt, so the new one has it too. */
static err_t write_frames(struct work *work, const struct survey *survey,
                          size_t from, size_t to, const struct segment *copy) {
    uint64_t at = JOURNAL_PAGE;
    for (size_t i = from; i < to; i++) {
        struct segment_item item;
        TRY(segment_read(&survey->segment, survey->frames[i].offset,
                         &work->buffer, &item));
        errno = EIO; /* what could be read before cannot be read any more */
        ENSURE(item.type == SEGMENT_FRAME &&
                   item.head.first_seq == survey->frames[i].first,
               ERR_IO);
        TRY(work->disk->write(work->disk->self, copy->fd, at, item.frame));
        at += item.frame.len;
    }
    struct segment_seal seal = {.next_seq = survey->frames[to - 1].end};
    return segment_seal(copy, at, seal);
}

static err_t write_run(struct work *work, const struct survey *survey,
                       size_t from, size_t to) {
    const char *dir = work->options->dir;
    struct segment_header header = survey->segment.header;
    header.first_seq = survey->frames[from].first;
    char leftover[SEGMENT_PATH_SIZE];
    segment_path(dir, header.first_seq, SEGMENT_SUFFIX_TEMPORARY, leftover);
    (void)work->disk->unlink(work->disk->self, leftover);
    struct segment copy;
    TRY(segment_create(work->disk, dir, &header, 0, &copy, work->reason));
    err_t err = write_frames(work, survey, from, to, &copy);
    if (err != ERR_OK) {
        err = failed(work, err, "rewrite", survey->name);
        segment_discard(&copy, dir);
        return err;
    }
    TRY(segment_publish(&copy, dir, work->reason));
    segment_close(&copy);
    return ERR_OK;
}

static err_t remove_file(struct work *work, uint64_t name) {
    const struct disk *disk = work->disk;
    char path[SEGMENT_PATH_SIZE];
    segment_path(work->options->dir, name, SEGMENT_SUFFIX, path);
    err_t err = disk->unlink(disk->self, path);
    if (err == ERR_OK) {
        err = disk->sync_dir(disk->self, work->options->dir);
    }
    return err == ERR_OK ? ERR_OK : failed(work, err, "remove", name);
}

/* The last run first, so that the file itself is replaced last. */
static err_t write_runs(struct work *work, const struct survey *survey) {
    size_t to = survey->count;
    while (to > 0) {
        size_t from = to - 1;
        while (from > 0 &&
               survey->frames[from - 1].end == survey->frames[from].first) {
            from--;
        }
        TRY(write_run(work, survey, from, to));
        to = from;
    }
    bool replaced =
        survey->count > 0 && survey->frames[0].first == survey->name;
    return replaced ? ERR_OK : remove_file(work, survey->name);
}

static err_t repair_file(struct work *work, size_t index) {
    struct survey survey = {0};
    err_t err = survey_index(work, index, &survey);
    if (err == ERR_OK) {
        err = set_aside(work, survey.name);
    }
    if (err == ERR_OK) {
        err = write_runs(work, &survey);
    }
    survey_free(&survey);
    return err;
}

/* A number that no start has taken, whatever the lost header said. */
static void choose_incarnation(struct work *work) {
    uint32_t *floor = &work->damage->incarnation;
    if (!work->header_lost) {
        return;
    }
    uint32_t last = *floor > work->incarnation ? *floor : work->incarnation;
    uint32_t room = UINT32_MAX - 1 - last;
    *floor = last + (room < INCARNATIONS_LOST ? room : INCARNATIONS_LOST);
}

static bool all_whole(const struct work *work) {
    for (size_t i = 0; i < work->listing.segment_count; i++) {
        if (!work->whole[i]) {
            return false;
        }
    }
    return true;
}

static err_t run_steps(struct work *work) {
    TRY(segment_buffer_init(&work->buffer));
    TRY(listing_load(work->disk, work->options->dir, &work->listing,
                     work->reason));
    if (!work->options->whole && work->listing.segment_count > 0) {
        work->start = work->listing.segments[0];
    }
    TRY(survey_all(work));
    size_t known = work->damage->count;
    TRY(find_gaps(work));
    if (all_whole(work) && work->damage->count == known) {
        return ERR_OK; /* what could not be read before now can */
    }
    choose_incarnation(work);
    TRY(damage_save(work->disk, work->options->dir, work->damage,
                    work->reason));
    for (size_t i = work->listing.segment_count; i > 0; i--) {
        if (!work->whole[i - 1]) {
            TRY(repair_file(work, i - 1));
        }
    }
    return ERR_OK;
}

err_t quarantine_run(const struct journal_options *options,
                     struct damage *damage, struct reason *reason) {
    CLEANUP(work_free)
    struct work work = {
        .options = options,
        .disk = &options->platform->disk,
        .damage = damage,
        .reason = reason,
    };
    return run_steps(&work);
}
