/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal's directory holds, file by file, for commands that only read:
 * while a gateway runs, or on the disk of a box that is down. */
#ifndef GATEWAY_JOURNAL_INSPECT_H
#define GATEWAY_JOURNAL_INSPECT_H

#include "gateway/base/base.h"
#include "gateway/journal/format.h"
#include "gateway/journal/types.h"

struct inspected {
    uint64_t first_seq; /* by the file's name */
    uint64_t end_seq;   /* the number after the last record that verifies */
    uint64_t bytes;
    uint64_t frames;      /* frames that verify; only if all were read */
    int64_t first_us;     /* wall time of the first frame; 0: there is none */
    uint32_t incarnation; /* 0: its header does not verify */
    uint8_t journal_id[JOURNAL_ID_SIZE];
    char store[JOURNAL_NAME_MAX + 1];
    bool sealed;
    bool clean_stop;
    bool last; /* the last in the directory: it may end without a seal */
    /* What is wrong with it, or between it and the one before; else empty. */
    struct reason damage;
};

struct inspection {
    void *self;
    void (*segment)(void *self, const struct inspected *segment);
    /* Records that damage took and that are recorded. May be NULL. */
    void (*gap)(void *self, const struct journal_gap *gap);
};

/* Goes through the segments in order. `all`: reads every frame of each segment;
 * otherwise only the ends of the sealed ones. ERR_NOT_FOUND if there is no
 * journal; ERR_UNSUPPORTED, ERR_IO, ERR_MEMORY. */
err_t journal_inspect(const struct disk *disk, const char *dir, bool all,
                      const struct inspection *inspection,
                      struct reason *reason) MUST_USE;

#endif
