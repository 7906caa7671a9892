/* SPDX-License-Identifier: Apache-2.0 */
/* The dead letters of a data directory, as `shopme-edge dead` reads and chooses
 * them: from the files, beside a running gateway too. */
#ifndef GATEWAY_COMMANDS_DEAD_LETTERS_H
#define GATEWAY_COMMANDS_DEAD_LETTERS_H

#include "bridge/dead_status.h"
#include "bridge/dead_store.h"
#include "config/config.h"

/* Which of them; NULL or false: that does not matter. */
struct dead_choice {
    const char *ids; /* "3" or "3,7,12-20" */
    const char *stream;
    const char *type;   /* of the event */
    const char *reason; /* the code, or a part of the words */
};

/* Where they are. */
struct dead_place {
    const struct disk *disk; /* outlives it */
    char dir[DEAD_DIR_MAX];
};

struct dead_shown {
    uint64_t id;
    const struct dead_record *letter; /* as it was first refused */
    const struct dead_record *last;   /* the last refusal; NULL: the first */
    struct slice type;                /* empty: the event cannot be read */
    bool retried;                     /* it is to be sent again */
};

/* ERR_PARSE, with what is expected. */
err_t dead_choice_check(const struct dead_choice *choice,
                        struct reason *reason) MUST_USE;
/* Calls `each` for every letter chosen, in order. No journal is no letter.
 * `ret_lost`: records that could not be read. */
err_t dead_letters_each(
    const struct dead_place *place, const struct dead_choice *choice,
    void (*each)(void *context, const struct dead_shown *shown), void *context,
    uint64_t *ret_lost, struct reason *reason) MUST_USE;

/* What the two kinds of commands have in common. */
int command_dead_list(int argc, char **argv);
int command_dead_show(int argc, char **argv);
int command_dead_retry(int argc, char **argv);
int command_dead_drop(int argc, char **argv);

#endif
