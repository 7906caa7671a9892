/* SPDX-License-Identifier: Apache-2.0 */
/* Which journals a command reads: those of a configuration or of a data
 * directory, all or one; and what a running gateway says about them. */
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
    struct config config; /* if they are those of a configuration */
    char data[CONFIG_PATH_MAX];
    char socket[CONFIG_PATH_MAX + 16];
    char names[JOURNALS_MAX][CONFIG_NAME_MAX];
    uint32_t count;
    bool chosen;  /* one, by its name */
    bool json;    /* an object a line, for each journal */
    bool running; /* a gateway answered; then: */
    struct client_answer answer;
};

/* `command` is for messages. `config` or `data` may be given, not both;
 * `stream` or NULL for all. If false, standard error says what to do and
 * `ret_exit` is the exit status. */
bool journals_choose(struct journals *journals, const char *command,
                     const char *config, const char *data, const char *stream,
                     int *ret_exit) MUST_USE;
/* The folder of the n-th. */
void journals_dir(const struct journals *journals, uint32_t n,
                  char ret[JOURNALS_DIR_MAX]);

/* How far the cloud has a journal. */
struct journals_cursor {
    uint64_t seq; /* all records before this */
    bool known;   /* the bridge's cursor says so; else `seq` is 0 */
};

/* By the journal's folder. It is not known if the cursor is another journal's
 * or stream's. ERR_IO, ERR_UNSUPPORTED. */
err_t journals_cursor(const struct disk *disk, const char *dir,
                      const char *stream, struct journals_cursor *ret,
                      struct reason *reason) MUST_USE;
/* The same by the configuration; not known without a sink. */
err_t journals_cursor_of(const struct disk *disk, const struct config *config,
                         const struct config_stream *stream,
                         struct journals_cursor *ret,
                         struct reason *reason) MUST_USE;

/* Asks the gateway, if there is one. */
void journals_ask(struct journals *journals);
/* How far a stream is durable; UINT64_MAX if no gateway runs. */
uint64_t journals_durable_end(const struct journals *journals,
                              const char *name);
/* A command that does one thing with each journal: reads its options (--config,
 * --data, --stream, --json), and calls `one` for each journal. `one` returns
 * ERR_NOT_FOUND if there is no journal, and sets `ret_good` if all is well.
 * Returns the exit status. */
int journals_run(const char *command, const char *usage, int argc, char **argv,
                 err_t (*one)(const struct journals *journals, uint32_t n,
                              bool *ret_good));
/* Prints that there is no journal at all, and why that may be. */
void journals_none(const struct journals *journals);

#endif
