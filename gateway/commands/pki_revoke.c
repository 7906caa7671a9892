/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki revoke: a device's certificates are not good any more. */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/pki_place.h"

static const char usage[] =
    "usage: shopme-edge pki revoke DEVICE | --serial HEX\n"
    "           [--config FILE | --data DIR | --dir DIR]\n"
    "\n"
    "Revokes all certificates of the device, or the one with this serial\n"
    "number, and has a running gateway take the new list: the device is cut "
    "at\n"
    "once, and nobody else. Its files in the folder issued are removed. Exit\n"
    "status: 0 done and in force, 1 not, or the running gateway has not taken\n"
    "it, 2 usage.\n"
    "\n"
    "  --serial HEX   this certificate only; see pki list\n" PKI_PLACE_OPTIONS
    "  --help\n";

/* Upper case, as it is kept; colons as openssl prints them are left out. */
static bool read_serial(const char *text, char ret[static REVOKED_SERIAL_MAX]) {
    size_t len = 0;
    for (; *text != '\0'; text++) {
        if (*text == ':') {
            continue;
        }
        if (!isxdigit((unsigned char)*text) || len + 1 == REVOKED_SERIAL_MAX) {
            return false;
        }
        ret[len++] = (char)toupper((unsigned char)*text);
    }
    assert(len < REVOKED_SERIAL_MAX);
    ret[len] = '\0';
    return len > 0;
}

static err_t revoke(const struct pki_place *place, const char *device,
                    const char *serial, uint32_t *ret_count,
                    struct reason *reason) {
    CLEANUP(authority_close)
    struct authority authority = {.store = {.lock_fd = -1}};
    assert((device == NULL) != (serial == NULL));
    TRY(pki_place_enter(place, false, reason));
    TRY(authority_open(&authority, &place->platform, place->dir,
                       AUTHORITY_REVOKE, reason));
    TRY(authority_revoke(&authority, device, serial, ret_count, reason));
    return authority_commit(&authority, reason);
}

int command_pki_revoke(int argc, char **argv) {
    struct pki_place place = {.config_path = NULL};
    struct arguments_more more = {.word_name = "DEVICE"};
    const char *serial_text = NULL;
    char serial[REVOKED_SERIAL_MAX];
    const struct argument table[] = {
        {"serial", &serial_text, NULL},
        PKI_PLACE_ARGUMENTS(place),
    };
    const struct arguments arguments = {"pki revoke", usage, table, 4};
    struct reason reason = {""};
    uint32_t count;
    int exit_code;
    if (!arguments_read_more(&arguments, &more, argc, argv, &exit_code) ||
        !pki_place_find(&place, "pki revoke", &exit_code)) {
        return exit_code;
    }
    if ((more.word == NULL) == (serial_text == NULL) ||
        (serial_text != NULL && !read_serial(serial_text, serial))) {
        (void)pki_place_misused("pki revoke",
                                "give a DEVICE's name, or a --serial in "
                                "hexadecimal",
                                &exit_code);
        return exit_code;
    }
    if (revoke(&place, more.word, serial_text == NULL ? NULL : serial, &count,
               &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    printf("%s: %" PRIu32 " certificate%s revoked\n",
           more.word != NULL ? more.word : serial, count,
           count == 1 ? "" : "s");
    fflush(stdout);
    return pki_place_reload(&place) ? EXIT_SUCCESS : EXIT_FAILURE;
}
