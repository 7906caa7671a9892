/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/damage.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "gateway/journal/segment.h"

enum {
    DAMAGE_VERSION = 2,
    DAMAGE_VERSION_OLDEST = 1, /* that is read */
    DAMAGE_HEAD_SIZE = 20,
    DAMAGE_GAP_SIZE = 24,
    DAMAGE_SUM_SIZE = 8,
};

static const char DAMAGE_MAGIC[] = "SEDGEROT";

static void damage_path(const char *dir, const char *suffix, char *ret) {
    snprintf(ret, SEGMENT_PATH_SIZE, "%s/damage%s", dir, suffix);
}

void damage_free(struct damage *damage) {
    free(damage->gaps);
    *damage = (struct damage){0};
}

/* --- The list --- */

static err_t insert(struct damage *damage, size_t at, struct journal_gap gap) {
    struct journal_gap *gaps =
        realloc(damage->gaps, (damage->count + 1) * sizeof *gaps);
    ENSURE(gaps != NULL, ERR_MEMORY);
    memmove(gaps + at + 1, gaps + at, (damage->count - at) * sizeof *gaps);
    gaps[at] = gap;
    damage->gaps = gaps;
    damage->count++;
    return ERR_OK;
}

err_t damage_add(struct damage *damage, struct journal_gap gap) {
    size_t at = 0;
    while (gap.first < gap.end) {
        while (at < damage->count && damage->gaps[at].end <= gap.first) {
            at++;
        }
        struct journal_gap piece = gap;
        if (at < damage->count && damage->gaps[at].first < gap.end) {
            piece.end = damage->gaps[at].first;
            gap.first = damage->gaps[at].end;
        } else {
            gap.first = gap.end;
        }
        if (piece.first < piece.end) {
            TRY(insert(damage, at, piece));
        }
    }
    return ERR_OK;
}

uint64_t damage_end(const struct damage *damage, uint64_t seq) {
    for (size_t i = 0; i < damage->count; i++) {
        const struct journal_gap *gap = &damage->gaps[i];
        if (gap->first <= seq && seq < gap->end) {
            seq = gap->end;
        }
    }
    return seq;
}

bool damage_covers(const struct damage *damage, uint64_t first, uint64_t end) {
    return first == end || (first < end && damage_end(damage, first) >= end);
}

/* --- The file --- */

static err_t parse_gaps(struct cursor *cursor, uint32_t count,
                        struct damage *ret) {
    for (uint32_t i = 0; i < count; i++) {
        struct journal_gap gap;
        TRY(cursor_u64(cursor, &gap.first));
        TRY(cursor_u64(cursor, &gap.end));
        ENSURE(gap.end <= JOURNAL_SEQ_MAX, ERR_CORRUPT);
        /* Version 1 says where the journal ended when the gap was noticed.
         * The batch that announced it begins there, if there is one. If that
         * record never came, damage_settle() removes the mark. */
        TRY(cursor_u64(cursor, &gap.told_at));
        TRY(damage_add(ret, gap));
    }
    return ERR_OK;
}

/* ERR_PARSE, ERR_CORRUPT if it does not verify; ERR_UNSUPPORTED if it verifies
 * and is from a newer version. */
static err_t parse(struct slice bytes, struct damage *ret) {
    struct cursor cursor = cursor_over(bytes);
    struct slice magic;
    uint32_t version;
    uint32_t count;
    ENSURE(bytes.len >= DAMAGE_HEAD_SIZE + DAMAGE_SUM_SIZE, ERR_PARSE);
    struct cursor end = cursor_over(
        slice_part(bytes, bytes.len - DAMAGE_SUM_SIZE, DAMAGE_SUM_SIZE));
    uint64_t sum;
    TRY(cursor_u64(&end, &sum));
    ENSURE(sum == XXH3_64bits(bytes.data, bytes.len - DAMAGE_SUM_SIZE),
           ERR_CORRUPT);
    TRY(cursor_take(&cursor, sizeof DAMAGE_MAGIC - 1, &magic));
    TRY(cursor_u32(&cursor, &version));
    TRY(cursor_u32(&cursor, &ret->incarnation));
    TRY(cursor_u32(&cursor, &count));
    ENSURE(slice_eq_str(magic, DAMAGE_MAGIC), ERR_CORRUPT);
    ENSURE(version >= DAMAGE_VERSION_OLDEST && version <= DAMAGE_VERSION,
           ERR_UNSUPPORTED);
    return parse_gaps(&cursor, count, ret);
}

static err_t load(const struct disk *disk, const char *path,
                  struct damage *ret) {
    uint8_t *bytes = NULL;
    size_t len;
    TRY(disk_read_whole(disk, path, &bytes, &len));
    err_t err = parse(slice_of(bytes, len), ret);
    free(bytes);
    return err;
}

err_t damage_load(const struct disk *disk, const char *dir, struct damage *ret,
                  struct reason *reason) {
    char path[SEGMENT_PATH_SIZE];
    damage_path(dir, "", path);
    struct damage damage = {0};
    err_t err = load(disk, path, &damage);
    if (err == ERR_OK) {
        *ret = damage;
        return ERR_OK;
    }
    int cause = errno;
    damage_free(&damage);
    errno = cause;
    if (err == ERR_CORRUPT || err == ERR_PARSE) {
        log_line(LOG_ERROR, "journal",
                 "damage=unreadable path=%s; searching again for the damage "
                 "that it listed",
                 path);
    } else if (err == ERR_UNSUPPORTED) {
        return reason_set(reason, err,
                          "%s was written by a newer version of this program: "
                          "run that version",
                          path);
    } else if (err != ERR_NOT_FOUND) {
        return disk_failed(reason, err, "read", path);
    }
    *ret = (struct damage){0};
    return ERR_OK;
}

static void render(const struct damage *damage, struct writer *writer) {
    writer_str(writer, DAMAGE_MAGIC);
    writer_u32(writer, DAMAGE_VERSION);
    writer_u32(writer, damage->incarnation);
    writer_u32(writer, (uint32_t)damage->count);
    for (size_t i = 0; i < damage->count; i++) {
        writer_u64(writer, damage->gaps[i].first);
        writer_u64(writer, damage->gaps[i].end);
        writer_u64(writer, damage->gaps[i].told_at);
    }
    writer_u64(writer, XXH3_64bits(writer->data, writer->len));
}

err_t damage_save(const struct disk *disk, const char *dir,
                  const struct damage *damage, struct reason *reason) {
    size_t size =
        DAMAGE_HEAD_SIZE + damage->count * DAMAGE_GAP_SIZE + DAMAGE_SUM_SIZE;
    uint8_t *bytes = malloc(size);
    ENSURE(bytes != NULL, ERR_MEMORY);
    struct writer writer = writer_over(bytes, size);
    render(damage, &writer);
    char path[SEGMENT_PATH_SIZE];
    char making[SEGMENT_PATH_SIZE];
    damage_path(dir, "", path);
    damage_path(dir, ".new", making);
    const struct slice whole = writer_slice(&writer);
    err_t err = disk_replace(disk, dir, making, path, &whole, 1);
    if (err != ERR_OK) {
        (void)disk_failed(reason, err, "write", path);
    }
    free(bytes);
    return err;
}

/* --- Changing it --- */

/* A copy with the gap added, if `gap` is not NULL. */
static err_t copy_with(const struct damage *damage,
                       const struct journal_gap *gap, struct damage *ret) {
    *ret = (struct damage){.incarnation = damage->incarnation};
    for (size_t i = 0; i < damage->count; i++) {
        TRY(damage_add(ret, damage->gaps[i]));
    }
    return gap == NULL ? ERR_OK : damage_add(ret, *gap);
}

/* Replaces `*damage` by `*next`, on the disk first. Takes over `*next` in
 * either case. */
static err_t replace(const struct disk *disk, const char *dir,
                     struct damage *damage, struct damage *next,
                     struct reason *reason) {
    err_t err = damage_save(disk, dir, next, reason);
    if (err != ERR_OK) {
        damage_free(next);
        return err;
    }
    damage_free(damage);
    *damage = *next;
    return ERR_OK;
}

err_t damage_note(const struct disk *disk, const char *dir,
                  struct damage *damage, struct journal_gap gap,
                  struct reason *reason) {
    if (damage_covers(damage, gap.first, gap.end)) {
        return ERR_OK;
    }
    struct damage next;
    err_t err = copy_with(damage, &gap, &next);
    if (err != ERR_OK) {
        damage_free(&next);
        return reason_set(reason, err, "no memory for a list of damage");
    }
    return replace(disk, dir, damage, &next, reason);
}

static struct journal_gap *find(struct damage *damage,
                                const struct journal_gap *gap) {
    for (size_t i = 0; i < damage->count; i++) {
        struct journal_gap *known = &damage->gaps[i];
        if (known->first == gap->first && known->end == gap->end) {
            return known;
        }
    }
    return NULL;
}

err_t damage_mark(const struct disk *disk, const char *dir,
                  struct damage *damage, const struct journal_gap *told,
                  size_t count, struct reason *reason) {
    if (count == 0) {
        return ERR_OK;
    }
    struct damage next;
    err_t err = copy_with(damage, NULL, &next);
    if (err != ERR_OK) {
        damage_free(&next);
        return reason_set(reason, err, "no memory for a list of damage");
    }
    for (size_t i = 0; i < count; i++) {
        struct journal_gap *gap = find(&next, &told[i]);
        assert(gap != NULL);
        gap->told_at = told[i].told_at;
    }
    return replace(disk, dir, damage, &next, reason);
}

err_t damage_settle(const struct disk *disk, const char *dir,
                    struct damage *damage, uint64_t next_seq,
                    struct reason *reason) {
    bool changed = false;
    for (size_t i = 0; i < damage->count; i++) {
        struct journal_gap *gap = &damage->gaps[i];
        if (journal_gap_is_told(gap) && gap->told_at >= next_seq) {
            gap->told_at = JOURNAL_UNTOLD;
            changed = true;
        }
    }
    return changed ? damage_save(disk, dir, damage, reason) : ERR_OK;
}
