/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a large journal for tests/integration/backlog_test.py: so many sealed
 * segments of 8 MiB, of which only the ends are on the disk, an empty one
 * behind them, and a snapshot that covers all. Usage: journal_backlog_write DIR
 * STORE STREAM SEGMENTS STATE_FILE */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/segment.h"
#include "gateway/journal/snapshot.h"

enum {
    SEGMENT_BYTES = 8 * 1024 * 1024,
    RECORDS = 20000, /* that a segment of 300-byte events would hold */
    STATE_MAX = 4096,
};

static void must(err_t err, const char *what) {
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", what, err_name(err));
        exit(1);
    }
}

static struct segment_header header_of(uint32_t number, const char *store,
                                       const char *stream) {
    struct segment_header header = {
        .journal_id = "a large journal",
        .salt = number + 1,
        .first_seq = (uint64_t)number * RECORDS,
        .incarnation = 1,
    };
    snprintf(header.store, sizeof header.store, "%s", store);
    snprintf(header.stream, sizeof header.stream, "%s", stream);
    return header;
}

/* Without a sync for each: nothing here is to survive anything. */
static err_t no_sync(void *self, int fd) {
    (void)self;
    (void)fd;
    return ERR_OK;
}

static err_t no_sync_dir(void *self, const char *path) {
    (void)self;
    (void)path;
    return ERR_OK;
}

static void make_segment(const struct disk *disk, const char *dir,
                         const struct segment_header *header, bool sealed) {
    struct segment segment;
    struct segment_seal seal = {.next_seq = header->first_seq + RECORDS};
    must(segment_create(disk, dir, header, 0, &segment, NULL), "create");
    if (sealed) {
        must(segment_seal(&segment, SEGMENT_BYTES - JOURNAL_PAGE, seal),
             "seal");
    }
    must(segment_publish(&segment, dir, NULL), "publish");
    segment_close(&segment);
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: %s DIR STORE STREAM SEGMENTS STATE_FILE\n",
                argv[0]);
        return 2;
    }
    struct disk disk = platform_real().disk;
    disk.sync = no_sync;
    disk.sync_dir = no_sync_dir;
    must(disk.make_dir(disk.self, argv[1]), "make the directory");
    uint32_t count = (uint32_t)strtoul(argv[4], NULL, 10);
    struct segment_header header;
    for (uint32_t i = 0; i <= count; i++) {
        header = header_of(i, argv[2], argv[3]);
        make_segment(&disk, argv[1], &header, i < count);
    }
    uint8_t state[STATE_MAX];
    FILE *file = fopen(argv[5], "rb");
    assert(file != NULL);
    size_t len = fread(state, 1, sizeof state, file);
    fclose(file);
    const struct snapshot_about about = {header.journal_id, header.first_seq};
    must(snapshot_write(&disk, argv[1], &about, about.seq, slice_of(state, len),
                        NULL),
         "snapshot");
    return 0;
}
