/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"

int group_run(const struct group *group, int argc, char **argv) {
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0) {
        fputs(group->usage, stdout);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < group->count; i++) {
        if (strcmp(name, group->entries[i].name) == 0) {
            return group->entries[i].run(argc - 1, argv + 1);
        }
    }
    if (name[0] != '\0') {
        fprintf(stderr, "shopme-edge %s: there is no command \"%s\"\n",
                group->name, name);
    }
    fputs(group->usage, stderr);
    return COMMANDS_EXIT_USAGE;
}
