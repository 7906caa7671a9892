/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal unsent: what a box holds that the cloud does not. Asks
 * nobody and needs no configuration: for a box that is down, and for the
 * package, which must know it before the program goes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/dead_letters.h"
#include "gateway/commands/journals.h"
#include "gateway/commands/reading.h"
#include "gateway/journal/inspect.h"

static const char usage[] =
    "usage: shopme-edge journal unsent [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--json]\n"
    "\n"
    "Counts the events in the journals that the cloud has not confirmed. Of a\n"
    "stream without a sink that is all of them. Dead letters, which the cloud\n"
    "refused, are counted as `dead`. Exit status: 0 there are none,\n"
    "1 there are, or a journal could not be read, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
    "  --json         an object a line for each stream\n"
    "  --help\n";

struct extent {
    uint64_t first;
    uint64_t end;
    bool any;
    bool damaged;
};

static void on_segment(void *self, const struct inspected *segment) {
    struct extent *extent = self;
    extent->first = extent->any ? extent->first : segment->first_seq;
    extent->end =
        segment->end_seq > extent->end ? segment->end_seq : extent->end;
    extent->any = true;
    extent->damaged = extent->damaged || segment->damage.text[0] != '\0';
}

static void on_gap(void *self, const struct journal_gap *gap) {
    struct extent *extent = self;
    extent->end = gap->end > extent->end ? gap->end : extent->end;
}

static void print_one(const struct journals *journals, const char *name,
                      uint64_t unsent, bool damaged) {
    if (journals->json) {
        printf("{\"stream\":");
        reading_print_string(name);
        printf(",\"unsent\":%" PRIu64 ",\"damaged\":%s}\n", unsent,
               damaged ? "true" : "false");
    } else {
        printf("%s: %" PRIu64 "%s\n", name, unsent,
               damaged ? " or more: the journal is damaged" : "");
    }
}

static void count_letter(void *context, const struct dead_shown *shown) {
    uint64_t *count = context;
    (void)shown;
    (*count)++;
}

/* True if there are none, or nobody asked for them. */
static bool has_no_letters(const struct journals *journals) {
    const struct dead_choice all = {.ids = NULL};
    struct dead_place place = {.disk = &journals->disk};
    struct reason reason = {""};
    uint64_t count = 0;
    uint64_t lost = 0;
    if (journals->chosen) {
        return true;
    }
    snprintf(place.dir, sizeof place.dir, "%s/" DEAD_FOLDER, journals->data);
    err_t err =
        dead_letters_each(&place, &all, count_letter, &count, &lost, &reason);
    if (err != ERR_OK) {
        fprintf(stderr, DEAD_FOLDER ": %s\n", reason.text);
    } else if (count > 0 || lost > 0) {
        print_one(journals, DEAD_FOLDER, count, lost > 0);
    }
    return err == ERR_OK && count == 0 && lost == 0;
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t unsent_stream(const struct journals *journals, uint32_t n,
                           bool *ret_good) {
    const char *name = journals->names[n];
    char dir[JOURNALS_DIR_MAX];
    journals_dir(journals, n, dir);
    struct extent extent = {.any = false};
    const struct inspection inspection = {&extent, on_segment, on_gap};
    struct reason reason = {""};
    struct journals_cursor cursor = {0, false};
    *ret_good = false;
    err_t err =
        journal_inspect(&journals->disk, dir, false, &inspection, &reason);
    if (err == ERR_OK) {
        err = journals_cursor(&journals->disk, dir, name, &cursor, &reason);
    }
    if (err != ERR_OK) {
        if (err != ERR_NOT_FOUND) {
            fprintf(stderr, "%s: %s\n", name, reason.text);
        }
        return err;
    }
    uint64_t from = cursor.seq > extent.first ? cursor.seq : extent.first;
    uint64_t unsent = from < extent.end ? extent.end - from : 0;
    print_one(journals, name, unsent, extent.damaged);
    *ret_good = unsent == 0 && !extent.damaged;
    return ERR_OK;
}

/* Behind the last stream, the dead letters. */
static err_t unsent_one(const struct journals *journals, uint32_t n,
                        bool *ret_good) {
    err_t err = unsent_stream(journals, n, ret_good);
    if (n + 1 == journals->count && !has_no_letters(journals)) {
        *ret_good = false;
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    return err;
}

int command_journal_unsent(int argc, char **argv) {
    return journals_run("journal unsent", usage, argc, argv, unsent_one);
}
