/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/spares.h"

#include <assert.h>

bool spares_wants(const struct spares *spares, uint64_t bytes,
                  uint64_t segment_bytes) {
    /* A shorter file would mostly have to be allocated again; a longer one held
     * a frame larger than a segment, which is rare. */
    return spares->count < SPARES_MAX && bytes <= segment_bytes &&
           bytes >= segment_bytes / 2;
}

void spares_add(struct spares *spares, struct spare spare) {
    assert(spares->count < SPARES_MAX);
    spares->list[spares->count++] = spare;
}

bool spares_take(struct spares *spares, struct spare *ret) {
    if (spares->count == 0) {
        return false;
    }
    *ret = spares->list[0];
    spares->count--;
    memmove(spares->list, spares->list + 1,
            spares->count * sizeof *spares->list);
    return true;
}

void spares_take_newest(struct spares *spares, struct spare *ret) {
    assert(spares->count > 0);
    *ret = spares->list[--spares->count];
}

uint64_t spares_bytes(const struct spares *spares) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < spares->count; i++) {
        bytes += spares->list[i].bytes;
    }
    return bytes;
}

static err_t wipe(struct spare *spare, const struct disk *disk, const char *dir,
                  uint64_t *budget) {
    char path[SEGMENT_PATH_SIZE];
    int fd;
    segment_path(dir, spare->number, SEGMENT_SUFFIX_SPARE, path);
    err_t err = disk->open(disk->self, path, DISK_WRITE, &fd);
    if (err == ERR_NOT_FOUND) { /* another process removed it */
        spare->remains.since_us = REMAINS_NONE;
        return ERR_OK;
    }
    TRY(err);
    err = remains_wipe(&spare->remains, disk, fd, JOURNAL_PAGE, spare->bytes,
                       budget);
    if (err == ERR_OK && spare->remains.since_us == REMAINS_NONE) {
        err = remains_mark_wiped(disk, fd);
    }
    disk->close(disk->self, fd);
    return err;
}

err_t spares_wipe(struct spares *spares, const struct disk *disk,
                  const char *dir, int64_t before_us, uint64_t *budget) {
    for (size_t i = 0; i<spares->count && * budget> 0; i++) {
        struct spare *spare = &spares->list[i];
        if (spare->remains.since_us < before_us) {
            TRY(wipe(spare, disk, dir, budget));
        }
    }
    return ERR_OK;
}

/* --- Those of an earlier run --- */

enum { FOUND_MAX = 2 * SPARES_MAX }; /* looked at in one pass */

struct found {
    uint64_t numbers[FOUND_MAX];
    size_t count;
    const struct spares *known;
};

static bool is_known(const struct spares *spares, uint64_t number) {
    for (size_t i = 0; i < spares->count; i++) {
        if (spares->list[i].number == number) {
            return true;
        }
    }
    return false;
}

static void found_each(void *context, const char *name) {
    struct found *found = context;
    uint64_t number;
    if (found->count < FOUND_MAX &&
        segment_name_read(name, SEGMENT_SUFFIX_SPARE, &number) &&
        !is_known(found->known, number)) {
        found->numbers[found->count++] = number;
    }
}

static err_t size_of(const struct disk *disk, const char *path, uint64_t *ret) {
    int fd;
    TRY(disk->open(disk->self, path, DISK_READ, &fd));
    err_t err = disk->size(disk->self, fd, ret);
    disk->close(disk->self, fd);
    return err;
}

static err_t keep_or_remove(struct spares *spares, const struct disk *disk,
                            const char *dir, uint64_t segment_bytes,
                            uint64_t number) {
    char path[SEGMENT_PATH_SIZE];
    segment_path(dir, number, SEGMENT_SUFFIX_SPARE, path);
    uint64_t bytes;
    TRY(size_of(disk, path, &bytes));
    if (!spares_wants(spares, bytes, segment_bytes)) {
        return disk->unlink(disk->self, path);
    }
    struct remains remains = {.since_us = REMAINS_NONE};
    if (number != SPARE_MADE) {
        remains = remains_of(disk, dir, number, SEGMENT_SUFFIX_SPARE);
    }
    spares_add(spares, (struct spare){number, bytes, remains});
    return ERR_OK;
}

err_t spares_load(struct spares *spares, const struct disk *disk,
                  const char *dir, uint64_t segment_bytes) {
    struct found found = {.known = spares};
    do {
        found.count = 0;
        TRY(disk->list(disk->self, dir, found_each, &found));
        for (size_t i = 0; i < found.count; i++) {
            TRY(keep_or_remove(spares, disk, dir, segment_bytes,
                               found.numbers[i]));
        }
    } while (found.count == FOUND_MAX);
    return ERR_OK;
}
