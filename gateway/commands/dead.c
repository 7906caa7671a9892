/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge dead: the table of its subcommands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/dead_letters.h"

static const char usage[] =
    "usage: shopme-edge dead COMMAND [options]\n"
    "\n"
    "  list   list the events that the cloud refused for good, and why\n"
    "  show   show one of them whole\n"
    "  retry  send some again, once the cause is mended\n"
    "  drop   give some up\n"
    "\n"
    "list and show only read: they work while the gateway runs, and on the\n"
    "disk of a box that is down. For details: shopme-edge dead COMMAND "
    "--help\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} entries[] = {
    {"list", command_dead_list},
    {"show", command_dead_show},
    {"retry", command_dead_retry},
    {"drop", command_dead_drop},
};

int command_dead(int argc, char **argv) {
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (strcmp(name, entries[i].name) == 0) {
            return entries[i].run(argc - 1, argv + 1);
        }
    }
    if (name[0] != '\0') {
        fprintf(stderr, "shopme-edge dead: there is no command \"%s\"\n", name);
    }
    fputs(usage, stderr);
    return COMMANDS_EXIT_USAGE;
}
