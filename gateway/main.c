/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge: the table of subcommands; nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/streams.h"
#include "gateway/commands/commands.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", command_run, "run the gateway"},
    {"check", command_check, "read the configuration and say what is wrong"},
    {"status", command_status, "show the state of the running gateway"},
    {"sync", command_sync, "wait until everything is in the cloud"},
    {"dead", command_dead, "list what the cloud refused, send it again"},
    {"device", command_device, "say which devices may connect"},
    {"pki", command_pki, "make, renew and revoke certificates"},
    {"journal", command_journal,
     "read, check or repair the journal on the disk"},
    {"downgrade", command_downgrade,
     "prepare the data for the release before this one"},
};

static void print_usage(FILE *out) {
    fputs("usage: shopme-edge COMMAND [options]\n\n", out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    fputs("\nFor details: shopme-edge COMMAND --help; for the version: "
          "shopme-edge --version\n",
          out);
}

int main(int argc, char **argv) {
    if (!standard_streams_open()) {
        return EXIT_FAILURE;
    }
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "--version") == 0) {
        puts("shopme-edge " SHOPME_EDGE_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (name[0] != '\0') {
        fprintf(stderr, "shopme-edge: there is no command \"%s\"\n", name);
    }
    print_usage(stderr);
    return COMMANDS_EXIT_USAGE;
}
