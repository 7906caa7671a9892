/* SPDX-License-Identifier: Apache-2.0 */
/* What loading, merging and checking share. Internal to the config folder. */
#ifndef CONFIG_LOADER_H
#define CONFIG_LOADER_H

#include "config/read.h"
#include "config/yaml_file.h"

/* A node and the file it stands in; node NULL: nowhere. */
struct spot {
    const yaml_node_t *node;
    uint32_t file;
};

/* Where the keys of one scope (the files' top, or an item of a list) were
 * found. */
struct found {
    struct spot self; /* the mapping itself; of the last file that has it */
    struct spot keys[CONFIG_KEY_COUNT];
    bool bad[CONFIG_KEY_COUNT]; /* the value was refused */
};

struct loader {
    struct config_sources *sources;
    struct config_findings *findings;
    struct yaml_file files[CONFIG_FILES_MAX];
    bool open[CONFIG_FILES_MAX];
    struct config config;
    struct found found;
    struct found streams[CONFIG_STREAMS_MAX];
    struct found listeners[CONFIG_LISTENERS_MAX];
    bool on_defaults; /* the first two streams are the default ones */
};

struct spot loader_spot(const struct found *found, const char *path);
bool loader_is_bad(const struct found *found, const char *path);

/* Is broker.listen a list, which was accepted as one? */
bool loader_has_listeners(const struct loader *loader);

/* Adds a finding at `spot` (nowhere: the start of the first file). */
void loader_fault(struct loader *loader, struct spot spot, const char *format,
                  ...) PRINTF_LIKE(3, 4);
void loader_warn(struct loader *loader, struct spot spot, const char *format,
                 ...) PRINTF_LIKE(3, 4);

/* Finds the files of conf.d beside the first file and adds their names to the
 * sources; says so if the folder cannot be read or holds too many. */
void conf_d_list(struct config_sources *sources,
                 struct config_findings *findings);

/* Reads the values of one file over those of the files before it. */
void load_file(struct loader *loader, uint32_t file);

/* Names the streams that there are if the first file lists none. */
void load_default_streams(struct loader *loader);

/* Checks keys against each other, after all files and defaults. */
void cross_check(struct loader *loader);
/* The part of that which is about `broker`; also names its default files. */
void cross_check_broker(struct loader *loader);
/* The part that is about a stream's Kinesis sink. */
void cross_check_kinesis(struct loader *loader, uint32_t index);
/* Can one of them not be had because of the other? */
bool cross_check_same_port(const struct config_address *a,
                           const struct config_address *b);

#endif
