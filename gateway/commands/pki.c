/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki: the table of its subcommands. */
#include "gateway/commands/commands.h"
#include "gateway/commands/group.h"

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

static const struct group_entry entries[] = {
    {"init", command_pki_init},   {"server", command_pki_server},
    {"issue", command_pki_issue}, {"list", command_pki_list},
    {"renew", command_pki_renew}, {"revoke", command_pki_revoke},
};

int command_pki(int argc, char **argv) {
    static const struct group group = {"pki", usage, entries,
                                       sizeof entries / sizeof *entries};
    return group_run(&group, argc, argv);
}
