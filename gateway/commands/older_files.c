/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/older_files.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "gateway/commands/journals.h"
#include "gateway/journal/damage.h"

enum {
    VERSION = 1,
    PATH_SIZE = JOURNALS_DIR_MAX + 32,
    DAMAGE_SIZE = 28, /* without gaps */
    GAP_SIZE = 24,
};

static void write_sum(struct writer *to) {
    writer_u64(to, XXH3_64bits(to->data, to->len));
    assert(!to->full);
}

static err_t replace(const struct disk *disk, const char *dir, const char *name,
                     const struct writer *content, struct reason *reason) {
    char path[PATH_SIZE];
    char making[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(making, sizeof making, "%s/%s.new", dir, name);
    const struct slice whole = writer_slice(content);
    err_t err = disk_replace(disk, dir, making, path, &whole, 1);
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "write", path);
}

static err_t exists(const struct disk *disk, const char *dir, const char *name,
                    bool *ret, struct reason *reason) {
    char path[PATH_SIZE];
    int fd;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    err_t err = disk->open(disk->self, path, DISK_READ, &fd);
    *ret = err == ERR_OK;
    if (err == ERR_OK) {
        disk->close(disk->self, fd);
    }
    return err == ERR_OK || err == ERR_NOT_FOUND
               ? ERR_OK
               : disk_failed(reason, err, "open", path);
}

/* Release 0.1.0 announces a gap as long as its third number is not that of a
 * record. */
static void write_damage(const struct damage *damage, uint64_t end,
                         struct writer *to) {
    writer_str(to, "SEDGEROT");
    writer_u32(to, VERSION);
    writer_u32(to, damage->incarnation);
    writer_u32(to, (uint32_t)damage->count);
    for (size_t i = 0; i < damage->count; i++) {
        const struct journal_gap *gap = &damage->gaps[i];
        writer_u64(to, gap->first);
        writer_u64(to, gap->end);
        writer_u64(to, journal_gap_is_told(gap) ? gap->told_at : end);
    }
    write_sum(to);
}

err_t older_files_damage(const struct disk *disk, const char *dir, uint64_t end,
                         struct reason *reason) {
    bool found;
    TRY(exists(disk, dir, "damage", &found, reason));
    if (!found) {
        return ERR_OK;
    }
    struct damage damage = {0};
    TRY(damage_load(disk, dir, &damage, reason));
    size_t size = DAMAGE_SIZE + damage.count * GAP_SIZE;
    uint8_t *bytes = malloc(size);
    err_t err = ERR_MEMORY;
    if (bytes != NULL) {
        struct writer to = writer_over(bytes, size);
        write_damage(&damage, end, &to);
        err = replace(disk, dir, "damage", &to, reason);
    }
    free(bytes);
    damage_free(&damage);
    return err;
}
