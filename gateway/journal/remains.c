/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/remains.h"

#include "gateway/journal/segment.h"

enum { PIECE = 64 * 1024 };

static int64_t first_us(const struct segment *segment) {
    struct segment_buffer buffer;
    struct segment_item item;
    if (segment_buffer_init(&buffer) != ERR_OK) {
        return 0;
    }
    err_t err = segment_read(segment, JOURNAL_PAGE, &buffer, &item);
    segment_buffer_free(&buffer);
    return err == ERR_OK && item.type == SEGMENT_FRAME ? item.head.wall_us : 0;
}

/* Its first page goes last. */
static bool is_wiped(const struct disk *disk, const char *dir,
                     uint64_t first_seq, const char *suffix) {
    char path[SEGMENT_PATH_SIZE];
    uint8_t page[JOURNAL_PAGE];
    static const uint8_t zeros[JOURNAL_PAGE];
    size_t len = 0;
    int fd;
    segment_path(dir, first_seq, suffix, path);
    if (disk->open(disk->self, path, DISK_READ, &fd) != ERR_OK) {
        return false;
    }
    err_t err = disk->read(disk->self, fd, 0, page, sizeof page, &len);
    disk->close(disk->self, fd);
    return err == ERR_OK && len == sizeof page &&
           memcmp(page, zeros, sizeof page) == 0;
}

struct remains remains_of(const struct disk *disk, const char *dir,
                          uint64_t first_seq, const char *suffix) {
    struct segment segment;
    struct remains remains = {0};
    if (segment_open_as(disk, dir, first_seq, suffix, DISK_READ, &segment,
                        NULL) == ERR_OK) {
        remains.since_us = first_us(&segment);
        segment_close(&segment);
    } else if (is_wiped(disk, dir, first_seq, suffix)) {
        remains.since_us = REMAINS_NONE;
    }
    return remains;
}

err_t remains_wipe(struct remains *remains, const struct disk *disk, int fd,
                   uint64_t from, uint64_t size, uint64_t *budget) {
    static const uint8_t zeros[PIECE];
    uint64_t at = from > remains->wiped_to ? from : remains->wiped_to;
    uint64_t left = at < size ? size - at : 0;
    uint64_t end = at + (left < *budget ? left : *budget);
    while (at < end) {
        size_t len = end - at < PIECE ? (size_t)(end - at) : PIECE;
        TRY(disk->write(disk->self, fd, at, slice_of(zeros, len)));
        at += len;
        *budget -= len;
    }
    TRY(disk->sync(disk->self, fd));
    remains->wiped_to = at;
    if (at >= size) {
        *remains = (struct remains){.since_us = REMAINS_NONE};
    }
    return ERR_OK;
}

err_t remains_mark_wiped(const struct disk *disk, int fd) {
    static const uint8_t zeros[JOURNAL_PAGE];
    TRY(disk->write(disk->self, fd, 0, slice_of(zeros, sizeof zeros)));
    return disk->sync(disk->self, fd);
}
