/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/pki_shown.h"

#include <assert.h>
#include <stdio.h>

#include "gateway/pki/when.h"

bool pki_shown_check(const struct pki_shown *shown, const char *command,
                     int *ret_exit) {
    const struct device_password_source *source = &shown->source;
    int ways = source->ask + source->from_stdin + (source->file != NULL);
    if (ways > 1) {
        return pki_place_misused(command, "give one way to the password only",
                                 ret_exit);
    }
    if (shown->no_p12 && (ways > 0 || shown->modern)) {
        return pki_place_misused(command, "--no-p12 leaves nothing to protect",
                                 ret_exit);
    }
    return true;
}

err_t pki_shown_wish(struct pki_shown *shown, struct authority_wish *wish,
                     struct reason *reason) {
    if (shown->no_p12) {
        return ERR_OK;
    }
    TRY(device_password_read(&shown->source, shown->password, &shown->made,
                             reason));
    assert(shown->password[0] != '\0');
    wish->p12_password = shown->password;
    wish->p12_modern = shown->modern;
    return ERR_OK;
}

void pki_shown_wipe(struct pki_shown *shown) {
    explicit_bzero(shown->password, sizeof shown->password);
}

static void print_files(FILE *out, const struct pki_place *place,
                        const struct authority_made *made) {
    const struct issued_entry *entry = &made->entry;
    bool server = entry->kind == CERTIFICATE_SERVER;
    const char *folder = server ? "" : "issued/";
    const char *name = server ? "server" : entry->name;
    fprintf(out, "  %s/%s%s.pem  the certificate\n", place->dir, folder, name);
    if (made->new_key) {
        fprintf(out, "  %s/%s%s.key  its private key%s\n", place->dir, folder,
                name, server ? "" : "; remove it once the device has it");
    }
    if (made->p12) {
        fprintf(out, "  %s/%s%s.p12  both and the CA's, with a password\n",
                place->dir, folder, name);
    }
}

void pki_shown_made(const struct pki_place *place,
                    const struct authority_made *made,
                    const struct pki_shown *shown) {
    const struct issued_entry *entry = &made->entry;
    char until[WHEN_SIZE];
    assert(entry->kind != CERTIFICATE_CA);
    when_text(entry->not_after_us, until);
    FILE *out = made->p12 && shown->made ? stderr : stdout;
    fprintf(out, "%s: certificate until %s%s, serial %s\n", entry->name, until,
            made->cut ? " (its CA ends then)" : "", entry->serial);
    print_files(out, place, made);
}

void pki_shown_password(const struct pki_shown *shown) {
    if (shown->made) {
        fputs("The password of what is PKCS #12, which is shown only now:\n",
              stderr);
        puts(shown->password);
    }
}
