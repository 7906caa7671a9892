/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/segment.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NAME_DIGITS = 20,
    BUFFER_START = 64 * 1024, /* and what an idle one keeps */
    BUFFER_IDLE_MAX = 256 * 1024,
};

void segment_path(const char *dir, uint64_t first_seq, const char *suffix,
                  char *ret) {
    int len = snprintf(ret, SEGMENT_PATH_SIZE, "%s/%020" PRIu64 "%s", dir,
                       first_seq, suffix);
    assert(len > 0 && len < SEGMENT_PATH_SIZE);
}

bool segment_name_read(const char *name, const char *suffix,
                       uint64_t *ret_first_seq) {
    if (strspn(name, "0123456789") != NAME_DIGITS ||
        strcmp(name + NAME_DIGITS, suffix) != 0) {
        return false;
    }
    errno = 0;
    uint64_t value = strtoull(name, NULL, 10);
    if (errno != 0) {
        return false;
    }
    *ret_first_seq = value;
    return true;
}

static err_t header_refused(struct reason *reason, err_t err,
                            uint64_t first_seq, uint16_t version) {
    if (err == ERR_UNSUPPORTED) {
        return reason_set(reason, err,
                          "%020" PRIu64 "%s has journal format %u, and this "
                          "program knows %d: run a newer version",
                          first_seq, SEGMENT_SUFFIX, version, SEGMENT_FORMAT);
    }
    return reason_set(reason, err,
                      "%020" PRIu64
                      "%s is damaged at byte 0: its header does not verify",
                      first_seq, SEGMENT_SUFFIX);
}

static err_t header_load(struct segment *segment, const char *path,
                         uint64_t first_seq, struct reason *reason) {
    const struct disk *disk = segment->disk;
    uint8_t page[JOURNAL_PAGE];
    size_t len;
    err_t err = disk->read(disk->self, segment->fd, 0, page, sizeof page, &len);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "read", path);
    }
    uint16_t version = 0;
    err = segment_header_read(slice_of(page, len), &segment->header, &version);
    if (err == ERR_OK && segment->header.first_seq != first_seq) {
        return reason_set(reason, ERR_CORRUPT,
                          "the header of %020" PRIu64 "%s says that it begins "
                          "with record %" PRIu64 ": was it renamed?",
                          first_seq, SEGMENT_SUFFIX, segment->header.first_seq);
    }
    if (err != ERR_OK) {
        return header_refused(reason, err, first_seq, version);
    }
    return ERR_OK;
}

err_t segment_open(const struct disk *disk, const char *dir, uint64_t first_seq,
                   enum disk_open how, struct segment *ret,
                   struct reason *reason) {
    return segment_open_as(disk, dir, first_seq, SEGMENT_SUFFIX, how, ret,
                           reason);
}

err_t segment_open_as(const struct disk *disk, const char *dir,
                      uint64_t first_seq, const char *suffix,
                      enum disk_open how, struct segment *ret,
                      struct reason *reason) {
    char path[SEGMENT_PATH_SIZE];
    segment_path(dir, first_seq, suffix, path);
    struct segment segment = {.disk = disk};
    err_t err = disk->open(disk->self, path, how, &segment.fd);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "open", path);
    }
    err = header_load(&segment, path, first_seq, reason);
    if (err != ERR_OK) {
        segment_close(&segment);
        return err;
    }
    *ret = segment;
    return ERR_OK;
}

void segment_close(struct segment *segment) {
    if (segment->disk != NULL) {
        segment->disk->close(segment->disk->self, segment->fd);
        segment->disk = NULL;
    }
}

static err_t header_store(const struct segment *segment, uint64_t size) {
    const struct disk *disk = segment->disk;
    if (size > 0) {
        TRY(disk->allocate(disk->self, segment->fd, size));
    }
    uint8_t page[JOURNAL_PAGE];
    segment_header_write(&segment->header, page);
    return disk->write(disk->self, segment->fd, 0, slice_of(page, sizeof page));
}

/* Its name until it is published. */
static void making_path(const struct segment *segment, const char *dir,
                        char *ret) {
    if (segment->recycled) {
        segment_path(dir, segment->spare_number, SEGMENT_SUFFIX_SPARE, ret);
    } else {
        segment_path(dir, segment->header.first_seq, SEGMENT_SUFFIX_TEMPORARY,
                     ret);
    }
}

/* Creates the file of `segment`, whose other fields are set. */
static err_t make(struct segment *segment, const char *dir, enum disk_open how,
                  uint64_t size, struct reason *reason) {
    const struct disk *disk = segment->disk;
    char path[SEGMENT_PATH_SIZE];
    making_path(segment, dir, path);
    err_t err = disk->open(disk->self, path, how, &segment->fd);
    if (err != ERR_OK) {
        return disk_failed(reason, err, how == DISK_CREATE ? "create" : "open",
                           path);
    }
    err = header_store(segment, size);
    if (err != ERR_OK) {
        (void)disk_failed(reason, err, "write", path);
        segment_discard(segment, dir);
    }
    return err;
}

err_t segment_create(const struct disk *disk, const char *dir,
                     const struct segment_header *header, uint64_t size,
                     struct segment *ret, struct reason *reason) {
    struct segment segment = {.disk = disk, .header = *header};
    TRY(make(&segment, dir, DISK_CREATE, size, reason));
    *ret = segment;
    return ERR_OK;
}

err_t segment_recycle(const struct disk *disk, const char *dir,
                      const struct segment_header *header,
                      uint64_t spare_number, struct segment *ret,
                      struct reason *reason) {
    struct segment segment = {.disk = disk,
                              .header = *header,
                              .recycled = true,
                              .spare_number = spare_number};
    TRY(make(&segment, dir, DISK_WRITE, 0, reason));
    *ret = segment;
    return ERR_OK;
}

err_t segment_publish(struct segment *segment, const char *dir,
                      struct reason *reason) {
    const struct disk *disk = segment->disk;
    char from[SEGMENT_PATH_SIZE];
    char to[SEGMENT_PATH_SIZE];
    making_path(segment, dir, from);
    segment_path(dir, segment->header.first_seq, SEGMENT_SUFFIX, to);
    err_t err = disk->sync(disk->self, segment->fd);
    if (err == ERR_OK) {
        err = disk->rename(disk->self, from, to);
    }
    if (err != ERR_OK) {
        (void)disk_failed(reason, err, "sync and rename", from);
        segment_discard(segment, dir);
        return err;
    }
#ifndef EDGE_CONTROL_SKIP_DIR_SYNC
    err = disk->sync_dir(disk->self, dir);
#endif
    if (err != ERR_OK) {
        (void)disk_failed(reason, err, "sync the directory of", to);
        segment_close(segment);
    }
    return err;
}

void segment_discard(struct segment *segment, const char *dir) {
    const struct disk *disk = segment->disk;
    char path[SEGMENT_PATH_SIZE];
    making_path(segment, dir, path);
    segment_close(segment);
    /* If it cannot be removed, the next open will, or keeps it as a spare. */
    (void)disk->unlink(disk->self, path);
}

err_t segment_seal(const struct segment *segment, uint64_t offset,
                   struct segment_seal seal) {
    assert(offset % FRAME_ALIGN == 0 && offset >= JOURNAL_PAGE);
    const struct disk *disk = segment->disk;
    uint8_t page[JOURNAL_PAGE];
    segment_seal_write(&seal, segment->header.salt, page);
    TRY(disk->write(disk->self, segment->fd, offset,
                    slice_of(page, sizeof page)));
    TRY(disk->sync(disk->self, segment->fd));
    /* Not synced: what follows a seal is not looked at, and a change of size
     * would cost the file system its own transaction. */
    return disk->truncate(disk->self, segment->fd, offset + JOURNAL_PAGE);
}

err_t segment_buffer_init(struct segment_buffer *buffer) {
    buffer->data = malloc(BUFFER_START);
    ENSURE(buffer->data != NULL, ERR_MEMORY);
    buffer->cap = BUFFER_START;
    return ERR_OK;
}

void segment_buffer_free(struct segment_buffer *buffer) {
    free(buffer->data);
    *buffer = (struct segment_buffer){0};
}

static err_t buffer_grow(struct segment_buffer *buffer, size_t len) {
    if (len <= buffer->cap) {
        return ERR_OK;
    }
    uint8_t *data = realloc(buffer->data, len);
    ENSURE(data != NULL, ERR_MEMORY);
    buffer->data = data;
    buffer->cap = len;
    return ERR_OK;
}

void segment_buffer_shrink(struct segment_buffer *buffer) {
    if (buffer->cap <= BUFFER_IDLE_MAX) {
        return;
    }
    uint8_t *data = realloc(buffer->data, BUFFER_START);
    if (data != NULL) {
        buffer->data = data;
        buffer->cap = BUFFER_START;
    }
}

/* Reads the whole of the frame whose first page is in the buffer. The size that
 * its head claims is checked against the file before memory is allocated for
 * it. */
static err_t frame_load(const struct segment *segment, uint64_t offset,
                        const struct frame_head *head,
                        struct segment_buffer *buffer, struct slice *ret) {
    const struct disk *disk = segment->disk;
    uint64_t len = frame_size(head->events_len);
    if (len > JOURNAL_PAGE) {
        uint64_t size;
        TRY(disk->size(disk->self, segment->fd, &size));
        ENSURE(offset < size && len <= size - offset, ERR_PARSE);
        TRY(buffer_grow(buffer, (size_t)len));
        size_t rest = (size_t)len - JOURNAL_PAGE;
        size_t got;
        TRY(disk->read(disk->self, segment->fd, offset + JOURNAL_PAGE,
                       buffer->data + JOURNAL_PAGE, rest, &got));
        ENSURE(got == rest, ERR_PARSE);
    }
    *ret = slice_of(buffer->data, (size_t)len);
    return ERR_OK;
}

static err_t frame_read(const struct segment *segment, uint64_t offset,
                        struct segment_buffer *buffer,
                        struct segment_item *item) {
    struct slice page = slice_of(buffer->data, JOURNAL_PAGE);
    TRY(frame_parse(page, &item->head));
    ENSURE(item->head.incarnation == segment->header.incarnation, ERR_PARSE);
    TRY(frame_load(segment, offset, &item->head, buffer, &item->frame));
    ENSURE(frame_verify(item->frame, &item->head, segment->header.salt),
           ERR_PARSE);
    item->type = SEGMENT_FRAME;
    return ERR_OK;
}

err_t segment_read(const struct segment *segment, uint64_t offset,
                   struct segment_buffer *buffer, struct segment_item *ret) {
    assert(offset % FRAME_ALIGN == 0);
    assert(buffer->cap >= JOURNAL_PAGE);
    const struct disk *disk = segment->disk;
    struct segment_item item = {.type = SEGMENT_NOTHING};
    size_t len;
    TRY(disk->read(disk->self, segment->fd, offset, buffer->data, JOURNAL_PAGE,
                   &len));
    struct slice page = slice_of(buffer->data, len);
    if (segment_seal_read(page, segment->header.salt, &item.seal)) {
        item.type = SEGMENT_SEAL;
    } else if (len == JOURNAL_PAGE) {
        err_t err = frame_read(segment, offset, buffer, &item);
        ENSURE(err == ERR_OK || err == ERR_PARSE, err);
    }
    *ret = item;
    return ERR_OK;
}
