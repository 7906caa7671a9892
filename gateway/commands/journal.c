/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal: the table of its subcommands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"

static const char usage[] =
    "usage: shopme-edge journal COMMAND [options]\n"
    "\n"
    "  cat        print the journaled events, one JSON event a line\n"
    "  list       show each journal: its records, bytes, segments, snapshots\n"
    "  stats      count the events by type\n"
    "  unsent     count the events that the cloud does not have\n"
    "  verify     read everything and report what is damaged\n"
    "  replay     replay the shop's journal and show the resulting state\n"
    "  repair     set damage aside, so that the gateway can start\n"
    "\n"
    "All but repair only read: they work while the gateway runs, and on the\n"
    "disk of a box that is down. For details: shopme-edge journal COMMAND\n"
    "--help\n";

struct entry {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct entry entries[] = {
    {"cat", command_journal_cat},       {"list", command_journal_list},
    {"stats", command_journal_stats},   {"verify", command_journal_verify},
    {"replay", command_journal_replay}, {"repair", command_journal_repair},
    {"unsent", command_journal_unsent},
};

int command_journal(int argc, char **argv) {
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
        fprintf(stderr, "shopme-edge journal: there is no command \"%s\"\n",
                name);
    }
    fputs(usage, stderr);
    return COMMANDS_EXIT_USAGE;
}
