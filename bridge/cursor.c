/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cursor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <xxhash.h>

#include "bridge/lane.h"

enum { SLOT_VERSION = 1, SLOT_SUMMED = 32, SLOT_OLD_SIZE = 40 };

enum { SLOT_ID_AT = 40, SLOT_NAME_AT = 56, SLOT_OWNER_SUMMED = 120 };

enum { SLOT_LANES_AT = 128, SLOT_LANES_SUMMED = 136 };

_Static_assert(SLOT_ID_AT + JOURNAL_ID_SIZE == SLOT_NAME_AT &&
                   SLOT_NAME_AT + JOURNAL_NAME_MAX == SLOT_OWNER_SUMMED &&
                   SLOT_OWNER_SUMMED + 8 == SLOT_LANES_AT &&
                   SLOT_LANES_SUMMED + 8 == CURSOR_SLOT_SIZE,
               "the slot is as it is drawn");

static const char SLOT_MAGIC[] = "SEDGECUR";

struct slot_content {
    uint64_t generation;
    uint64_t cursor;
};

static void slot_write(const struct cursor_file *file,
                       const struct slot_content *content,
                       uint8_t ret[CURSOR_SLOT_SIZE]) {
    struct writer writer = writer_over(ret, CURSOR_SLOT_SIZE);
    writer_str(&writer, SLOT_MAGIC);
    writer_u32(&writer, SLOT_VERSION);
    writer_u32(&writer, 0);
    writer_u64(&writer, content->generation);
    writer_u64(&writer, content->cursor);
    writer_u64(&writer, XXH3_64bits(ret, SLOT_SUMMED));
    struct slice name = slice_from_str(file->stream);
    writer_slice_add(&writer, slice_of(file->journal_id, JOURNAL_ID_SIZE));
    writer_slice_add(&writer, name);
    writer_fill(&writer, 0, JOURNAL_NAME_MAX - name.len);
    writer_u64(&writer, XXH3_64bits(ret, SLOT_OWNER_SUMMED));
    writer_u32(&writer, file->lanes);
    writer_u32(&writer, 0);
    writer_u64(&writer, XXH3_64bits(ret, SLOT_LANES_SUMMED));
    assert(!writer.full && writer.len == CURSOR_SLOT_SIZE);
}

/* ERR_CORRUPT if it does not verify, ERR_UNSUPPORTED if it does and its version
 * is not known here. */
static err_t slot_read(struct slice bytes, struct slot_content *ret) {
    struct cursor cursor = cursor_over(bytes);
    struct slice magic;
    uint32_t version;
    uint32_t zero;
    uint64_t sum;
    struct slot_content content;
    ENSURE(bytes.len >= SLOT_OLD_SIZE, ERR_CORRUPT);
    TRY(cursor_take(&cursor, sizeof SLOT_MAGIC - 1, &magic));
    TRY(cursor_u32(&cursor, &version));
    TRY(cursor_u32(&cursor, &zero));
    TRY(cursor_u64(&cursor, &content.generation));
    TRY(cursor_u64(&cursor, &content.cursor));
    TRY(cursor_u64(&cursor, &sum));
    ENSURE(slice_eq_str(magic, SLOT_MAGIC), ERR_CORRUPT);
    ENSURE(sum == XXH3_64bits(bytes.data, SLOT_SUMMED), ERR_CORRUPT);
    ENSURE(version == SLOT_VERSION && zero == 0, ERR_UNSUPPORTED);
    ENSURE(content.cursor <= JOURNAL_END_MAX, ERR_CORRUPT);
    *ret = content;
    return ERR_OK;
}

/* Did whoever wrote it know of what is before `summed`, too? */
static bool slot_has(struct slice bytes, size_t summed) {
    struct cursor cursor = cursor_over(bytes);
    uint64_t sum;
    cursor.at = summed;
    return bytes.len >= summed + sizeof sum &&
           cursor_u64(&cursor, &sum) == ERR_OK &&
           sum == XXH3_64bits(bytes.data, summed);
}

/* Of a good slot; 0 if it does not say. */
static uint32_t slot_lanes(struct slice bytes) {
    struct cursor cursor = cursor_over(bytes);
    uint32_t lanes = 0;
    cursor.at = SLOT_LANES_AT;
    return slot_has(bytes, SLOT_LANES_SUMMED) &&
                   cursor_u32(&cursor, &lanes) == ERR_OK && lanes <= LANES_MAX
               ? lanes
               : 0;
}

/* Does a good slot name somebody else? */
static bool slot_is_foreign(struct slice bytes,
                            const struct cursor_owner *owner) {
    if (!slot_has(bytes, SLOT_OWNER_SUMMED)) {
        return false; /* an older program's */
    }
    char name[JOURNAL_NAME_MAX + 1] = "";
    memcpy(name, bytes.data + SLOT_NAME_AT, JOURNAL_NAME_MAX);
    return strcmp(name, owner->stream) != 0 ||
           (owner->journal_id != NULL &&
            memcmp(bytes.data + SLOT_ID_AT, owner->journal_id,
                   JOURNAL_ID_SIZE) != 0);
}

/* The newer of the two slots that verify. */
static err_t read_slots(struct cursor_file *file,
                        const struct cursor_owner *owner,
                        enum cursor_found *ret_found) {
    bool any_bytes = false;
    bool any_good = false;
    bool foreign = false;
    for (uint64_t i = 0; i < 2; i++) {
        uint8_t bytes[CURSOR_SLOT_SIZE];
        size_t len = 0;
        TRY(file->disk->read(file->disk->self, file->fd,
                             file->base + i * CURSOR_SLOT_APART, bytes,
                             sizeof bytes, &len));
        any_bytes = any_bytes || len > 0;
        struct slot_content content;
        err_t err = slot_read(slice_of(bytes, len), &content);
        ENSURE(err != ERR_UNSUPPORTED, err);
        if (err == ERR_OK &&
            (!any_good || content.generation > file->generation)) {
            any_good = true;
            file->generation = content.generation;
            file->saved = content.cursor;
            file->lanes = slot_lanes(slice_of(bytes, len));
            foreign = slot_is_foreign(slice_of(bytes, len), owner);
        }
    }
    file->known = any_good && !foreign;
    *ret_found = foreign                  ? CURSOR_FOREIGN
                 : any_bytes && !any_good ? CURSOR_DAMAGED
                                          : CURSOR_GOOD;
    return ERR_OK;
}

static err_t open_or_create(struct cursor_file *file, const char *dir) {
    const struct disk *disk = file->disk;
    err_t err = disk->open(disk->self, file->path, DISK_WRITE, &file->fd);
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    TRY(disk->open(disk->self, file->path, DISK_CREATE, &file->fd));
    err = disk->sync_dir(disk->self, dir);
    if (err != ERR_OK) {
        disk->close(disk->self, file->fd);
    }
    return err;
}

static err_t read_failed(struct cursor_file *file, err_t err,
                         struct reason *reason) {
    int cause = errno;
    cursor_file_close(file);
    errno = cause;
    return err == ERR_UNSUPPORTED
               ? reason_set(reason, err,
                            "%s was written by a newer version of this "
                            "program: run that version",
                            file->path)
               : disk_failed(reason, err, "read", file->path);
}

static err_t open_and_read(struct cursor_file *file, const char *dir,
                           const struct cursor_owner *owner,
                           enum cursor_found *ret_found,
                           struct reason *reason) {
    file->generation = 0;
    file->saved = 0;
    file->lanes = 0;
    file->known = false;
    err_t err = open_or_create(file, dir);
    if (err != ERR_OK) {
        file->fd = -1;
        return disk_failed(reason, err, "open", file->path);
    }
    err = read_slots(file, owner, ret_found);
    return err == ERR_OK ? ERR_OK : read_failed(file, err, reason);
}

/* A later one takes the place of an earlier one. */
static err_t set_aside(struct cursor_file *file, const char *dir,
                       struct reason *reason) {
    const struct disk *disk = file->disk;
    char aside[sizeof file->path + sizeof ".other"];
    snprintf(aside, sizeof aside, "%s.other", file->path);
    cursor_file_close(file);
    err_t err = disk->rename(disk->self, file->path, aside);
    if (err == ERR_OK) {
        err = disk->sync_dir(disk->self, dir);
    }
    return err == ERR_OK ? ERR_OK
                         : disk_failed(reason, err, "set aside", file->path);
}

err_t cursor_file_open(struct cursor_file *file, const struct disk *disk,
                       const char *dir, const struct cursor_owner *owner,
                       enum cursor_found *ret_found, struct reason *reason) {
    assert(owner->journal_id != NULL);
    *file = (struct cursor_file){.disk = disk, .fd = -1};
    snprintf(file->path, sizeof file->path, "%s/cursor", dir);
    memcpy(file->journal_id, owner->journal_id, JOURNAL_ID_SIZE);
    snprintf(file->stream, sizeof file->stream, "%s", owner->stream);
    TRY(open_and_read(file, dir, owner, ret_found, reason));
    if (*ret_found != CURSOR_FOREIGN) {
        return ERR_OK;
    }
    TRY(set_aside(file, dir, reason));
    enum cursor_found none;
    return open_and_read(file, dir, owner, &none, reason);
}

/* --- several streams in one file ---------------------------------------- */

static err_t open_shared(struct cursor_file *file) {
    const struct disk *disk = file->disk;
    err_t err = disk->open(disk->self, file->path, DISK_WRITE, &file->fd);
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    TRY(disk->open(disk->self, file->path, DISK_CREATE, &file->fd));
    return disk_sync_parent(disk, file->path);
}

/* The stream's slots, by its name alone, else the first that are free. */
static err_t find_slots(struct cursor_file *file, const char *stream) {
    const struct cursor_owner any = {NULL, stream};
    uint64_t free_at = UINT64_MAX;
    for (uint64_t i = 0; i < CURSOR_SHARED_MAX; i++) {
        enum cursor_found found;
        file->base = i * 2 * CURSOR_SLOT_APART;
        TRY(read_slots(file, &any, &found));
        if (file->known) {
            return ERR_OK;
        }
        if (found == CURSOR_GOOD && free_at == UINT64_MAX) {
            free_at = file->base;
        }
    }
    assert(free_at == UINT64_MAX || free_at % (2L * CURSOR_SLOT_APART) == 0);
    file->base = free_at;
    return free_at == UINT64_MAX ? ERR_FULL : ERR_OK;
}

static err_t take_slots(struct cursor_file *file,
                        const struct cursor_owner *owner,
                        struct reason *reason) {
    enum cursor_found found;
    err_t err = open_shared(file);
    if (err == ERR_OK) {
        err = find_slots(file, owner->stream);
    }
    if (err == ERR_OK) {
        file->generation = 0;
        file->saved = 0;
        file->lanes = 0; /* another stream's, so far */
        err = read_slots(file, owner, &found);
    }
    if (err != ERR_OK) {
        return read_failed(file, err, reason);
    }
    return found != CURSOR_FOREIGN
               ? ERR_OK
               : reason_set(reason, ERR_REFUSED,
                            "%s says how far another journal of stream %s was "
                            "sent: give this one a file of its own",
                            file->path, owner->stream);
}

err_t cursor_file_open_shared(struct cursor_file *file, const struct disk *disk,
                              const char *path,
                              const struct cursor_owner *owner,
                              struct reason *reason) {
    assert(owner->journal_id != NULL);
    *file = (struct cursor_file){.disk = disk, .fd = -1};
    if (slice_to_str(slice_from_str(path), file->path, sizeof file->path) !=
        ERR_OK) {
        return reason_set(reason, ERR_RANGE, "%s: the path is too long", path);
    }
    memcpy(file->journal_id, owner->journal_id, JOURNAL_ID_SIZE);
    snprintf(file->stream, sizeof file->stream, "%s", owner->stream);
    err_t err = take_slots(file, owner, reason);
    if (err != ERR_OK) {
        cursor_file_close(file);
    }
    return err;
}

err_t cursor_file_peek(const struct disk *disk, const char *dir,
                       const struct cursor_owner *owner, uint64_t *ret,
                       bool *ret_known, struct reason *reason) {
    struct cursor_file file = {.disk = disk, .fd = -1};
    snprintf(file.path, sizeof file.path, "%s/cursor", dir);
    enum cursor_found found;
    err_t err = disk->open(disk->self, file.path, DISK_READ, &file.fd);
    if (err == ERR_NOT_FOUND) {
        *ret = 0;
        *ret_known = false;
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = read_slots(&file, owner, &found);
    } else {
        file.fd = -1;
    }
    if (err != ERR_OK) {
        return read_failed(&file, err, reason);
    }
    cursor_file_close(&file);
    *ret = found == CURSOR_FOREIGN ? 0 : file.saved;
    *ret_known = file.known;
    return ERR_OK;
}

err_t cursor_file_save(struct cursor_file *file, uint64_t cursor,
                       struct reason *reason) {
    const struct disk *disk = file->disk;
    uint8_t bytes[CURSOR_SLOT_SIZE];
    struct slot_content content = {file->generation + 1, cursor};
    slot_write(file, &content, bytes);
    uint64_t offset = file->base + content.generation % 2 * CURSOR_SLOT_APART;
    err_t err = disk->write(disk->self, file->fd, offset,
                            slice_of(bytes, sizeof bytes));
    if (err == ERR_OK) {
        err = disk->sync(disk->self, file->fd);
    }
    if (err != ERR_OK) {
        return disk_failed(reason, err, "save", file->path);
    }
    TRY(disk_check_place(disk, file->path, file->fd, reason));
    file->generation = content.generation;
    file->saved = cursor;
    file->known = true;
    return ERR_OK;
}

void cursor_file_close(struct cursor_file *file) {
    if (file->fd >= 0) {
        file->disk->close(file->disk->self, file->fd);
    }
    file->fd = -1;
}
