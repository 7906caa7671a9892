/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/benchmark/target.h"

enum {
    PAGE = 4096,
    SPACE = 48 * 1024 * 1024, /* about what the journal goes round in */
};

struct raw {
    int fd;
    uint64_t offset;
    uint8_t *batch;
};

static size_t in_pages(size_t len) {
    return (len + PAGE - 1) / PAGE * PAGE;
}

static void put(const struct raw *raw, uint64_t offset, size_t len) {
    ssize_t done = pwrite(raw->fd, raw->batch, len, (off_t)offset);
    target_must(done == (ssize_t)len, "pwrite", strerror(errno));
}

static void sync_file(const struct raw *raw) {
    target_must(fdatasync(raw->fd) == 0, "fdatasync", strerror(errno));
}

static void commit(void *self, uint32_t batch) {
    struct raw *raw = self;
    size_t len = in_pages((size_t)batch * EVENT_BYTES);
    if (raw->offset + len > SPACE) {
        raw->offset = 0;
    }
    put(raw, raw->offset, len);
    sync_file(raw);
    raw->offset += len;
}

static void *open_raw(const char *dir) {
    struct raw *raw = calloc(1, sizeof *raw);
    target_must(raw != NULL, "calloc", "no memory");
    size_t size = in_pages((size_t)BATCH_MAX * EVENT_BYTES);
    raw->batch = malloc(size);
    target_must(raw->batch != NULL, "malloc", "no memory");
    memset(raw->batch, 'e', size);
    char path[900];
    snprintf(path, sizeof path, "%s/raw", dir);
    raw->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    target_must(raw->fd >= 0, path, strerror(errno));
    for (uint64_t at = 0; at < SPACE; at += size) {
        put(raw, at, size);
    }
    sync_file(raw);
    return raw;
}

static void close_raw(void *self) {
    struct raw *raw = self;
    close(raw->fd);
    free(raw->batch);
    free(raw);
}

const struct target target_raw = {
    .name = "raw",
    .open = open_raw,
    .commit = commit,
    .close = close_raw,
};
