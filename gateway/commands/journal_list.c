/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal list: each journal, and the files it is made of. */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/reading.h"
#include "gateway/event/event.h"
#include "gateway/journal/inspect.h"
#include "gateway/journal/snapshot.h"

static const char usage[] =
    "usage: shopme-edge journal list [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--json]\n"
    "\n"
    "Shows each journal: its first and last record, its size, the time of its\n"
    "oldest record, how much of it is in the cloud, its snapshots and its\n"
    "segments. Exit status: 0 shown, 1 something is damaged or missing or\n"
    "cannot be read, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
    "  --json         an object a line for each stream\n"
    "  --help\n";

struct list {
    const struct reading *reading;
    uint64_t segments;
    uint64_t bytes;
    int64_t oldest_us;
    bool damaged;
    bool print; /* the second time round */
    bool json;
};

static const char *state_of(const struct inspected *segment) {
    if (segment->clean_stop) {
        return "sealed by a stop";
    }
    return segment->sealed ? "sealed" : "open";
}

static void print_segment(const struct list *list,
                          const struct inspected *segment) {
    bool damaged = segment->damage.text[0] != '\0';
    if (!list->json) {
        printf("  %020" PRIu64 ".seg  %10" PRIu64 " records %12" PRIu64
               " bytes  %s%s%s\n",
               segment->first_seq, segment->end_seq - segment->first_seq,
               segment->bytes, state_of(segment), damaged ? ": " : "",
               segment->damage.text);
        return;
    }
    printf("%s{\"file\":\"%020" PRIu64 ".seg\",\"first\":%" PRIu64
           ",\"end\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"state\":\"%s\"",
           list->segments > 0 ? "," : "", segment->first_seq,
           segment->first_seq, segment->end_seq, segment->bytes,
           state_of(segment));
    if (damaged) {
        printf(",\"damage\":");
        reading_print_string(segment->damage.text);
    }
    printf("}");
}

static void on_segment(void *self, const struct inspected *segment) {
    struct list *list = self;
    if (list->print) {
        print_segment(list, segment);
    }
    if (list->segments++ == 0) {
        list->oldest_us = segment->first_us;
    }
    list->bytes += segment->bytes;
    list->damaged = list->damaged || segment->damage.text[0] != '\0';
}

/* Sealed files by their ends: the reading has seen what is in them. */
static err_t inspect(struct list *list, bool print, struct reason *reason) {
    const struct reading *reading = list->reading;
    const struct inspection inspection = {list, on_segment, NULL};
    *list = (struct list){
        .reading = reading, .print = print, .json = reading->journals->json};
    return journal_inspect(&reading->journals->disk, reading->dir, false,
                           &inspection, reason);
}

/* By the bridge's cursor, if it ever saved one; else 0. */
static uint64_t delivered(const struct reading *reading) {
    struct journals_cursor cursor;
    struct reason reason;
    err_t err = journals_cursor(&reading->journals->disk, reading->dir,
                                reading->name, &cursor, &reason);
    return err == ERR_OK ? cursor.seq : 0;
}

static void print_head(const struct list *list) {
    const struct reading *reading = list->reading;
    printf("%s: records %" PRIu64 " to %" PRIu64 ", %" PRIu64
           " bytes in %" PRIu64 " segments",
           reading->name, reading->begins, reading->end, list->bytes,
           list->segments);
    if (list->oldest_us > 0) {
        char oldest[EVENT_TIME_SIZE];
        event_time_format(list->oldest_us, oldest);
        printf(", since %s", oldest);
    }
    printf("\n");
    if (reading->missing > 0) {
        printf("  %" PRIu64 " records are missing\n", reading->missing);
    }
    uint64_t cursor = delivered(reading);
    if (cursor > 0) {
        printf("  the cloud has the records before %" PRIu64 "; %" PRIu64
               " wait\n",
               cursor, cursor < reading->end ? reading->end - cursor : 0);
    }
}

static void print_snapshots(const struct list *list) {
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count;
    if (snapshot_list(&list->reading->journals->disk, list->reading->dir, seqs,
                      &count) != ERR_OK) {
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (list->json) {
            printf("%s%" PRIu64, i > 0 ? "," : "", seqs[i]);
        } else {
            printf("  %020" PRIu64 ".snap  the state before record %" PRIu64
                   "\n",
                   seqs[i], seqs[i]);
        }
    }
}

static err_t print_text(struct list *list, struct reason *reason) {
    print_head(list);
    print_snapshots(list);
    return inspect(list, true, reason);
}

static err_t print_json(struct list *list, struct reason *reason) {
    const struct reading *reading = list->reading;
    printf("{\"stream\":");
    reading_print_string(reading->name);
    printf(",\"first\":%" PRIu64 ",\"end\":%" PRIu64 ",\"records\":%" PRIu64
           ",\"bytes\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"snapshots\":[",
           reading->begins, reading->end, reading->records, list->bytes,
           delivered(reading));
    print_snapshots(list);
    printf("],\"segments\":[");
    err_t err = inspect(list, true, reason);
    printf("]");
    reading_print_missing(reading);
    printf("}\n");
    return err;
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t list_one(const struct journals *journals, uint32_t n,
                      bool *ret_good) {
    CLEANUP(reading_free) struct reading reading;
    struct reason reason;
    reading_init(&reading, journals, n);
    err_t err = reading_run(&reading, &reason);
    ENSURE(err != ERR_NOT_FOUND, err);
    reading_say(&reading, &reason);
    reason = (struct reason){""};
    struct list list = {.reading = &reading};
    err_t files = inspect(&list, false, &reason);
    if (files == ERR_OK) {
        files = journals->json ? print_json(&list, &reason)
                               : print_text(&list, &reason);
    }
    reading_say(&reading, &reason);
    *ret_good = err == ERR_OK && files == ERR_OK && !list.damaged &&
                reading_is_whole(&reading);
    return ERR_OK;
}

int command_journal_list(int argc, char **argv) {
    return journals_run("journal list", usage, argc, argv, list_one);
}
