/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/fake_file.h"

#include <assert.h>
#include <stdlib.h>

void *fake_grow(void *list, size_t count, size_t *cap, size_t item) {
    if (count < *cap) {
        return list;
    }
    *cap = *cap == 0 ? 8 : *cap * 2;
    void *more = realloc(list, *cap * item);
    assert(more != NULL);
    return more;
}

static void image_resize(struct image *image, uint64_t size) {
    if (size > image->cap) {
        image->data = realloc(image->data, size);
        assert(image->data != NULL);
        image->cap = size;
    }
    if (size > image->size) {
        memset(image->data + image->size, 0, size - image->size);
    }
    image->size = size;
}

static void image_write(struct image *image, uint64_t offset,
                        const uint8_t *data, size_t len) {
    if (len == 0) {
        return;
    }
    if (offset + len > image->size) {
        image_resize(image, offset + len);
    }
    memcpy(image->data + offset, data, len);
}

static void image_copy(struct image *to, const struct image *from) {
    image_resize(to, from->size);
    if (from->size > 0) {
        memcpy(to->data, from->data, from->size);
    }
}

static void image_change(struct image *image, const struct change *change) {
    if (change->call == FAKE_WRITE) {
        image_write(image, change->offset, change->data, change->len);
    } else if (change->call == FAKE_TRUNCATE || change->offset > image->size) {
        image_resize(image, change->offset);
    }
}

struct file *fake_file_new(void) {
    struct file *file = calloc(1, sizeof *file);
    assert(file != NULL);
    return file;
}

static void file_forget_changes(struct file *file) {
    for (size_t i = 0; i < file->change_count; i++) {
        free(file->changes[i].data);
    }
    file->change_count = 0;
}

void fake_file_free(struct file *file) {
    file_forget_changes(file);
    free(file->changes);
    free(file->seen.data);
    free(file->medium.data);
    free(file);
}

void fake_file_change(struct file *file, enum fake_call call, uint64_t offset,
                      struct slice bytes) {
    file->changes = fake_grow(file->changes, file->change_count,
                              &file->change_cap, sizeof *file->changes);
    struct change *change = &file->changes[file->change_count++];
    *change = (struct change){.call = call, .offset = offset};
    if (bytes.len > 0) {
        change->data = malloc(bytes.len);
        assert(change->data != NULL);
        memcpy(change->data, bytes.data, bytes.len);
        change->len = bytes.len;
    }
    image_change(&file->seen, change);
    file->changed = true;
}

void fake_file_sync(struct file *file) {
    for (size_t i = 0; i < file->change_count; i++) {
        image_change(&file->medium, &file->changes[i]);
    }
    file_forget_changes(file);
}

void fake_file_lose(struct file *file) {
    for (size_t i = 0; i < file->change_count; i++) {
        struct change *change = &file->changes[i];
        if (change->call == FAKE_WRITE) {
            change->call = FAKE_ALLOCATE;
            change->offset += change->len;
            free(change->data);
            change->data = NULL;
            change->len = 0;
        }
    }
}

/* What the medium has of [from, to) when the sector that holds it is lost. */
static void ruin_sector(struct support_random *random, struct image *medium,
                        uint64_t from, uint64_t to, bool noise) {
    uint8_t bytes[4096] = {0};
    assert(from < to && to - from <= sizeof bytes);
    size_t len = (size_t)(to - from);
    for (size_t i = 0; noise && i < len; i++) {
        bytes[i] = (uint8_t)support_next(random);
    }
    image_write(medium, from, bytes, len);
}

/* One sector of a change keeps its old content, becomes zeros or noise, with
 * whatever else was in it, or gets what was written. */
static void tear_sector(struct support_random *random, struct image *medium,
                        const struct change *change, uint64_t at,
                        size_t sector) {
    uint64_t end = change->offset + change->len;
    uint64_t from = at > change->offset ? at : change->offset;
    uint64_t to = at + sector < end ? at + sector : end;
    uint64_t size = medium->size > end ? medium->size : end;
    uint64_t sector_end = at + sector < size ? at + sector : size;
    uint64_t fate = support_below(random, 8);
    if (fate == 2 || fate == 3) {
        ruin_sector(random, medium, at, sector_end, fate == 3);
    } else if (fate > 3) {
        image_write(medium, from, change->data + (from - change->offset),
                    (size_t)(to - from));
    }
}

static void tear_change(struct support_random *random, struct image *medium,
                        const struct change *change, size_t sector) {
    if (change->call != FAKE_WRITE) {
        if (support_below(random, 2) == 0) {
            image_change(medium, change);
        }
        return;
    }
    uint64_t end = change->offset + change->len;
    if (support_below(random, 4) == 0 && medium->size < end) {
        image_resize(medium, end);
    }
    for (uint64_t at = change->offset / sector * sector; at < end;
         at += sector) {
        tear_sector(random, medium, change, at, sector);
    }
}

void fake_file_power_cut(struct support_random *random, struct file *file,
                         enum fake_fate fate, size_t sector) {
    for (size_t i = 0; i < file->change_count; i++) {
        if (fate == FAKE_KEEP) {
            image_change(&file->medium, &file->changes[i]);
        } else if (fate == FAKE_TEAR) {
            tear_change(random, &file->medium, &file->changes[i], sector);
        }
    }
    file_forget_changes(file);
    if (file->changed) {
        image_copy(&file->seen, &file->medium);
        file->changed = false;
    }
}

void fake_file_put(struct file *file, struct slice bytes) {
    file_forget_changes(file);
    image_resize(&file->seen, 0);
    image_write(&file->seen, 0, bytes.data, bytes.len);
    image_copy(&file->medium, &file->seen);
}
