/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/aside.h"

#include <stdio.h>

#include "gateway/journal/segment.h"

enum { FOUND_MAX = 64, NAME_SIZE = 48 };

struct found {
    char names[FOUND_MAX][NAME_SIZE]; /* further ones are found the next time */
    size_t count;
};

static bool ends_in(const char *name, const char *suffix) {
    size_t len = strlen(name);
    size_t end = strlen(suffix);
    return len > end && strcmp(name + len - end, suffix) == 0;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Of the journal: named after a record. */
static bool is_journals(const char *name) {
    return is_digit(name[0]) &&
           (ends_in(name, ".rot") || ends_in(name, ".bad"));
}

/* Of the broker: NAME.bad-N. */
static bool is_brokers(const char *name) {
    const char *mark = strstr(name, ".bad-");
    size_t digits = 0;
    while (mark != NULL && is_digit(mark[5 + digits])) {
        digits++;
    }
    return digits > 0 && mark[5 + digits] == '\0';
}

static void found_each(void *context, const char *name) {
    struct found *found = context;
    if ((is_journals(name) || is_brokers(name)) && found->count < FOUND_MAX &&
        strlen(name) < NAME_SIZE) {
        strcpy(found->names[found->count++], name);
    }
}

static bool remove_one(const struct disk *disk, const char *path,
                       int64_t before_us) {
    int64_t changed_us;
    err_t err = disk->changed_us(disk->self, path, &changed_us);
    if (err == ERR_OK && changed_us > before_us) {
        return false;
    }
    if (err == ERR_OK) {
        err = disk->unlink(disk->self, path);
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "journal",
                 "set_aside=%s is too old, and cannot be "
                 "removed: %s",
                 path, disk_cause(err));
        return false;
    }
    log_line(LOG_INFO, "journal", "set_aside=%s removed: it is too old", path);
    return true;
}

void aside_remove(const struct disk *disk, const char *dir, int64_t before_us) {
    struct found found = {.count = 0};
    bool removed = false;
    if (disk->list(disk->self, dir, found_each, &found) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < found.count; i++) {
        char path[SEGMENT_PATH_SIZE + NAME_SIZE];
        snprintf(path, sizeof path, "%s/%s", dir, found.names[i]);
        removed = remove_one(disk, path, before_us) || removed;
    }
    if (removed) {
        (void)disk->sync_dir(disk->self, dir);
    }
}
