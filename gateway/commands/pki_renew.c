/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki renew: new certificates for the keys that are there. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/pki_place.h"
#include "gateway/commands/pki_shown.h"
#include "gateway/pki/when.h"

static const char usage[] =
    "usage: shopme-edge pki renew server | DEVICE | --all [--within DAYS]\n"
    "           [--days N] [--new-key] [--no-p12 | [--modern]\n"
    "           [--password-ask | --password-stdin | --password-file FILE]]\n"
    "           [--config FILE | --data DIR | --dir DIR]\n"
    "\n"
    "Makes a new certificate with the same name and the same key; the one\n"
    "before stays valid until its end. The gateway's has the same names and\n"
    "addresses, and a running gateway takes it: no device has to be touched,\n"
    "and none is cut. A device needs its new one before the old one ends; it\n"
    "keeps its key. Exit status: 0 done, 1 not, or the running gateway has "
    "not\n"
    "taken it, 2 usage.\n"
    "\n"
    "  --all                 the gateway's and all devices', but not what is\n"
    "                        revoked, or whose certificate is not in issued/\n"
    "  --within DAYS         with --all: only what ends within so many days\n"
    "  --days N              how long it lasts; default as pki server, issue\n"
    "  --new-key             with a new key; a device then needs that, "
    "too\n" PKI_SHOWN_P12_OPTIONS PKI_PLACE_OPTIONS "  --help\n";

struct renewing {
    struct pki_place place;
    struct pki_shown shown;
    struct authority_wish wish;
    const char *device;          /* "server" for the gateway's; NULL: all */
    struct authority_made *made; /* owned: what was, to be shown once it is */
    int64_t within_us;           /* what ends later is left as it is */
    uint32_t done;
    bool p12;
};

static err_t renew(struct renewing *renewing, struct authority *authority,
                   const char *device, struct reason *reason) {
    struct authority_made made;
    TRY(authority_renew(authority, device, &renewing->wish, &made, reason));
    assert(made.entry.serial[0] != '\0');
    struct authority_made *list =
        realloc(renewing->made, (renewing->done + 1) * sizeof *list);
    if (list == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory");
    }
    renewing->made = list;
    renewing->made[renewing->done++] = made;
    renewing->p12 = renewing->p12 || made.p12;
    return ERR_OK;
}

/* The newest of its name, not revoked, ending soon enough, and not of a device
 * whose files are gone. */
static bool is_due(const struct renewing *renewing,
                   const struct authority *authority,
                   const struct issued_entry *entry) {
    const struct issued_entry *newest =
        issued_newest(&authority->issued, entry->kind,
                      entry->kind == CERTIFICATE_SERVER ? NULL : entry->name);
    int64_t left_us = entry->not_after_us - authority->now_us;
    return entry->kind != CERTIFICATE_CA && newest == entry &&
           left_us <= renewing->within_us;
}

/* A device's certificate may have gone with its key: that is said and left. */
static err_t renew_all(struct renewing *renewing, struct authority *authority,
                       struct reason *reason) {
    uint32_t count = authority->issued.count; /* not what is added meanwhile */
    for (uint32_t i = 0; i < count; i++) {
        const struct issued_entry entry = authority->issued.list[i];
        if (!is_due(renewing, authority, &authority->issued.list[i])) {
            continue;
        }
        err_t err =
            renew(renewing, authority,
                  entry.kind == CERTIFICATE_SERVER ? NULL : entry.name, reason);
        if (err == ERR_NOT_FOUND) {
            fprintf(stderr, "%s is not renewed: %s\n", entry.name,
                    reason->text);
            continue;
        }
        TRY(err);
    }
    return ERR_OK;
}

static err_t make(struct renewing *renewing, struct reason *reason) {
    CLEANUP(authority_close)
    struct authority authority = {.store = {.lock_fd = -1}};
    const struct pki_place *place = &renewing->place;
    const char *device = renewing->device;
    TRY(pki_place_enter(place, false, reason));
    TRY(authority_open(&authority, &place->platform, place->dir,
                       AUTHORITY_ISSUE, reason));
    if (device == NULL) {
        TRY(renew_all(renewing, &authority, reason));
    } else {
        TRY(renew(renewing, &authority,
                  strcmp(device, "server") == 0 ? NULL : device, reason));
    }
    return renewing->done == 0 ? ERR_OK : authority_commit(&authority, reason);
}

static int run(struct renewing *renewing) {
    struct reason reason = {""};
    bool server =
        renewing->device != NULL && strcmp(renewing->device, "server") == 0;
    err_t err = ERR_OK;
    if (!server) {
        err = pki_shown_wish(&renewing->shown, &renewing->wish, &reason);
    }
    if (err == ERR_OK) {
        err = make(renewing, &reason);
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s\nNothing was renewed.\n", reason.text);
        return EXIT_FAILURE;
    }
    if (renewing->done == 0) {
        puts("nothing is due");
        return EXIT_SUCCESS;
    }
    for (uint32_t i = 0; i < renewing->done; i++) {
        pki_shown_made(&renewing->place, &renewing->made[i], &renewing->shown);
    }
    if (renewing->p12) {
        pki_shown_password(&renewing->shown);
    }
    fflush(stdout);
    return pki_place_reload(&renewing->place) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What is renewed, and what of it. */
static bool check(struct renewing *renewing, const struct arguments *arguments,
                  const char *word, bool all, const char *within,
                  int *ret_exit) {
    uint64_t days = AUTHORITY_DAYS_MAX;
    if ((word != NULL) == all || (within != NULL && !all)) {
        return pki_place_misused("pki renew",
                                 "give one of: server, a DEVICE's name, or "
                                 "--all, perhaps with --within DAYS",
                                 ret_exit);
    }
    if (within != NULL &&
        !arguments_number(arguments, "within", within, 0, AUTHORITY_DAYS_MAX,
                          &days, ret_exit)) {
        return false;
    }
    renewing->device = word;
    renewing->within_us = (int64_t)days * WHEN_DAY_US;
    return true;
}

int command_pki_renew(int argc, char **argv) {
    struct renewing renewing = {.device = NULL};
    struct arguments_more more = {.word_name = "DEVICE"};
    const char *days_text = NULL;
    const char *within = NULL;
    bool all = false;
    const struct argument table[] = {
        {"days", &days_text, NULL},
        {"within", &within, NULL},
        {"all", NULL, &all},
        {"new-key", NULL, &renewing.wish.new_key},
        PKI_PLACE_ARGUMENTS(renewing.place),
        PKI_SHOWN_ARGUMENTS(renewing.shown),
    };
    const struct arguments arguments = {"pki renew", usage, table, 12};
    int exit_code;
    if (!arguments_read_more(&arguments, &more, argc, argv, &exit_code) ||
        !check(&renewing, &arguments, more.word, all, within, &exit_code) ||
        !pki_shown_check(&renewing.shown, "pki renew", &exit_code) ||
        !pki_place_days(&arguments, days_text, &renewing.wish.days,
                        &exit_code) ||
        !pki_place_find(&renewing.place, "pki renew", &exit_code)) {
        return exit_code;
    }
    exit_code = run(&renewing);
    pki_shown_wipe(&renewing.shown);
    free(renewing.made);
    return exit_code;
}
