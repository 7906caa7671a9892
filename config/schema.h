/* SPDX-License-Identifier: Apache-2.0 */
/* The schema: one table of every key. Loading, defaults, `check --describe` and
 * printing all use it. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/config.h"

enum config_kind {
    CONFIG_SECTION,  /* a mapping of further keys */
    CONFIG_LIST,     /* the list of streams */
    CONFIG_NAME,     /* `min` to `max` characters of `chars` */
    CONFIG_PATH,     /* a file's name */
    CONFIG_URL,      /* https://name[:port] */
    CONFIG_PROXY,    /* http://host:port, or none */
    CONFIG_ADDRESS,  /* host:port, port from `min` to `max` */
    CONFIG_LISTEN,   /* such an address, or a list of listeners */
    CONFIG_UINT,     /* from `min` to `max` */
    CONFIG_SIZE,     /* bytes with a unit, from `min` to `max` */
    CONFIG_DURATION, /* with its unit, in ms from `min` to `max` */
    CONFIG_BOOL,     /* true or false */
    CONFIG_ENUM,     /* one of `words` */
};

enum config_when { /* which broker.mode a key belongs to */
                   CONFIG_ALWAYS,
                   CONFIG_WHEN_EMBEDDED,
                   CONFIG_WHEN_EXTERNAL,
};

enum config_scope { /* whose value a key is */
                    CONFIG_OF_GATEWAY,
                    CONFIG_OF_STREAM,
                    CONFIG_OF_LISTENER,
};

enum { CONFIG_WORDS_MAX = 8, CONFIG_KEY_PATH_MAX = 64 };

struct config_key {
    const char *path; /* "broker.mode"; in a list "streams[].name" */
    enum config_kind kind;
    bool required;   /* if its section is given */
    bool reloadable; /* SIGHUP makes a new value take effect */
    enum config_when when;
    size_t offset; /* in struct config, config_stream or config_listener */
    size_t size;
    uint64_t min, max;
    const char *chars;                   /* ranges, as in "a-z0-9-" */
    const char *words[CONFIG_WORDS_MAX]; /* in the enum's order */
    const char *fallback;                /* default, as text; NULL = none */
    const char *help;                    /* one sentence */
};

enum { CONFIG_KEY_COUNT = 91 };
extern const struct config_key config_keys[CONFIG_KEY_COUNT];

/* The row with this path, or NULL. */
const struct config_key *config_key_find(const char *path);
/* Is `key` a direct child of the section with this prefix ("", "broker.",
 * "streams[].")? `*ret_name` is its last part. */
bool config_key_is_child(const struct config_key *key, const char *prefix,
                         const char **ret_name);
/* Before the keys of a sink: "streams[].sink.kinesis."; NULL for none. */
const char *config_sink_prefix(enum config_sink sink);
enum config_scope config_key_scope(const struct config_key *key);

/* Reads `text` into the key's place under `base`; ERR_RANGE if the key does not
 * accept it. Not for sections and lists. */
err_t config_value_read(const struct config_key *key, struct slice text,
                        void *base) MUST_USE;
/* Is the key without a value, and without a default? */
bool config_value_is_empty(const struct config_key *key, const void *base);
/* Writes the value at its place as YAML, in one line. */
void config_value_write(const struct config_key *key, const void *base,
                        struct writer *writer);
/* Is `listen` the one address that stands for itself, without a list? */
bool config_listen_is_plain(const struct config_broker *broker);
/* Writes an item of that list, "{address: ...}". */
void config_listener_write(const struct config_listener *listener,
                           struct writer *writer);
/* What the key accepts, as text: "a size from 8 KiB to 1 MiB". */
void config_value_expected(const struct config_key *key, struct writer *writer);

#endif
