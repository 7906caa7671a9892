/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki server: makes the gateway's key and certificate. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/pki_place.h"
#include "gateway/commands/pki_shown.h"

static const char usage[] =
    "usage: shopme-edge pki server [--dns NAME]... [--ip ADDRESS]... [--days "
    "N]\n"
    "           [--config FILE | --data DIR | --dir DIR]\n"
    "\n"
    "Makes a new key and a certificate for the gateway, and has a running\n"
    "gateway take both. Devices refuse a gateway that they reach by a name or\n"
    "an address which is not in it. This host's names, localhost, 127.0.0.1\n"
    "and ::1 always are (with --dir not the host's: it may be another).\n"
    "Devices that are connected stay so. Exit status: 0 done, 1 not, or the\n"
    "running gateway has not taken it, 2 usage.\n"
    "\n"
    "  --dns NAME     a name by which devices reach it; up to 16 times\n"
    "  --ip ADDRESS   an IPv4 or IPv6 address of it; up to 16 times\n"
    "  --days N       how long it lasts; default 730: Apple's devices accept\n"
    "                 825 at most\n" PKI_PLACE_OPTIONS "  --help\n";

enum { DNS, IP, LISTS }; /* the options that may be given several times */

static err_t add_names(const struct pki_place *place,
                       const struct argument_list *lists, GENERAL_NAMES *names,
                       struct reason *reason) {
    if (names == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory");
    }
    for (size_t i = 0; i < lists[DNS].count; i++) {
        TRY(names_add_dns(names, lists[DNS].values[i], reason));
    }
    for (size_t i = 0; i < lists[IP].count; i++) {
        TRY(names_add_ip(names, lists[IP].values[i], reason));
    }
    return names_add_local(names, place->is_ours, reason);
}

static err_t make(const struct pki_place *place, const GENERAL_NAMES *names,
                  uint32_t days, struct authority_made *ret,
                  struct reason *reason) {
    CLEANUP(authority_close)
    struct authority authority = {.store = {.lock_fd = -1}};
    const struct authority_wish wish = {.days = days, .names = names};
    TRY(pki_place_enter(place, false, reason));
    TRY(authority_open(&authority, &place->platform, place->dir,
                       AUTHORITY_ISSUE, reason));
    TRY(authority_issue_server(&authority, &wish, ret, reason));
    return authority_commit(&authority, reason);
}

static int run(const struct pki_place *place, const struct argument_list *lists,
               uint32_t days) {
    CLEANUP(names_free) GENERAL_NAMES *names = GENERAL_NAMES_new();
    struct authority_made made;
    struct reason reason = {""};
    if (add_names(place, lists, names, &reason) != ERR_OK ||
        make(place, names, days, &made, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    const struct pki_shown shown = {.no_p12 = true};
    char text[1024];
    names_text(names, text, sizeof text);
    pki_shown_made(place, &made, &shown);
    printf("  for %s\n", text);
    fflush(stdout);
    return pki_place_reload(place) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_pki_server(int argc, char **argv) {
    struct pki_place place = {.config_path = NULL};
    struct argument_list lists[LISTS] = {{.name = "dns"}, {.name = "ip"}};
    struct arguments_more more = {.lists = lists, .list_count = LISTS};
    const char *days_text = NULL;
    const struct argument table[] = {
        {"days", &days_text, NULL},
        PKI_PLACE_ARGUMENTS(place),
    };
    const struct arguments arguments = {"pki server", usage, table, 4};
    uint32_t days;
    int exit_code;
    if (!arguments_read_more(&arguments, &more, argc, argv, &exit_code) ||
        !pki_place_days(&arguments, days_text, &days, &exit_code) ||
        !pki_place_find(&place, "pki server", &exit_code)) {
        return exit_code;
    }
    if (!place.is_ours && lists[DNS].count + lists[IP].count == 0) {
        (void)pki_place_misused("pki server",
                                "with --dir say how devices reach the gateway: "
                                "--dns NAME or --ip ADDRESS",
                                &exit_code);
        return exit_code;
    }
    return run(&place, lists, days);
}
