/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki init: makes a CA. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/pki_place.h"

static const char usage[] =
    "usage: shopme-edge pki init [--name NAME] [--days N]\n"
    "           [--config FILE | --data DIR | --dir DIR]\n"
    "\n"
    "Makes a CA for one store, and its revocation list, which is empty and\n"
    "never ends. Exit status: 0 made, 1 not, and standard error says why, 2\n"
    "usage.\n"
    "\n"
    "  --name NAME    what it is called; default \"Shopme Edge CA\"\n"
    "  --days N       how long it lasts; default 7300, 20 years: to replace\n"
    "                 it, every device has to be touched\n" PKI_PLACE_OPTIONS
    "  --help\n";

static const char next[] =
    "%s/ca.pem is what devices check the gateway by. Next:\n"
    "  shopme-edge pki server          the gateway's certificate\n"
    "  shopme-edge pki issue DEVICE    a device's\n"
    "Keep a copy of the folder, or all devices need new certificates once the\n"
    "disk fails: who has ca.key can make a certificate for any device.\n";

static err_t init(const struct pki_place *place, const char *name,
                  uint32_t days, struct reason *reason) {
    if (name[0] == '\0' || strlen(name) > 48 ||
        !slice_is_utf8(slice_from_str(name))) {
        return reason_set(reason, ERR_RANGE,
                          "--name has 1 to 48 bytes, in UTF-8");
    }
    TRY(pki_place_enter(place, true, reason));
    return authority_create(&place->platform, place->dir, name, days, reason);
}

int command_pki_init(int argc, char **argv) {
    struct pki_place place = {.config_path = NULL};
    const char *name = "Shopme Edge CA";
    const char *days_text = NULL;
    const struct argument table[] = {
        {"name", &name, NULL},
        {"days", &days_text, NULL},
        PKI_PLACE_ARGUMENTS(place),
    };
    const struct arguments arguments = {"pki init", usage, table, 5};
    struct reason reason = {""};
    uint32_t days;
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !pki_place_days(&arguments, days_text, &days, &exit_code) ||
        !pki_place_find(&place, "pki init", &exit_code)) {
        return exit_code;
    }
    if (init(&place, name, days, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    printf(next, place.dir);
    return EXIT_SUCCESS;
}
