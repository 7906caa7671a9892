/* SPDX-License-Identifier: Apache-2.0 */
/* A segment as a file: naming it, creating it, reading what is at an offset,
 * sealing it. It decides nothing about a whole journal. */
#ifndef GATEWAY_JOURNAL_SEGMENT_H
#define GATEWAY_JOURNAL_SEGMENT_H

#include "gateway/base/base.h"
#include "gateway/journal/frame.h"
#include "gateway/journal/page.h"

enum {
    SEGMENT_NAME_SIZE = 27, /* "00000000000000000000.spare" and its end */
    SEGMENT_DIR_MAX = 900,  /* bytes of a journal's directory name */
    SEGMENT_PATH_SIZE = SEGMENT_DIR_MAX + 1 + SEGMENT_NAME_SIZE,
};

#define SEGMENT_SUFFIX ".seg"
#define SEGMENT_SUFFIX_TEMPORARY ".tmp" /* being created */
#define SEGMENT_SUFFIX_SPARE ".spare"   /* trimmed, to be written again */

/* An open file. Zeroed is not ready; `disk` is NULL when nothing is open. */
struct segment {
    const struct disk *disk; /* outlives it */
    int fd;
    struct segment_header header;
    bool recycled;         /* made from the spare of this number, */
    uint64_t spare_number; /* whose name it has until it is published */
};

/* `ret` has SEGMENT_PATH_SIZE bytes. `dir` is at most SEGMENT_DIR_MAX long. */
void segment_path(const char *dir, uint64_t first_seq, const char *suffix,
                  char *ret);
/* False if `name` is not 20 digits and `suffix`. */
bool segment_name_read(const char *name, const char *suffix,
                       uint64_t *ret_first_seq) MUST_USE;

/* Opens the segment that begins with `first_seq` and verifies its header.
 * ERR_NOT_FOUND, ERR_CORRUPT, ERR_UNSUPPORTED, ERR_IO. */
err_t segment_open(const struct disk *disk, const char *dir, uint64_t first_seq,
                   enum disk_open how, struct segment *ret,
                   struct reason *reason) MUST_USE;
/* The same for a file with another suffix. */
err_t segment_open_as(const struct disk *disk, const char *dir,
                      uint64_t first_seq, const char *suffix,
                      enum disk_open how, struct segment *ret,
                      struct reason *reason) MUST_USE;
void segment_close(struct segment *segment); /* may be closed already */

/* Creating one takes two steps. First: under its temporary name, with `size`
 * bytes (or 0 to let it grow), and the header written. Second: synced and
 * renamed to its own name, replacing any other file of that name, and the
 * directory synced. So a file under its own name always has a whole header. On
 * failure nothing stays open, and the temporary file is removed if possible. */
err_t segment_create(const struct disk *disk, const char *dir,
                     const struct segment_header *header, uint64_t size,
                     struct segment *ret, struct reason *reason) MUST_USE;
err_t segment_publish(struct segment *segment, const char *dir,
                      struct reason *reason) MUST_USE;
void segment_discard(struct segment *segment, const char *dir);
/* The first step, with a spare as the file: its header is overwritten. It keeps
 * the spare's name until it is published, so that a file never has two names.
 * ERR_NOT_FOUND if the spare no longer exists; else as segment_create. */
err_t segment_recycle(const struct disk *disk, const char *dir,
                      const struct segment_header *header,
                      uint64_t spare_number, struct segment *ret,
                      struct reason *reason) MUST_USE;

/* Writes the seal at `offset`, syncs, and cuts off the rest of the file. */
err_t segment_seal(const struct segment *segment, uint64_t offset,
                   struct segment_seal seal) MUST_USE;

struct segment_buffer {
    uint8_t *data; /* freed by segment_buffer_free */
    size_t cap;
};

err_t segment_buffer_init(struct segment_buffer *buffer) MUST_USE;
void segment_buffer_free(struct segment_buffer *buffer);
/* Frees memory after an unusually large frame. What was read is gone. */
void segment_buffer_shrink(struct segment_buffer *buffer);

enum segment_item_type {
    SEGMENT_NOTHING, /* neither, or not whole */
    SEGMENT_FRAME,
    SEGMENT_SEAL,
};

struct segment_item {
    enum segment_item_type type;
    struct frame_head head;   /* of a frame */
    struct slice frame;       /* in the buffer, until its next use */
    struct segment_seal seal; /* of a seal */
};

/* What is at `offset`, a multiple of FRAME_ALIGN, and verifies under the
 * segment's salt and incarnation. ERR_IO, ERR_MEMORY. */
err_t segment_read(const struct segment *segment, uint64_t offset,
                   struct segment_buffer *buffer,
                   struct segment_item *ret) MUST_USE;

#endif
