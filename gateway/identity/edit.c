/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/identity/edit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void free_bytes(uint8_t **bytes) {
    free(*bytes);
}

static void free_text(char **text) {
    free(*text);
}

/* --- The lock ------------------------------------------------------------- */

static err_t make_folder(const char *path, struct reason *reason) {
    if (mkdir(path, 0700) == 0 || errno == EEXIST) {
        return ERR_OK;
    }
    return disk_failed(reason, ERR_IO, "create the folder", path);
}

err_t identity_lock(const char *data, int *ret_fd, struct reason *reason) {
    char path[IDENTITY_PATH_MAX];
    snprintf(path, sizeof path, "%s/identity", data);
    TRY(make_folder(path, reason));
    snprintf(path, sizeof path, "%s/identity/lock", data);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return disk_failed(reason, ERR_IO, "open", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return ERR_OK;
    }
    err_t err = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
    (void)disk_failed(reason, ERR_IO, "lock", path);
    close(fd);
    return err;
}

void identity_unlock(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

/* --- Reading and writing -------------------------------------------------- */

/* `*ret_there`: the current set has the file. */
static err_t load(const char *data, struct accounts *ret, bool *ret_there,
                  struct reason *reason) {
    CLEANUP(free_bytes) uint8_t *bytes = NULL;
    size_t len = 0;
    err_t err = identity_set_read(data, "accounts", &bytes, &len, reason);
    *ret_there = err != ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) {
        *ret = (struct accounts){0};
        *reason = (struct reason){""};
        return ERR_OK;
    }
    TRY(err);
    struct reason why = {""};
    err = accounts_read(slice_of(bytes, len), ret, &why);
    if (err == ERR_CORRUPT) {
        char path[IDENTITY_PATH_MAX];
        identity_set_path(data, "accounts", path);
        return reason_set(reason, err, "%s: %s", path, why.text);
    }
    return err == ERR_OK ? err : reason_set(reason, err, "no memory");
}

err_t identity_accounts_load(const char *data, struct accounts *ret,
                             struct reason *reason) {
    bool there;
    return load(data, ret, &there, reason);
}

static uint32_t apply(struct accounts *accounts, int64_t now_us,
                      struct identity_edit *edits, size_t count) {
    uint32_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        struct identity_edit *edit = &edits[i];
        edit->err = identity_change_apply(edit->change, now_us, accounts,
                                          &edit->reason);
        changed += edit->err == ERR_OK && edit->change->op != IDENTITY_RELOAD;
    }
    return changed;
}

static err_t write_set(const char *data, const struct accounts *accounts,
                       const struct identity_file *files, size_t file_count,
                       uint64_t *ret_set, struct reason *reason) {
    CLEANUP(free_text) char *text = NULL;
    size_t len = 0;
    struct identity_file all[IDENTITY_FILES_MAX];
    assert(file_count < IDENTITY_FILES_MAX);
    if (accounts_write(accounts, &text, &len) != ERR_OK) {
        return reason_set(reason, ERR_MEMORY, "no memory for the accounts");
    }
    all[0] = (struct identity_file){"accounts", slice_of(text, len)};
    for (size_t i = 0; i < file_count; i++) {
        all[i + 1] = files[i];
    }
    return identity_set_write(data, all, file_count + 1, ret_set, reason);
}

err_t identity_edit(const char *data, int64_t now_us, bool first,
                    struct identity_edit *edits, size_t count,
                    const struct identity_file *files, size_t file_count,
                    uint64_t *ret_set, struct reason *reason) {
    CLEANUP(accounts_free) struct accounts accounts = {0};
    bool there;
    TRY(load(data, &accounts, &there, reason));
    uint32_t changed = apply(&accounts, now_us, edits, count);
    if (changed == 0 && file_count == 0 && (there || !first)) {
        return identity_set_number(data, ret_set, reason);
    }
    return write_set(data, &accounts, files, file_count, ret_set, reason);
}

/* --- Damage --------------------------------------------------------------- */

static const char aside_name[] = "accounts.bad";

err_t identity_set_aside(const char *data, uint64_t *ret_set,
                         struct reason *reason) {
    const struct accounts none = {0};
    CLEANUP(free_bytes) uint8_t *bytes = NULL;
    size_t len = 0;
    TRY(identity_set_read(data, "accounts", &bytes, &len, reason));
    /* (An empty file would be left out of the set.) */
    const struct identity_file file = {
        aside_name, len > 0 ? slice_of(bytes, len) : SLICE("\n")};
    return write_set(data, &none, &file, 1, ret_set, reason);
}

err_t identity_set_lost(const char *data, struct slice older, uint64_t *ret_set,
                        struct reason *reason) {
    const struct accounts none = {0};
    const struct identity_file file = {
        aside_name,
        older.len > 0
            ? older
            : SLICE("identity/current named a set that was not there\n")};
    return write_set(data, &none, &file, 1, ret_set, reason);
}

bool identity_is_aside(const char *data, struct reason *reason) {
    CLEANUP(free_bytes) uint8_t *bytes = NULL;
    size_t len = 0;
    struct reason ignored;
    char path[IDENTITY_PATH_MAX];
    if (identity_set_read(data, aside_name, &bytes, &len, &ignored) != ERR_OK) {
        return false;
    }
    identity_set_path(data, aside_name, path);
    (void)reason_set(reason, ERR_CORRUPT,
                     "the accounts were damaged or lost, see %s: their devices "
                     "cannot connect; restore or add them, then remove that "
                     "file and reload",
                     path);
    return true;
}
