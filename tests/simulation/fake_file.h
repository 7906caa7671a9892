/* SPDX-License-Identifier: Apache-2.0 */
/* One file of the fake disk: what a process sees, what is on the medium, and
 * what lies between. */
#ifndef TESTS_SIMULATION_FAKE_FILE_H
#define TESTS_SIMULATION_FAKE_FILE_H

#include "gateway/base/base.h"
#include "tests/simulation/fake_fault.h"
#include "tests/simulation/support.h"

struct image {
    uint8_t *data;
    uint64_t size;
    uint64_t cap;
};

/* Something done to a file and not synced. */
struct change {
    enum fake_call call; /* FAKE_WRITE, FAKE_ALLOCATE or FAKE_TRUNCATE */
    uint64_t offset;     /* or the new size */
    uint8_t *data;
    size_t len;
};

struct file {
    struct image seen;
    struct image medium;
    struct change *changes;
    size_t change_count;
    size_t change_cap;
    bool changed; /* since the last power cut; else both images are alike */
    int64_t changed_us; /* as the disk's clock says */
    bool link;          /* a symbolic link; its bytes are what it names */
    bool is_private;    /* nobody else may read it */
    bool bad;           /* a page cannot be read: the one at `bad_at` */
    uint64_t bad_at;
};

/* Makes room for one more item; the list may move. */
void *fake_grow(void *list, size_t count, size_t *cap, size_t item);

struct file *fake_file_new(void);
void fake_file_free(struct file *file);
/* Seen at once, on the medium once synced. */
void fake_file_change(struct file *file, enum fake_call call, uint64_t offset,
                      struct slice bytes);
void fake_file_sync(struct file *file);
/* What a failed sync does: the data is gone from what is still to be written,
 * the size that it gave to the file is not. */
void fake_file_lose(struct file *file);
void fake_file_power_cut(struct support_random *random, struct file *file,
                         enum fake_fate fate, size_t sector);
/* Sets what is seen and what is on the medium alike. */
void fake_file_put(struct file *file, struct slice bytes);

#endif
