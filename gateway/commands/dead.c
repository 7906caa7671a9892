/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge dead: the table of its subcommands. */
#include "gateway/commands/commands.h"
#include "gateway/commands/dead_letters.h"
#include "gateway/commands/group.h"

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

static const struct group_entry entries[] = {
    {"list", command_dead_list},
    {"show", command_dead_show},
    {"retry", command_dead_retry},
    {"drop", command_dead_drop},
};

int command_dead(int argc, char **argv) {
    static const struct group group = {"dead", usage, entries,
                                       sizeof entries / sizeof *entries};
    return group_run(&group, argc, argv);
}
