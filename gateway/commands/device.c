/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge device: the table of its subcommands. */
#include "gateway/commands/commands.h"
#include "gateway/commands/group.h"

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

static const struct group_entry entries[] = {
    {"add", command_device_add},       {"set", command_device_set},
    {"passwd", command_device_passwd}, {"remove", command_device_remove},
    {"list", command_device_list},
};

int command_device(int argc, char **argv) {
    static const struct group group = {"device", usage, entries,
                                       sizeof entries / sizeof *entries};
    return group_run(&group, argc, argv);
}
