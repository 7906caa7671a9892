/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal: the table of what can be done with the journals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"

static const char usage[] =
    "usage: shopme-edge journal cat [options]\n"
    "\n"
    "  cat        print the journaled events, one JSON event a line\n"
    "\n"
    "shopme-edge journal cat --help tells more.\n";

int command_journal(int argc, char **argv) {
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "cat") == 0) {
        return command_journal_cat(argc - 1, argv + 1);
    }
    if (name[0] != '\0') {
        fprintf(stderr, "shopme-edge journal: there is no \"%s\" here\n", name);
    }
    fputs(usage, stderr);
    return COMMANDS_EXIT_USAGE;
}
