/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a configuration from several files, with everything that is wrong
 * with it and the place where each key stands.
 *
 * The files are the one that is named and, beside it, conf.d/NAME.yaml in the
 * order of their names. A later file adds to an earlier one: a section is
 * merged key by key, a value is replaced, a `sink` is replaced as a whole, and
 * a stream is merged with the stream of the same name or is added to the list;
 * where the named file lists none, those are the two default streams.
 * broker.listen is replaced as a whole, so that one file says who gets in.
 * If a later file sets broker.mode, keys of the other mode in earlier files do
 * not count. */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "config/config.h"
#include "config/findings.h"
#include "config/schema.h"

enum { CONFIG_FILES_MAX = 33 }; /* the file that is named, and conf.d */

/* Where a key's value stands. */
struct config_place {
    uint32_t file;   /* an index of `files` */
    uint32_t line;   /* from 1; 0: no file gives it, the default counts */
    uint32_t column; /* from 1 */
    bool bad;        /* the value was refused, and the default counts */
};

struct config_sources {
    char files[CONFIG_FILES_MAX][CONFIG_PATH_MAX]; /* [0] is the named one */
    uint32_t file_count;
    bool complete; /* each file could be read: nothing is missing by that */
    struct config_place keys[CONFIG_KEY_COUNT];
    struct config_place streams[CONFIG_STREAMS_MAX][CONFIG_KEY_COUNT];
    struct config_place listeners[CONFIG_LISTENERS_MAX][CONFIG_KEY_COUNT];
};

/* Reads all files. Adds what is wrong to `findings`; nothing of the machine is
 * looked at but the files themselves. On ERR_CONFIG, `ret` has the values that
 * could be used and defaults for the others. ERR_NOT_FOUND if there is no file
 * `path`; ERR_MEMORY. */
err_t config_read(const char *path, struct config *ret,
                  struct config_sources *ret_sources,
                  struct config_findings *findings) MUST_USE;

enum { CONFIG_NO_STREAM = -1 };

/* Adds a finding about the key at `path` (of the stream or the listener with
 * that index), at its place; a key that no file gives is named by its path
 * instead. Says nothing about a value that was refused already. */
void config_find(const struct config_sources *sources,
                 struct config_findings *findings, enum config_level level,
                 const char *path, int item, const char *format, ...)
    PRINTF_LIKE(6, 7);

#endif
