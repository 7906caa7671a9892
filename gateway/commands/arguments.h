/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments after a subcommand's name: long options from a table, each
 * `--name`, `--name VALUE` or `--name=VALUE`; and one word without dashes, and
 * options that may be given several times, where a command has them. */
#ifndef GATEWAY_COMMANDS_ARGUMENTS_H
#define GATEWAY_COMMANDS_ARGUMENTS_H

#include "gateway/base/base.h"

struct argument {
    const char *name;   /* without its dashes */
    const char **value; /* where the value goes, or NULL: */
    bool *flag;         /* set to true if the option is there */
};

struct arguments {
    const char *command; /* "journal cat" */
    const char *usage;   /* printed by --help, which every command takes */
    const struct argument *table;
    size_t count;
};

/* Reads argv[1] and on. True: continue. False: the command is done, with its
 * exit status. Either --help was printed, or an argument is wrong and standard
 * error says what to do. */
bool arguments_read(const struct arguments *arguments, int argc, char **argv,
                    int *ret_exit) MUST_USE;

enum { ARGUMENTS_LIST_MAX = 16 };

/* An option that may come several times. */
struct argument_list {
    const char *name; /* without its dashes */
    const char *values[ARGUMENTS_LIST_MAX];
    size_t count;
};

/* What only some commands have. */
struct arguments_more {
    const char *word_name; /* "NAME", for messages; NULL: there is no word */
    const char *word;      /* NULL if it was not given */
    struct argument_list *lists;
    size_t list_count;
};

/* The same with these, of which `word` and the lists' values are set. */
bool arguments_read_more(const struct arguments *arguments,
                         struct arguments_more *more, int argc, char **argv,
                         int *ret_exit) MUST_USE;

/* A whole number from `min` to `max`; false as above. */
bool arguments_number(const struct arguments *arguments, const char *name,
                      const char *text, uint64_t min, uint64_t max,
                      uint64_t *ret, int *ret_exit) MUST_USE;

#endif
