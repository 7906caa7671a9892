/* SPDX-License-Identifier: Apache-2.0 */
/* The order of steps, and what a crash after each leaves:
 *
 *     remove what is not current      the old set
 *     sets/N with its files, synced   the old set, and one of nobody's
 *     next -> sets/N                  the same
 *     rename next to current          the old set or the new one
 *     sync identity/                  the new set
 *
 * Whoever reads resolves `current` itself, so that all it reads of one number
 * is of one set. */
#include "gateway/identity/identity_set.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NUMBER_DIGITS = 10,
    NAME_SIZE = 256, /* with its NUL; what a file system allows */
    TARGET_SIZE = 32,
    STALE_MAX = 64, /* that are removed in one go; the rest by the next */
    TRIES = 8,      /* when the set changes under a reader */
};

static const char sets_prefix[] = "sets/";

/* --- Paths --- */

struct path {
    char text[IDENTITY_PATH_MAX + NAME_SIZE + TARGET_SIZE];
};

static struct path path_of(struct identity_place place, const char *rest) {
    struct path path;
    int len = snprintf(path.text, sizeof path.text, "%s/identity%s%s",
                       place.data, rest[0] != '\0' ? "/" : "", rest);
    assert(len > 0 && (size_t)len < sizeof path.text);
    return path;
}

static struct path path_in_set(struct identity_place place, uint64_t number,
                               const char *name) {
    char rest[NAME_SIZE + TARGET_SIZE];
    int len = snprintf(rest, sizeof rest, "%s%010" PRIu64 "%s%s", sets_prefix,
                       number, name[0] != '\0' ? "/" : "", name);
    assert(len > 0 && (size_t)len < sizeof rest);
    return path_of(place, rest);
}

void identity_set_path(const char *data, const char *name,
                       char ret[static IDENTITY_PATH_MAX]) {
    bool bare = name == NULL || name[0] == '\0';
    int len = snprintf(ret, IDENTITY_PATH_MAX, "%s/identity/current%s%s", data,
                       bare ? "" : "/", bare ? "" : name);
    assert(len > 0 && len < IDENTITY_PATH_MAX);
}

/* A name that stays in its folder, and of no editor's temporary file. */
static bool is_file_name(const char *name) {
    return name[0] != '\0' && name[0] != '.' && strlen(name) < NAME_SIZE &&
           strchr(name, '/') == NULL;
}

static bool is_number(const char *name, uint64_t *ret) {
    uint64_t number = 0;
    if (strlen(name) != NUMBER_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < NUMBER_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    *ret = number;
    return number > 0;
}

/* --- Reading --- */

err_t identity_set_number_at(struct identity_place place, uint64_t *ret,
                             struct reason *reason) {
    char target[TARGET_SIZE] = "";
    struct path path = path_of(place, "current");
    err_t err = place.disk->read_link(place.disk->self, path.text, target,
                                      sizeof target);
    if (err == ERR_NOT_FOUND) {
        *ret = 0;
        return ERR_OK;
    }
    bool ours = err == ERR_OK &&
                strncmp(target, sets_prefix, sizeof sets_prefix - 1) == 0 &&
                is_number(target + sizeof sets_prefix - 1, ret);
    if (err == ERR_RANGE || (err == ERR_OK && !ours)) {
        return reason_set(reason, ERR_CORRUPT,
                          "%s is not a symbolic link to one of the sets beside "
                          "it, such as sets/0000000012; put it right, or "
                          "restore the folder identity/",
                          path.text);
    }
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "read", path.text);
}

/* One file of a set. */
static err_t read_in_set(struct identity_place place, uint64_t number,
                         const char *name, uint8_t **ret, size_t *ret_len,
                         struct reason *reason) {
    struct path path = path_in_set(place, number, name);
    err_t err = disk_read_whole(place.disk, path.text, ret, ret_len);
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "read", path.text);
}

err_t identity_set_read_at(struct identity_place place, const char *name,
                           uint8_t **ret, size_t *ret_len,
                           struct reason *reason) {
    assert(is_file_name(name));
    uint64_t before = 0;
    for (int i = 0;; i++) {
        uint64_t number;
        TRY(identity_set_number_at(place, &number, reason));
        if (number == 0) {
            return reason_set(reason, ERR_NOT_FOUND,
                              "%s has no set of identity files yet",
                              place.data);
        }
        err_t err = read_in_set(place, number, name, ret, ret_len, reason);
        if (err != ERR_NOT_FOUND || number == before || i == TRIES) {
            return err;
        }
        before = number; /* it may have been replaced and removed meanwhile */
    }
}

/* --- Removing --- */

struct names {
    uint32_t count;
    char list[STALE_MAX][NAME_SIZE];
};

static void on_name(void *context, const char *name) {
    struct names *names = context;
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    if (!dots && names->count < STALE_MAX) {
        snprintf(names->list[names->count], sizeof names->list[0], "%s", name);
        names->count++;
    }
}

static err_t list_names(struct identity_place place, const char *dir,
                        struct names *ret, struct reason *reason) {
    ret->count = 0;
    err_t err = place.disk->list(place.disk->self, dir, on_name, ret);
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "list", dir);
}

static err_t remove_set(struct identity_place place, uint64_t number,
                        struct reason *reason) {
    const struct disk *disk = place.disk;
    struct path dir = path_in_set(place, number, "");
    struct names files;
    TRY(list_names(place, dir.text, &files, reason));
    for (uint32_t i = 0; i < files.count; i++) {
        struct path path = path_in_set(place, number, files.list[i]);
        err_t err = disk->unlink(disk->self, path.text);
        if (err != ERR_OK) {
            return disk_failed(reason, err, "remove", path.text);
        }
    }
    err_t err = disk->remove_dir(disk->self, dir.text);
    return err == ERR_OK ? ERR_OK
                         : disk_failed(reason, err, "remove", dir.text);
}

static err_t remove_stale(struct identity_place place, uint64_t current,
                          struct reason *reason) {
    struct path sets = path_of(place, "sets");
    struct names *names = malloc(sizeof *names);
    if (names == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory to list the sets");
    }
    err_t err = list_names(place, sets.text, names, reason);
    for (uint32_t i = 0; err == ERR_OK && i < names->count; i++) {
        uint64_t number;
        if (is_number(names->list[i], &number) && number != current) {
            err = remove_set(place, number, reason);
        }
    }
    free(names);
    return err;
}

/* --- Writing --- */

static err_t make_private(struct identity_place place, const char *path,
                          struct reason *reason) {
    err_t err = place.disk->make_private(place.disk->self, path, place.data);
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "protect", path);
}

static err_t sync_folder(struct identity_place place, const char *path,
                         struct reason *reason) {
    err_t err = place.disk->sync_dir(place.disk->self, path);
    return err == ERR_OK ? ERR_OK : disk_failed(reason, err, "sync", path);
}

/* A folder that may be there already. */
static err_t make_folder(struct identity_place place, const char *path,
                         struct reason *reason) {
    err_t err = place.disk->make_dir(place.disk->self, path);
    if (err != ERR_OK && err != ERR_BUSY) {
        return disk_failed(reason, err, "create", path);
    }
    return make_private(place, path, reason);
}

static err_t make_folders(struct identity_place place, struct reason *reason) {
    struct path identity = path_of(place, "");
    struct path sets = path_of(place, "sets");
    TRY(make_folder(place, identity.text, reason));
    TRY(sync_folder(place, place.data, reason));
    TRY(make_folder(place, sets.text, reason));
    return sync_folder(place, identity.text, reason);
}

static err_t fill(const struct disk *disk, int fd, struct slice bytes) {
    TRY(disk->write(disk->self, fd, 0, bytes));
    return disk->sync(disk->self, fd);
}

static err_t write_file(struct identity_place place, uint64_t number,
                        const char *name, struct slice bytes,
                        struct reason *reason) {
    const struct disk *disk = place.disk;
    struct path path = path_in_set(place, number, name);
    int fd;
    err_t err = disk->open(disk->self, path.text, DISK_CREATE, &fd);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "create", path.text);
    }
    err = make_private(place, path.text, reason);
    if (err == ERR_OK) {
        err = fill(disk, fd, bytes);
        err = err == ERR_OK ? ERR_OK
                            : disk_failed(reason, err, "write", path.text);
    }
    disk->close(disk->self, fd);
    return err;
}

struct change_list {
    const struct identity_file *list;
    size_t count;
};

static bool is_changed(struct change_list changes, const char *name) {
    for (size_t i = 0; i < changes.count; i++) {
        if (strcmp(changes.list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static err_t copy_file(struct identity_place place, uint64_t from, uint64_t to,
                       const char *name, struct reason *reason) {
    uint8_t *bytes;
    size_t len;
    TRY(read_in_set(place, from, name, &bytes, &len, reason));
    err_t err = write_file(place, to, name, slice_of(bytes, len), reason);
    free(bytes);
    return err;
}

/* Takes over what the set `from` has and nobody changes. */
static err_t copy_unchanged(struct identity_place place, uint64_t from,
                            uint64_t to, struct change_list changes,
                            uint32_t *files, struct reason *reason) {
    struct names names;
    struct path dir = path_in_set(place, from, "");
    TRY(list_names(place, dir.text, &names, reason));
    for (uint32_t i = 0; i < names.count; i++) {
        if (is_file_name(names.list[i]) &&
            !is_changed(changes, names.list[i])) {
            TRY(copy_file(place, from, to, names.list[i], reason));
            (*files)++;
        }
    }
    return ERR_OK;
}

static err_t write_files(struct identity_place place, uint64_t from,
                         uint64_t to, struct change_list changes,
                         struct reason *reason) {
    uint32_t files = 0;
    for (size_t i = 0; i < changes.count; i++) {
        const struct identity_file *file = &changes.list[i];
        if (file->bytes.len > 0) {
            TRY(write_file(place, to, file->name, file->bytes, reason));
            files++;
        }
    }
    if (from > 0) {
        TRY(copy_unchanged(place, from, to, changes, &files, reason));
    }
    if (files > IDENTITY_FILES_MAX) {
        return reason_set(reason, ERR_FULL,
                          "a set has at most %d files, not %" PRIu32
                          ": remove what is not the gateway's from "
                          "identity/current/",
                          IDENTITY_FILES_MAX, files);
    }
    return ERR_OK;
}

static err_t write_set(struct identity_place place, uint64_t from, uint64_t to,
                       struct change_list changes, struct reason *reason) {
    struct path dir = path_in_set(place, to, "");
    struct path sets = path_of(place, "sets");
    err_t err = place.disk->make_dir(place.disk->self, dir.text);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "create", dir.text);
    }
    TRY(make_private(place, dir.text, reason));
    TRY(write_files(place, from, to, changes, reason));
    TRY(sync_folder(place, dir.text, reason));
    return sync_folder(place, sets.text, reason);
}

/* Makes `number` the current set. */
static err_t switch_to(struct identity_place place, uint64_t number,
                       struct reason *reason) {
    const struct disk *disk = place.disk;
    struct path next = path_of(place, "next");
    struct path current = path_of(place, "current");
    struct path identity = path_of(place, "");
    char target[TARGET_SIZE];
    snprintf(target, sizeof target, "%s%010" PRIu64, sets_prefix, number);
    err_t err = disk->unlink(disk->self, next.text);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        err = disk->make_link(disk->self, target, next.text);
    }
    if (err != ERR_OK) {
        return disk_failed(reason, err, "create", next.text);
    }
    TRY(make_private(place, next.text, reason));
    err = disk->rename(disk->self, next.text, current.text);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "replace", current.text);
    }
    return sync_folder(place, identity.text, reason);
}

err_t identity_set_write_at(struct identity_place place,
                            const struct identity_file *changes, size_t count,
                            uint64_t *ret_number, struct reason *reason) {
    assert(count > 0 && count <= IDENTITY_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        assert(is_file_name(changes[i].name));
    }
    struct change_list list = {changes, count};
    uint64_t from;
    TRY(identity_set_number_at(place, &from, reason));
    uint64_t to = from + 1;
    TRY(make_folders(place, reason));
    TRY(remove_stale(place, from, reason));
    err_t err = write_set(place, from, to, list, reason);
    if (err != ERR_OK) {
        (void)remove_set(place, to,
                         NULL); /* its space may be what is missing */
        return err;
    }
    TRY(switch_to(place, to, reason));
    *ret_number = to;
    return ERR_OK;
}

/* --- On the real disk --- */

err_t identity_set_write(const char *data, const struct identity_file *changes,
                         size_t count, uint64_t *ret_number,
                         struct reason *reason) {
    struct platform real = platform_real();
    return identity_set_write_at((struct identity_place){&real.disk, data},
                                 changes, count, ret_number, reason);
}

err_t identity_set_read(const char *data, const char *name, uint8_t **ret,
                        size_t *ret_len, struct reason *reason) {
    struct platform real = platform_real();
    return identity_set_read_at((struct identity_place){&real.disk, data}, name,
                                ret, ret_len, reason);
}

err_t identity_set_read_of(const char *data, uint64_t number, const char *name,
                           uint8_t **ret, size_t *ret_len,
                           struct reason *reason) {
    struct platform real = platform_real();
    assert(number > 0 && is_file_name(name));
    return read_in_set((struct identity_place){&real.disk, data}, number, name,
                       ret, ret_len, reason);
}

err_t identity_set_number(const char *data, uint64_t *ret,
                          struct reason *reason) {
    struct platform real = platform_real();
    return identity_set_number_at((struct identity_place){&real.disk, data},
                                  ret, reason);
}
