/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal: the table of its subcommands. */
#include "gateway/commands/commands.h"
#include "gateway/commands/group.h"

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

static const struct group_entry entries[] = {
    {"cat", command_journal_cat},       {"list", command_journal_list},
    {"stats", command_journal_stats},   {"verify", command_journal_verify},
    {"replay", command_journal_replay}, {"repair", command_journal_repair},
    {"unsent", command_journal_unsent},
};

int command_journal(int argc, char **argv) {
    static const struct group group = {"journal", usage, entries,
                                       sizeof entries / sizeof *entries};
    return group_run(&group, argc, argv);
}
