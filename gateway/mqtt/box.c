/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "gateway/base/disk.h"

enum {
    PATH_SIZE = 1200,
    MACHINE_ID_LEN = 32, /* machine-id(5) */
    HASH_LEN = 16,
    TEXT_MAX = 128,
};

#define FORM "shopme-edge box 1\nmachine %s\nsuffix %s\n"

/* machine-id(5) asks that the id itself is not shown to others. */
static bool hash_machine(const struct disk *disk, const char *path,
                         char ret[HASH_LEN + 1]) {
    uint8_t *text;
    size_t len;
    if (disk_read_whole(disk, path, &text, &len) != ERR_OK) {
        return false;
    }
    bool ok = len >= MACHINE_ID_LEN;
    if (ok) {
        XXH64_hash_t hash = XXH3_64bits_withSeed(text, MACHINE_ID_LEN,
                                                 UINT64_C(0x73686f706d656964));
        snprintf(ret, HASH_LEN + 1, "%016llx", (unsigned long long)hash);
    }
    free(text);
    return ok;
}

/* The suffix of the file, if the file is whole and of this machine. */
static bool known(const struct disk *disk, const char *path,
                  const char *machine, char ret[HASH_LEN + 1]) {
    uint8_t *text;
    size_t len;
    if (disk_read_whole(disk, path, &text, &len) != ERR_OK) {
        return false;
    }
    struct slice found = slice_of(text, len);
    char expected[TEXT_MAX];
    snprintf(expected, sizeof expected, FORM, machine, "-");
    bool ok = slice_eq_str(found, expected);
    if (ok) {
        snprintf(ret, HASH_LEN + 1, "-");
    }
    snprintf(expected, sizeof expected, FORM, machine, machine);
    if (!ok && slice_eq_str(found, expected)) {
        snprintf(ret, HASH_LEN + 1, "%s", machine);
        ok = true;
    }
    free(text);
    return ok;
}

static bool exists(const struct disk *disk, const char *path) {
    int fd;
    if (disk->open(disk->self, path, DISK_READ, &fd) != ERR_OK) {
        return false;
    }
    disk->close(disk->self, fd);
    return true;
}

static err_t save(const struct disk *disk, const char *data, const char *path,
                  const char *machine, const char *suffix,
                  struct reason *reason) {
    char text[TEXT_MAX];
    char making[PATH_SIZE];
    snprintf(text, sizeof text, FORM, machine, suffix);
    snprintf(making, sizeof making, "%s/box.id.new", data);
    const struct slice part = slice_from_str(text);
    err_t err = disk_replace(disk, data, making, path, &part, 1);
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "write", path);
}

err_t box_suffix(const struct disk *disk, const char *data,
                 const char *machine_id, bool is_new, char ret[BOX_SUFFIX_SIZE],
                 struct reason *reason) {
    char path[PATH_SIZE];
    char machine[HASH_LEN + 1];
    char suffix[HASH_LEN + 1];
    snprintf(path, sizeof path, "%s/box.id", data);
    ret[0] = '\0';
    if (!hash_machine(disk, machine_id, machine)) {
        return ERR_OK;
    }
    if (!known(disk, path, machine, suffix)) {
        bool keeps_old = !is_new && !exists(disk, path);
        snprintf(suffix, sizeof suffix, "%s", keeps_old ? "-" : machine);
        TRY(save(disk, data, path, machine, suffix, reason));
        log_line(LOG_DEBUG, "box", "client_id suffix=%s", suffix);
    }
    if (suffix[0] != '-') {
        snprintf(ret, BOX_SUFFIX_SIZE, "-%s", suffix);
    }
    return ERR_OK;
}
