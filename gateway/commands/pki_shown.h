/* SPDX-License-Identifier: Apache-2.0 */
/* What `pki issue, server, renew` say of what they have made, and the password
 * of a PKCS #12 file. */
#ifndef GATEWAY_COMMANDS_PKI_SHOWN_H
#define GATEWAY_COMMANDS_PKI_SHOWN_H

#include "gateway/commands/device_password.h"
#include "gateway/commands/pki_place.h"

#define PKI_SHOWN_P12_OPTIONS                                                  \
    "  --no-p12              no PKCS #12 file\n"                               \
    "  --modern              PKCS #12 with AES-256 and SHA-256; the default\n" \
    "                        is 3DES and SHA-1, which Android before 10 and\n" \
    "                        Windows before Server 2019 need\n"                \
    "  --password-ask        ask for its password on the terminal\n"           \
    "  --password-stdin      read it from standard input, one line\n"          \
    "  --password-file FILE  read it from FILE, one line\n"

struct pki_shown {
    struct device_password_source source;
    bool no_p12;
    bool modern;
    bool made; /* the password is one of ours */
    char password[PASSWORD_BYTES_MAX + 1];
};

/* Its options, for a command's table. */
#define PKI_SHOWN_ARGUMENTS(shown)                            \
    {"password-file", &(shown).source.file, NULL},            \
        {"password-ask", NULL, &(shown).source.ask},          \
        {"password-stdin", NULL, &(shown).source.from_stdin}, \
        {"no-p12", NULL, &(shown).no_p12}, {                  \
        "modern", NULL, &(shown).modern                       \
    }

/* False: they contradict each other; as pki_place_misused(). */
bool pki_shown_check(const struct pki_shown *shown, const char *command,
                     int *ret_exit) MUST_USE;
/* Gets the password, if one is needed, and sets `wish`. */
err_t pki_shown_wish(struct pki_shown *shown, struct authority_wish *wish,
                     struct reason *reason) MUST_USE;
void pki_shown_wipe(struct pki_shown *shown);

/* "till-1: certificate until ..." and its files, on standard error if a
 * password goes to standard output, where it is alone for a script. */
void pki_shown_made(const struct pki_place *place,
                    const struct authority_made *made,
                    const struct pki_shown *shown);
void pki_shown_password(const struct pki_shown *shown);

#endif
