/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/short_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/types.h>

#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"
#include "tests/simulation/support.h"

enum {
    RECORD_BYTES = 200,
    COMMITS = JOURNAL_PAGE, /* the n-th writes n bytes first */
};

/* What the next calls do. File-level state, since the linker's --wrap has no
 * other place for it. */
static struct {
    size_t first;  /* bytes that the next write is cut to, 0: whole */
    size_t rest;   /* that each one after it is cut to, 0: whole */
    bool eintr;    /* the next write is interrupted before it begins */
    bool no_sync;  /* the next sync is interrupted */
    uint64_t cuts; /* writes that were cut or interrupted */
    uint64_t syncs;
} shim;

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __wrap_fdatasync(int fd);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset) {
    if (shim.eintr) {
        shim.eintr = false;
        shim.cuts++;
        errno = EINTR;
        return -1;
    }
    size_t most = shim.first != 0 ? shim.first : shim.rest;
    shim.first = 0;
    if (most != 0 && most < len) {
        shim.cuts++;
        len = most;
    }
    return __real_pwrite(fd, buf, len, offset);
}

/* Nothing is cut here: it need not reach the disk. */
int __wrap_fdatasync(int fd) {
    (void)fd;
    shim.syncs++;
    if (shim.no_sync) {
        shim.no_sync = false;
        errno = EINTR;
        return -1;
    }
    return 0;
}

static void append_value(struct journal *journal, uint64_t value) {
    uint8_t buf[RECORD_BYTES];
    journal_begin(journal);
    support_append(journal, support_record(value, sizeof buf, buf));
}

static err_t commit_all(struct journal *journal, struct run_counts *counts,
                        struct reason *ret) {
    for (uint64_t n = 1; n <= COMMITS; n++) {
        append_value(journal, n);
        shim.eintr = true;
        shim.first = (size_t)n;
        shim.rest = n == COMMITS ? 1 : 0;
        TRY(journal_commit(journal, ret));
        shim.rest = 0;
        counts->commits++;
    }
    return ERR_OK;
}

static bool read_all(const struct platform *platform, const char *dir,
                     struct reason *ret) {
    struct journal_reader *reader = support_reader(&platform->disk, dir, 0);
    struct journal_record record;
    uint64_t count = 0;
    while (journal_reader_next(reader, COMMITS, &record) == ERR_OK &&
           record.seq == count &&
           support_record_is(record.bytes, count + 1, RECORD_BYTES)) {
        count++;
    }
    journal_reader_close(reader);
    if (count != COMMITS) {
        reason_set(ret, ERR_CORRUPT,
                   "a record that was written in parts cannot be read: "
                   "%" PRIu64,
                   count);
    }
    return count == COMMITS;
}

static bool interrupt_sync(struct journal *journal, struct reason *ret) {
    append_value(journal, COMMITS + 1);
    shim.no_sync = true;
    uint64_t syncs = shim.syncs;
    err_t first = journal_commit(journal, NULL);
    err_t second = journal_commit(journal, NULL);
    if (first != ERR_IO || second != ERR_IO || shim.syncs != syncs + 1) {
        reason_set(ret, ERR_CORRUPT, "an interrupted sync was believed");
        return false;
    }
    return true;
}

static bool every_length(const struct platform *platform, const char *dir,
                         struct run_counts *counts, struct reason *ret) {
    struct journal_options options = {.platform = platform,
                                      .dir = dir,
                                      .store = "store-7",
                                      .stream = "orders",
                                      .segment_bytes = 1024 * 1024,
                                      .batch_events_max = 4,
                                      .batch_bytes_max = JOURNAL_PAGE};
    struct journal *journal = support_open(&options);
    bool held = commit_all(journal, counts, ret) == ERR_OK &&
                read_all(platform, dir, ret) && interrupt_sync(journal, ret);
    journal_close(journal);
    counts->faults += shim.cuts + 1;
    return held;
}

bool short_write_every_length(uint64_t seed, struct run_counts *counts,
                              struct reason *ret) {
    (void)seed;
    struct platform platform = platform_real();
    char base[256];
    char dir[300];
    support_dir_make(base, sizeof base);
    snprintf(dir, sizeof dir, "%s/orders", base);
    memset(&shim, 0, sizeof shim);
    bool held = every_length(&platform, dir, counts, ret);
    support_dir_remove(base);
    return held;
}
