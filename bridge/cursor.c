/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cursor.h"

#include <errno.h>
#include <stdio.h>
#include <xxhash.h>

#include "gateway/journal/format.h"

enum { SLOT_VERSION = 1, SLOT_SUMMED = 32 };

static const char SLOT_MAGIC[] = "SEDGECUR";

struct slot_content {
    uint64_t generation;
    uint64_t cursor;
};

static void slot_write(const struct slot_content *content,
                       uint8_t ret[CURSOR_SLOT_SIZE]) {
    struct writer writer = writer_over(ret, CURSOR_SLOT_SIZE);
    writer_str(&writer, SLOT_MAGIC);
    writer_u32(&writer, SLOT_VERSION);
    writer_u32(&writer, 0);
    writer_u64(&writer, content->generation);
    writer_u64(&writer, content->cursor);
    writer_u64(&writer, XXH3_64bits(ret, SLOT_SUMMED));
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
    ENSURE(bytes.len == CURSOR_SLOT_SIZE, ERR_CORRUPT);
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

/* The newer of the two slots that verify. */
static err_t read_slots(struct cursor_file *file, bool *ret_damaged) {
    bool any_bytes = false;
    bool any_good = false;
    for (uint64_t i = 0; i < 2; i++) {
        uint8_t bytes[CURSOR_SLOT_SIZE];
        size_t len = 0;
        TRY(file->disk->read(file->disk->self, file->fd, i * CURSOR_SLOT_APART,
                             bytes, sizeof bytes, &len));
        any_bytes = any_bytes || len > 0;
        struct slot_content content;
        err_t err = slot_read(slice_of(bytes, len), &content);
        ENSURE(err != ERR_UNSUPPORTED, err);
        if (err == ERR_OK &&
            (!any_good || content.generation > file->generation)) {
            any_good = true;
            file->generation = content.generation;
            file->saved = content.cursor;
        }
    }
    *ret_damaged = any_bytes && !any_good;
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

err_t cursor_file_open(struct cursor_file *file, const struct disk *disk,
                       const char *dir, bool *ret_damaged,
                       struct reason *reason) {
    *file = (struct cursor_file){.disk = disk, .fd = -1};
    snprintf(file->path, sizeof file->path, "%s/cursor", dir);
    err_t err = open_or_create(file, dir);
    if (err != ERR_OK) {
        file->fd = -1;
        return disk_failed(reason, err, "open", file->path);
    }
    err = read_slots(file, ret_damaged);
    if (err != ERR_OK) {
        return read_failed(file, err, reason);
    }
    return ERR_OK;
}

err_t cursor_file_peek(const struct disk *disk, const char *dir, uint64_t *ret,
                       struct reason *reason) {
    struct cursor_file file = {.disk = disk, .fd = -1};
    snprintf(file.path, sizeof file.path, "%s/cursor", dir);
    bool damaged;
    err_t err = disk->open(disk->self, file.path, DISK_READ, &file.fd);
    if (err == ERR_NOT_FOUND) {
        *ret = 0;
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = read_slots(&file, &damaged);
    } else {
        file.fd = -1;
    }
    if (err != ERR_OK) {
        return read_failed(&file, err, reason);
    }
    cursor_file_close(&file);
    *ret = file.saved;
    return ERR_OK;
}

err_t cursor_file_save(struct cursor_file *file, uint64_t cursor,
                       struct reason *reason) {
    const struct disk *disk = file->disk;
    uint8_t bytes[CURSOR_SLOT_SIZE];
    struct slot_content content = {file->generation + 1, cursor};
    slot_write(&content, bytes);
    uint64_t offset = content.generation % 2 * CURSOR_SLOT_APART;
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
    return ERR_OK;
}

void cursor_file_close(struct cursor_file *file) {
    if (file->fd >= 0) {
        file->disk->close(file->disk->self, file->fd);
    }
    file->fd = -1;
}
