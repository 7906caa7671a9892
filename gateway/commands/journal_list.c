/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal list: each journal, and the files it is made of. */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/journals.h"
#include "gateway/event/event.h"
#include "gateway/journal/inspect.h"
#include "gateway/journal/snapshot.h"

static const char usage[] =
    "usage: shopme-edge journal list [--config FILE | --data DIR]\n"
    "           [--stream NAME]\n"
    "\n"
    "Shows each journal: its first and last record, its size, the time of its\n"
    "oldest record, how much of it is in the cloud, its snapshots and its\n"
    "segments. Reads only the ends of the segments; journal verify reads\n"
    "everything. Exit status: 0 shown, 1 a journal could not be read or is\n"
    "damaged, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
    "  --help\n";

struct list {
    uint64_t segments;
    uint64_t bytes;
    uint64_t first;
    uint64_t end;
    int64_t oldest_us;
    uint64_t lost;
    bool damaged;
    bool print; /* the second time round */
};

static void on_segment(void *self, const struct inspected *segment) {
    struct list *list = self;
    bool damaged = segment->damage.text[0] != '\0';
    if (list->print) {
        printf("  %020" PRIu64 ".seg  %10" PRIu64 " records %12" PRIu64
               " bytes  %s%s%s\n",
               segment->first_seq, segment->end_seq - segment->first_seq,
               segment->bytes,
               segment->clean_stop ? "sealed by a stop"
               : segment->sealed   ? "sealed"
                                   : "open",
               damaged ? ": " : "", segment->damage.text);
        return;
    }
    if (list->segments++ == 0) {
        list->first = segment->first_seq;
        list->oldest_us = segment->first_us;
    }
    list->bytes += segment->bytes;
    list->end = segment->end_seq;
    list->damaged = list->damaged || damaged;
}

static void on_gap(void *self, const struct journal_gap *gap) {
    struct list *list = self;
    if (list->print) {
        printf("  records %" PRIu64 " to %" PRIu64 " were lost to damage\n",
               gap->first, gap->end - 1);
        return;
    }
    list->lost += gap->end - gap->first;
}

static void print_head(const char *name, const struct list *list) {
    printf("%s: records %" PRIu64 " to %" PRIu64 ", %" PRIu64
           " bytes in %" PRIu64 " segments",
           name, list->first, list->end, list->bytes, list->segments);
    if (list->oldest_us > 0) {
        char oldest[EVENT_TIME_SIZE];
        event_time_format(list->oldest_us, oldest);
        printf(", since %s", oldest);
    }
    printf("\n");
}

/* By the bridge's cursor, if it ever saved one. */
static void print_delivered(const struct journals *journals, const char *dir,
                            const char *name, const struct list *list) {
    uint64_t cursor;
    struct reason reason;
    if (journals_cursor(&journals->disk, dir, name, &cursor, &reason) !=
            ERR_OK ||
        cursor == 0) {
        return;
    }
    uint64_t waits = cursor < list->end ? list->end - cursor : 0;
    printf("  the cloud has the records before %" PRIu64 "; %" PRIu64 " wait\n",
           cursor, waits);
}

static void print_snapshots(const struct journals *journals, const char *dir) {
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count;
    if (snapshot_list(&journals->disk, dir, seqs, &count) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        printf("  %020" PRIu64 ".snap  the state before record %" PRIu64 "\n",
               seqs[i], seqs[i]);
    }
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t list_one(const struct journals *journals, uint32_t n,
                      bool *ret_good) {
    const char *name = journals->names[n];
    char dir[JOURNALS_DIR_MAX];
    journals_dir(journals, n, dir);
    struct list list = {.print = false};
    const struct inspection inspection = {&list, on_segment, on_gap};
    struct reason reason;
    *ret_good = false;
    err_t err =
        journal_inspect(&journals->disk, dir, false, &inspection, &reason);
    if (err == ERR_OK) {
        print_head(name, &list);
        print_delivered(journals, dir, name, &list);
        print_snapshots(journals, dir);
        list.print = true;
        err =
            journal_inspect(&journals->disk, dir, false, &inspection, &reason);
        *ret_good = !list.damaged;
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        fprintf(stderr, "%s: %s\n", name, reason.text);
    }
    return err;
}

int command_journal_list(int argc, char **argv) {
    return journals_run("journal list", usage, argc, argv, list_one);
}
