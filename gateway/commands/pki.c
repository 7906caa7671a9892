/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki: the table of its subcommands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/commands/commands.h"

static const char usage[] =
    "usage: shopme-edge pki COMMAND [options]\n"
    "\n"
    "  init    make a CA, which signs the certificates of one store\n"
    "  server  make the gateway's key and certificate\n"
    "  issue   make a device's key and certificate\n"
    "  list    show what was issued, and when it ends\n"
    "  renew   make a new certificate for the same key\n"
    "  revoke  a device's certificates are not good any more\n"
    "\n"
    "The CA is the folder pki in the data directory, or the one that --dir\n"
    "names, such as on a stick in a safe: then copy ca.pem, crl.pem, "
    "server.pem\n"
    "and server.key to the gateway, but not ca.key. Keys are EC P-256; all\n"
    "files have mode 0600. A CA of the company's needs none of this: name its\n"
    "files in broker.tls. For details: shopme-edge pki COMMAND --help\n";

struct entry {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct entry entries[] = {
    {"init", command_pki_init},   {"server", command_pki_server},
    {"issue", command_pki_issue}, {"list", command_pki_list},
    {"renew", command_pki_renew}, {"revoke", command_pki_revoke},
};

int command_pki(int argc, char **argv) {
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
        fprintf(stderr, "shopme-edge pki: there is no command \"%s\"\n", name);
    }
    fputs(usage, stderr);
    return COMMANDS_EXIT_USAGE;
}
