/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge pki list: what was issued, and when it ends. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/pki_place.h"
#include "gateway/commands/reading.h"
#include "gateway/pki/when.h"

static const char usage[] =
    "usage: shopme-edge pki list [--json] [--config FILE | --data DIR |\n"
    "           --dir DIR]\n"
    "\n"
    "Shows what the CA has issued, itself first, and how long each "
    "certificate\n"
    "still lasts; changes nothing. Exit status: 0 shown, 1 it cannot be read,\n"
    "2 usage.\n"
    "\n"
    "  --json         an object a line for each certificate\n" PKI_PLACE_OPTIONS
    "  --help\n";

/* By kind, then name, then end. */
static int in_order(const void *a, const void *b) {
    const struct issued_entry *x = a;
    const struct issued_entry *y = b;
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    int names = strcmp(x->name, y->name);
    if (names != 0) {
        return names;
    }
    return (x->not_after_us > y->not_after_us) -
           (x->not_after_us < y->not_after_us);
}

static int64_t days_left(const struct issued_entry *entry, int64_t now_us) {
    int64_t left_us = entry->not_after_us - now_us;
    return left_us >= 0 ? left_us / WHEN_DAY_US
                        : -((-left_us + WHEN_DAY_US - 1) / WHEN_DAY_US);
}

static const char *state_of(const struct issued_entry *entry, int64_t now_us) {
    if (entry->revoked_us != 0) {
        return "revoked";
    }
    if (now_us < entry->not_before_us) {
        return "not yet valid";
    }
    return now_us >= entry->not_after_us ? "expired" : "valid";
}

static void print_row(const struct issued_entry *entry, int64_t now_us) {
    char until[WHEN_SIZE];
    char revoked[WHEN_SIZE];
    when_text(entry->not_after_us, until);
    when_text(entry->revoked_us, revoked);
    printf("%-6s %-24s %.10s %6" PRId64 " %s%s%.10s %s\n",
           certificate_kind_name(entry->kind), entry->name, until,
           days_left(entry, now_us), state_of(entry, now_us),
           entry->revoked_us != 0 ? " " : "",
           entry->revoked_us != 0 ? revoked : "", entry->serial);
}

static void print_json(const struct issued_entry *entry, int64_t now_us) {
    char from[WHEN_SIZE];
    char until[WHEN_SIZE];
    char revoked[WHEN_SIZE];
    when_text(entry->not_before_us, from);
    when_text(entry->not_after_us, until);
    when_text(entry->revoked_us, revoked);
    printf("{\"kind\":\"%s\",\"name\":", certificate_kind_name(entry->kind));
    reading_print_string(entry->name);
    printf(",\"serial\":\"%s\",\"not_before\":\"%s\",\"not_after\":\"%s\","
           "\"days_left\":%" PRId64 ",\"state\":\"%s\",\"revoked\":",
           entry->serial, from, until, days_left(entry, now_us),
           state_of(entry, now_us));
    printf(entry->revoked_us != 0 ? "\"%s\"}\n" : "null}\n", revoked);
}

static void print_all(struct issued *issued, int64_t now_us, bool json) {
    qsort(issued->list, issued->count, sizeof *issued->list, in_order);
    if (!json) {
        printf("%-6s %-24s %-10s %6s %s\n", "KIND", "NAME", "UNTIL", "DAYS",
               "STATE, SERIAL");
    }
    for (uint32_t i = 0; i < issued->count; i++) {
        (json ? print_json : print_row)(&issued->list[i], now_us);
    }
}

int command_pki_list(int argc, char **argv) {
    struct pki_place place = {.config_path = NULL};
    CLEANUP(certificate_free) X509 *ca = NULL;
    struct issued issued = {0};
    bool json = false;
    const struct argument table[] = {
        {"json", NULL, &json},
        PKI_PLACE_ARGUMENTS(place),
    };
    const struct arguments arguments = {"pki list", usage, table, 4};
    struct reason reason = {""};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !pki_place_find(&place, "pki list", &exit_code)) {
        return exit_code;
    }
    if (authority_look(&place.platform.disk, place.dir, &issued, &ca,
                       &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    const struct clock *clock = &place.platform.clock;
    print_all(&issued, clock->wall_us(clock->self), json);
    issued_free(&issued);
    return EXIT_SUCCESS;
}
