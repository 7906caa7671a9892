/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge device: the table of its subcommands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"

static const char usage[] =
    "usage: shopme-edge device COMMAND [options]\n"
    "\n"
    "  add     register a device: by password, by certificate, or both\n"
    "  set     change what a registered device may do\n"
    "  passwd  give it a new password\n"
    "  remove  it may not connect any more\n"
    "  list    show the registered devices\n"
    "\n"
    "What is changed is in force at once, and nobody else is disconnected.\n"
    "All of them work with a running gateway and without one. For details:\n"
    "shopme-edge device COMMAND --help\n";

struct entry {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct entry entries[] = {
    {"add", command_device_add},       {"set", command_device_set},
    {"passwd", command_device_passwd}, {"remove", command_device_remove},
    {"list", command_device_list},
};

int command_device(int argc, char **argv) {
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
        fprintf(stderr, "shopme-edge device: there is no command \"%s\"\n",
                name);
    }
    fputs(usage, stderr);
    return COMMANDS_EXIT_USAGE;
}
