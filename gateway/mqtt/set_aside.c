/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/set_aside.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/disk.h"

static const char mark[] = ".bad-";

static void close_folder(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

/* The number in a name that was given to what was called `base`; 0 if none. */
static unsigned long number_of(const char *name, struct slice base) {
    struct slice found = slice_from_str(name);
    if (found.len <= base.len + sizeof mark - 1 ||
        !slice_eq(slice_part(found, 0, base.len), base) ||
        strncmp(name + base.len, mark, sizeof mark - 1) != 0) {
        return 0;
    }
    const char *digits = name + base.len + sizeof mark - 1;
    char *end;
    unsigned long number = strtoul(digits, &end, 10);
    return *end == '\0' && number < 1000000 ? number : 0;
}

/* The highest number in use; removes those at or below `remove`. */
static unsigned long walk(const char *path, unsigned long remove_to) {
    char name[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct slice base = slice_from_str(slash == NULL ? path : slash + 1);
    int folder_len = slash == NULL ? 1 : (int)(slash - path) + 1;
    snprintf(name, sizeof name, "%.*s", folder_len, slash == NULL ? "." : path);
    CLEANUP(close_folder) DIR *folder = opendir(name);
    unsigned long highest = 0;
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        unsigned long number = number_of(entry->d_name, base);
        highest = number > highest ? number : highest;
        if (number > 0 && number <= remove_to) {
            snprintf(name, sizeof name, "%s%s%lu", path, mark, number);
            (void)remove(name);
        }
    }
    return highest;
}

static err_t put_aside(const char *path, const char *verb,
                       int (*put)(const char *from, const char *to), char *ret,
                       size_t ret_size, struct reason *reason) {
    unsigned long number = walk(path, 0) + 1;
    int len = snprintf(ret, ret_size, "%s%s%lu", path, mark, number);
    if (len < 0 || (size_t)len >= ret_size) {
        return reason_set(reason, ERR_IO, "%s: its name is too long", path);
    }
    if (put(path, ret) != 0) {
        return disk_failed(reason, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                           verb, path);
    }
    if (number > SET_ASIDE_KEPT) {
        (void)walk(path, number - SET_ASIDE_KEPT);
    }
    return ERR_OK;
}

err_t set_aside(const char *path, char *ret, size_t ret_size,
                struct reason *reason) {
    return put_aside(path, "rename", rename, ret, ret_size, reason);
}

err_t set_aside_copy(const char *path, char *ret, size_t ret_size,
                     struct reason *reason) {
    return put_aside(path, "keep", link, ret, ret_size, reason);
}
