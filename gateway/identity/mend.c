/* SPDX-License-Identifier: Apache-2.0 */
/* A folder in the place of `current` is first moved to `restored`, then written
 * as a set, then removed: after a crash in between one of both is there. */
#include "gateway/identity/mend.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/disk.h"
#include "gateway/identity/edit.h"

enum { PATH_SIZE = IDENTITY_PATH_MAX + 320, LINK_SIZE = 64 };

struct mending {
    struct platform platform;
    const char *data;
    struct reason *said;
    struct reason *reason;
    uid_t owner; /* of the data folder */
};

struct path {
    char text[PATH_SIZE];
};

static struct path path_of(const struct mending *mending, const char *rest) {
    struct path path;
    int len = snprintf(path.text, sizeof path.text, "%s/identity%s%s",
                       mending->data, rest[0] != '\0' ? "/" : "", rest);
    assert(len > 0 && (size_t)len < sizeof path.text);
    return path;
}

static err_t failed(const struct mending *mending, const char *verb,
                    const char *path) {
    return disk_failed(mending->reason, ERR_IO, verb, path);
}

/* What is there, without following a link; 0 = nothing. */
static mode_t kind_of(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & (mode_t)S_IFMT : 0;
}

static bool is_folder(const char *path) {
    return kind_of(path) == S_IFDIR;
}

static err_t sync_identity(const struct mending *mending) {
    const struct disk *disk = &mending->platform.disk;
    struct path identity = path_of(mending, "");
    err_t err = disk->sync_dir(disk->self, identity.text);
    return err == ERR_OK ? ERR_OK : failed(mending, "sync", identity.text);
}

/* --- Each file of a folder ------------------------------------------------ */

static void close_dir(DIR **dir) {
    if (*dir != NULL) {
        closedir(*dir);
    }
}

/* `call` for each name that is no dot's. */
static err_t each_name(const struct mending *mending, const char *folder,
                       err_t (*call)(void *self, const char *path,
                                     const char *name),
                       void *self) {
    DIR *dir CLEANUP(close_dir) = opendir(folder);
    if (dir == NULL) {
        return failed(mending, "list", folder);
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char path[PATH_SIZE];
        int len = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && len > 0 && (size_t)len < sizeof path) {
            TRY(call(self, path, e->d_name));
        }
    }
    return ERR_OK;
}

/* --- `current` is a folder ------------------------------------------------ */

struct found {
    const struct mending *mending;
    struct identity_file files[IDENTITY_FILES_MAX]; /* of the two below */
    char *names[IDENTITY_FILES_MAX];
    uint8_t *bytes[IDENTITY_FILES_MAX];
    size_t count;
};

static void free_found(struct found *found) {
    for (size_t i = 0; i < found->count; i++) {
        explicit_bzero(found->bytes[i], found->files[i].bytes.len); /* a key */
        free(found->bytes[i]);
        free(found->names[i]);
    }
}

static err_t read_found(void *self, const char *path, const char *name) {
    struct found *found = self;
    const struct mending *mending = found->mending;
    uint8_t *bytes;
    size_t len;
    if (found->count == IDENTITY_FILES_MAX) {
        return reason_set(mending->reason, ERR_FULL,
                          "%s: a set has at most %d files: remove what is not "
                          "the gateway's",
                          path, IDENTITY_FILES_MAX);
    }
    err_t err = disk_read_whole(&mending->platform.disk, path, &bytes, &len);
    if (err != ERR_OK) {
        return disk_failed(mending->reason, err, "read", path);
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        free(bytes);
        return reason_set(mending->reason, ERR_MEMORY, "no memory");
    }
    size_t at = found->count++;
    found->names[at] = copy;
    found->bytes[at] = bytes;
    found->files[at] = (struct identity_file){copy, slice_of(bytes, len)};
    return ERR_OK;
}

static err_t remove_file(void *self, const char *path, const char *name) {
    const struct mending *mending = self;
    (void)name;
    return unlink(path) == 0 ? ERR_OK : failed(mending, "remove", path);
}

static err_t remove_restored(struct mending *mending, const char *restored) {
    TRY(each_name(mending, restored, remove_file, mending));
    return rmdir(restored) == 0 ? ERR_OK : failed(mending, "remove", restored);
}

static err_t take_restored(struct mending *mending, const char *restored) {
    CLEANUP(free_found) struct found found = {.mending = mending};
    uint64_t number;
    TRY(each_name(mending, restored, read_found, &found));
    if (found.count > 0) {
        TRY(identity_set_write(mending->data, found.files, found.count, &number,
                               mending->reason));
        (void)reason_set(mending->said, ERR_OK,
                         "identity/current was a folder, as a copy that "
                         "follows links leaves it: it is set %" PRIu64
                         " now, behind a link",
                         number);
    }
    return remove_restored(mending, restored);
}

static err_t mend_folder(struct mending *mending) {
    struct path current = path_of(mending, "current");
    struct path restored = path_of(mending, "restored");
    if (is_folder(current.text)) {
        if (is_folder(restored.text)) {
            TRY(remove_restored(mending, restored.text));
        }
        if (rename(current.text, restored.text) != 0) {
            return failed(mending, "rename", current.text);
        }
        TRY(sync_identity(mending));
    }
    if (!is_folder(restored.text)) {
        return ERR_OK;
    }
    return kind_of(current.text) == 0 ? take_restored(mending, restored.text)
                                      : remove_restored(mending, restored.text);
}

/* --- `current` names nothing ---------------------------------------------- */

struct newest {
    char name[LINK_SIZE];     /* "" = there is none */
    char readable[LINK_SIZE]; /* the newest whose accounts can be read */
};

/* Accounts that were not written to their end cannot be read. */
static bool read_accounts(const char *folder, uint8_t **ret, size_t *ret_len) {
    char path[PATH_SIZE];
    struct platform real = platform_real();
    struct accounts accounts = {0};
    struct reason ignored;
    snprintf(path, sizeof path, "%.800s/accounts", folder);
    ENSURE(disk_read_whole(&real.disk, path, ret, ret_len) == ERR_OK, false);
    err_t err = accounts_read(slice_of(*ret, *ret_len), &accounts, &ignored);
    accounts_free(&accounts);
    if (err != ERR_OK) {
        free(*ret);
        *ret = NULL;
    }
    return err == ERR_OK;
}

/* Ten digits, as identity_set.c names them. */
static err_t take_newer(void *self, const char *path, const char *name) {
    struct newest *newest = self;
    uint8_t *bytes;
    size_t len;
    if (strlen(name) != 10 || strspn(name, "0123456789") != 10) {
        return ERR_OK;
    }
    if (strcmp(name, newest->name) > 0) {
        snprintf(newest->name, sizeof newest->name, "%s", name);
    }
    if (strcmp(name, newest->readable) > 0 &&
        read_accounts(path, &bytes, &len)) {
        snprintf(newest->readable, sizeof newest->readable, "%s", name);
        free(bytes);
    }
    return ERR_OK;
}

/* In the place of what names nothing. */
static err_t link_to(struct mending *mending, const char *name) {
    const struct disk *disk = &mending->platform.disk;
    struct path current = path_of(mending, "current");
    struct path next = path_of(mending, "next");
    char target[2 * LINK_SIZE];
    snprintf(target, sizeof target, "sets/%s", name);
    if (unlink(next.text) != 0 && errno != ENOENT) {
        return failed(mending, "remove", next.text);
    }
    if (symlink(target, next.text) != 0) {
        return failed(mending, "create", next.text);
    }
    if (disk->make_private(disk->self, next.text, mending->data) != ERR_OK) {
        return failed(mending, "protect", next.text);
    }
    if (rename(next.text, current.text) != 0) {
        return failed(mending, "replace", current.text);
    }
    TRY(sync_identity(mending));
    return reason_set(mending->said, ERR_OK,
                      "identity/current named no set that is there: it is the "
                      "newest one now, %s; see shopme-edge device list",
                      target);
}

static void free_bytes(uint8_t **bytes) {
    free(*bytes);
}

static err_t begin_anew(struct mending *mending, const char *older) {
    struct path current = path_of(mending, "current");
    struct path sets = path_of(mending, "sets");
    CLEANUP(free_bytes) uint8_t *bytes = NULL;
    char folder[PATH_SIZE + LINK_SIZE];
    size_t len = 0;
    uint64_t number;
    snprintf(folder, sizeof folder, "%s/%s", sets.text, older);
    if (older[0] != '\0' && !read_accounts(folder, &bytes, &len)) {
        return failed(mending, "read", folder);
    }
    if (unlink(current.text) != 0 && errno != ENOENT) {
        return failed(mending, "remove", current.text);
    }
    TRY(identity_set_lost(mending->data, slice_of(bytes, len), &number,
                          mending->reason));
    return reason_set(mending->said, ERR_OK,
                      "the accounts are lost: identity/current named no set "
                      "that is there, and there is no newer one; restore the "
                      "folder identity/, or add the devices again");
}

/* The set that `current` names, though it is not there; "" if there is no link
 * or one to elsewhere, which is refused when it is read. */
static void read_target(const char *current, char ret[LINK_SIZE]) {
    char target[LINK_SIZE];
    ssize_t len = readlink(current, target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    bool ours = strncmp(target, "sets/", 5) == 0;
    snprintf(ret, LINK_SIZE, "%s", ours ? target + 5 : "");
}

static err_t mend_link(struct mending *mending) {
    struct path current = path_of(mending, "current");
    struct path sets = path_of(mending, "sets");
    struct newest newest = {.name = ""};
    char named[LINK_SIZE];
    struct stat st;
    bool is_link = kind_of(current.text) == S_IFLNK;
    read_target(current.text, named);
    if (stat(current.text, &st) == 0 || errno != ENOENT ||
        (is_link && named[0] == '\0')) {
        return ERR_OK;
    }
    if (is_folder(sets.text)) {
        TRY(each_name(mending, sets.text, take_newer, &newest));
    }
    bool is_whole =
        newest.name[0] != '\0' && strcmp(newest.name, newest.readable) == 0;
    if (is_whole && strcmp(newest.name, named) > 0) {
        return link_to(mending, newest.name);
    }
    /* A first set that was not written to its end is nobody's. */
    bool is_first = !is_link && strcmp(newest.name, "0000000001") <= 0;
    return is_first ? ERR_OK : begin_anew(mending, newest.readable);
}

/* --- Who may read --------------------------------------------------------- */

static err_t protect(void *self, const char *path, const char *name) {
    struct mending *mending = self;
    const struct disk *disk = &mending->platform.disk;
    struct stat st;
    (void)name;
    if (lstat(path, &st) != 0 || S_ISLNK(st.st_mode)) {
        return ERR_OK;
    }
    bool open = (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    bool foreign = geteuid() == 0 && st.st_uid != mending->owner;
    if (!open && !foreign) {
        return ERR_OK;
    }
    if (disk->make_private(disk->self, path, mending->data) != ERR_OK) {
        return failed(mending, "take from others (chmod go=, chown)", path);
    }
    return reason_set(mending->said, ERR_OK,
                      "%s, or what is in it, was open to other users: it is "
                      "the data folder's owner's alone now; who read a key "
                      "meanwhile has it",
                      path);
}

/* A link to elsewhere is none of the gateway's, nor what it names. */
static bool names_set(const struct mending *mending, const char *current) {
    struct reason ignored;
    struct stat st;
    uint64_t number;
    return identity_set_number(mending->data, &number, &ignored) == ERR_OK &&
           number > 0 && stat(current, &st) == 0;
}

static err_t mend_modes(struct mending *mending) {
    struct path identity = path_of(mending, "");
    struct path sets = path_of(mending, "sets");
    struct path current = path_of(mending, "current");
    TRY(each_name(mending, identity.text, protect, mending));
    if (is_folder(sets.text)) {
        TRY(each_name(mending, sets.text, protect, mending));
    }
    if (is_folder(current.text) || names_set(mending, current.text)) {
        TRY(each_name(mending, current.text, protect, mending));
    }
    return protect(mending, identity.text, "");
}

err_t identity_mend(const char *data, struct reason *ret,
                    struct reason *reason) {
    struct stat st;
    struct mending mending = {.platform = platform_real(),
                              .data = data,
                              .said = ret,
                              .reason = reason};
    *ret = (struct reason){""};
    if (stat(data, &st) != 0) {
        return failed(&mending, "look at", data);
    }
    mending.owner = st.st_uid;
    struct path identity = path_of(&mending, "");
    if (!is_folder(identity.text)) {
        return ERR_OK; /* the first set makes it */
    }
    TRY(mend_modes(&mending)); /* first, since the others say more */
    TRY(mend_folder(&mending));
    return mend_link(&mending);
}
