/* SPDX-License-Identifier: Apache-2.0 */
/* Which journals a command looks at: those of a configuration or of a data
 * directory, all or one, and what a running gateway says of them. */
#ifndef GATEWAY_COMMANDS_JOURNALS_H
#define GATEWAY_COMMANDS_JOURNALS_H

#include "config/config.h"
#include "gateway/commands/client.h"

enum {
    JOURNALS_MAX = 64,
    JOURNALS_DIR_MAX = CONFIG_PATH_MAX + CONFIG_NAME_MAX + 1,
};

struct journals {
    struct disk disk;
    struct config config; /* if they are those of one */
    char data[CONFIG_PATH_MAX];
    char socket[CONFIG_PATH_MAX + 16];
    char names[JOURNALS_MAX][CONFIG_NAME_MAX];
    uint32_t count;
    bool chosen;  /* one, by its name */
    bool running; /* a gateway answered; then: */
    struct client_answer answer;
};

/* `command` is for messages. `config` or `data` may be given, not both;
 * `stream` or NULL for all. False, with what to do on standard error, and the
 * exit status in `ret_exit`. */
bool journals_choose(struct journals *journals, const char *command,
                     const char *config, const char *data, const char *stream,
                     int *ret_exit) MUST_USE;
/* The folder of the n-th. */
void journals_dir(const struct journals *journals, uint32_t n,
                  char ret[JOURNALS_DIR_MAX]);

/* What the bridge knows of the length of a stream's journal, by its cursor; 0
 * without a sink. ERR_IO, ERR_UNSUPPORTED. */
err_t journals_known_end(const struct disk *disk, const struct config *config,
                         const struct config_stream *stream, uint64_t *ret,
                         struct reason *reason) MUST_USE;

/* Asks the gateway, if there is one. */
void journals_ask(struct journals *journals);
/* How far a stream is durable; UINT64_MAX if no gateway is there to ask. */
uint64_t journals_durable_end(const struct journals *journals,
                              const char *name);
/* A command that does one thing with each journal: reads its options (--config,
 * --data, --stream), and calls `one` for each. That gives ERR_NOT_FOUND where
 * there is no journal, and says in `ret_good` if all is well. Returns the exit
 * status. */
int journals_run(const char *command, const char *usage, int argc, char **argv,
                 err_t (*one)(const struct journals *journals, uint32_t n,
                              bool *ret_good));
/* Says that there is none at all, and what that may mean. */
void journals_none(const struct journals *journals);

#endif
