/* SPDX-License-Identifier: Apache-2.0 */
/* The files beside the one that is named: conf.d/NAME.yaml, by name. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "config/loader.h"

enum { NAMES_MAX = CONFIG_FILES_MAX - 1 };

struct names {
    char dir[CONFIG_PATH_MAX];
    char (*paths)[CONFIG_PATH_MAX]; /* into the sources */
    uint32_t count;
    bool hidden; /* there is one that cannot be read: its keys are not known */
    struct config_findings *findings;
};

static void close_dir(DIR **dir) {
    if (*dir != NULL) {
        closedir(*dir);
    }
}

PRINTF_LIKE(3, 4)
static void add(const struct names *names, enum config_level level,
                const char *format, ...) {
    struct reason text;
    struct reason what;
    va_list args;
    va_start(args, format);
    vsnprintf(text.text, sizeof text.text, format, args);
    va_end(args);
    reason_set(&what, ERR_CONFIG, "%s: %s", names->dir, text.text);
    config_findings_add(names->findings, level, &what);
}

static bool ends_with(const char *name, const char *end) {
    size_t len = strlen(name);
    return len > strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

/* NULL for one that can be opened: who opens a FIFO may wait for ever. */
static const char *no_file(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return errno == ENOENT ? "a link to a file that is not there" : NULL;
    }
    return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)
               ? NULL
               : "which is no file";
}

/* What an editor or a package leaves there (.x.swp, x.yaml~, x.yaml.dpkg-old)
 * has another ending; one that is read by other programs is worth a word. */
static void take(struct names *names, const char *name) {
    if (name[0] == '.') {
        return;
    }
    if (!ends_with(name, ".yaml")) {
        if (ends_with(name, ".yml") || ends_with(name, ".YAML")) {
            add(names, CONFIG_WARNING,
                "found %s, which is not read; expected a name that ends with "
                ".yaml",
                name);
        }
        return;
    }
    if (names->count == NAMES_MAX) {
        add(names, CONFIG_ERROR,
            "found more than 32 files, of which %s is one; expected at most "
            "32",
            name);
        return;
    }
    char *path = names->paths[names->count];
    int len = snprintf(path, CONFIG_PATH_MAX, "%s/%s", names->dir, name);
    if (len < 0 || len >= CONFIG_PATH_MAX) {
        add(names, CONFIG_ERROR, "found a name that is too long: %.60s", name);
        return;
    }
    const char *what = no_file(path);
    if (what != NULL) {
        add(names, CONFIG_ERROR, "found %s, %s; expected YAML files", name,
            what);
        names->hidden = true;
        return;
    }
    names->count++;
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static void dir_of(const char *file, char ret[CONFIG_PATH_MAX]) {
    const char *slash = strrchr(file, '/');
    int len = slash == NULL ? 0 : (int)(slash - file) + 1;
    snprintf(ret, CONFIG_PATH_MAX, "%.*sconf.d", len, file);
}

void conf_d_list(struct config_sources *sources,
                 struct config_findings *findings) {
    assert(sources->file_count == 1);
    struct names names = {.paths = &sources->files[1], .findings = findings};
    dir_of(sources->files[0], names.dir);
    CLEANUP(close_dir) DIR *dir = opendir(names.dir);
    if (dir == NULL && errno == ENOENT) {
        return;
    }
    if (dir == NULL) {
        struct reason what;
        (void)disk_failed(&what, ERR_IO, "read the folder", names.dir);
        config_findings_add(findings, CONFIG_ERROR, &what);
        sources->complete = false;
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        take(&names, entry->d_name);
    }
    qsort(names.paths, names.count, sizeof *names.paths, by_name);
    sources->file_count += names.count;
    sources->complete = sources->complete && !names.hidden;
}
