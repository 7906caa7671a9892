/* SPDX-License-Identifier: Apache-2.0 */
/* A command that is a table of others: `shopme-edge journal`, `device`, `pki`,
 * `dead`. */
#ifndef GATEWAY_COMMANDS_GROUP_H
#define GATEWAY_COMMANDS_GROUP_H

#include <stddef.h>

struct group_entry {
    const char *name;
    int (*run)(int argc, char **argv);
};

struct group {
    const char *name;
    const char *usage; /* the whole text of --help */
    const struct group_entry *entries;
    size_t count;
};

/* Runs the command that the next word names, and returns what it does. Without
 * one that there is, says so and returns COMMANDS_EXIT_USAGE. */
int group_run(const struct group *group, int argc, char **argv);

#endif
