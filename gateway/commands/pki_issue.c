/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki issue: makes a device's key and certificate. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/pki_place.h"
#include "gateway/commands/pki_shown.h"

static const char usage[] =
    "usage: shopme-edge pki issue DEVICE [--days N] [--again] [--no-p12 |\n"
    "           [--modern] [--password-ask | --password-stdin |\n"
    "           --password-file FILE]] [--config FILE | --data DIR | --dir "
    "DIR]\n"
    "\n"
    "Makes a key and a certificate for the device, as PEM and as PKCS #12. "
    "The\n"
    "password of the latter is made and printed alone on standard output,\n"
    "once, unless one is given. The device may connect once it is registered\n"
    "(shopme-edge device add DEVICE --certificate). Exit status: 0 done, 1\n"
    "not, and standard error says why, 2 usage.\n"
    "\n"
    "  --days N              how long it lasts; default 1095, 3 years:\n"
    "                        somebody has to go to the device before\n"
    "  --again               even if the device has a valid one, which\n"
    "                        stays valid\n" PKI_SHOWN_P12_OPTIONS
        PKI_PLACE_OPTIONS "  --help\n";

static err_t make(const struct pki_place *place, const char *device,
                  const struct authority_wish *wish, struct authority_made *ret,
                  struct reason *reason) {
    CLEANUP(authority_close)
    struct authority authority = {.store = {.lock_fd = -1}};
    TRY(pki_place_enter(place, false, reason));
    TRY(authority_open(&authority, &place->platform, place->dir,
                       AUTHORITY_ISSUE, reason));
    TRY(authority_issue(&authority, device, wish, ret, reason));
    return authority_commit(&authority, reason);
}

static int run(const struct pki_place *place, const char *device,
               struct authority_wish *wish, struct pki_shown *shown) {
    struct authority_made made;
    struct reason reason = {""};
    if (pki_shown_wish(shown, wish, &reason) != ERR_OK ||
        make(place, device, wish, &made, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    pki_shown_made(place, &made, shown);
    fprintf(stderr,
            "It may connect once it is registered for certificates:\n"
            "  shopme-edge device add %s --certificate\n"
            "(or device set, if it is registered by password already)\n",
            device);
    pki_shown_password(shown);
    fflush(stdout);
    pki_place_tell(place);
    return EXIT_SUCCESS;
}

int command_pki_issue(int argc, char **argv) {
    struct pki_place place = {.config_path = NULL};
    CLEANUP(pki_shown_wipe) struct pki_shown shown = {.modern = false};
    struct authority_wish wish = {.days = 0};
    struct arguments_more more = {.word_name = "DEVICE"};
    const char *days_text = NULL;
    const struct argument table[] = {
        {"days", &days_text, NULL},
        {"again", NULL, &wish.again},
        PKI_PLACE_ARGUMENTS(place),
        PKI_SHOWN_ARGUMENTS(shown),
    };
    const struct arguments arguments = {"pki issue", usage, table, 10};
    int exit_code;
    if (!arguments_read_more(&arguments, &more, argc, argv, &exit_code) ||
        !pki_shown_check(&shown, "pki issue", &exit_code) ||
        !pki_place_days(&arguments, days_text, &wish.days, &exit_code) ||
        !pki_place_find(&place, "pki issue", &exit_code)) {
        return exit_code;
    }
    if (more.word == NULL) {
        (void)pki_place_misused("pki issue", "give the DEVICE's name",
                                &exit_code);
        return exit_code;
    }
    return run(&place, more.word, &wish, &shown);
}
