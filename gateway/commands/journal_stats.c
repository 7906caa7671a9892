/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal stats: the events counted by type. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/reading.h"
#include "gateway/event/event.h"

enum { TYPES_MAX = 256, TYPE_LEN_MAX = 64 };

static const char usage[] =
    "usage: shopme-edge journal stats [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--json]\n"
    "\n"
    "Counts the events of each type in the journals, and their bytes. Exit\n"
    "status: 0 counted, 1 events are missing or cannot be read, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
    "  --json         an object a line for each stream\n"
    "  --help\n";

struct type_count {
    char name[TYPE_LEN_MAX];
    uint64_t events;
    uint64_t bytes;
};

struct stats {
    struct type_count types[TYPES_MAX]; /* the last is for all others */
    uint32_t count;
    uint64_t events;
    uint64_t bytes;
    int64_t first_us;
    int64_t last_us;
};

static struct type_count *find_or_add(struct stats *stats, const char *name) {
    for (uint32_t i = 0; i < stats->count; i++) {
        if (strcmp(stats->types[i].name, name) == 0) {
            return &stats->types[i];
        }
    }
    if (stats->count == TYPES_MAX) {
        return NULL;
    }
    struct type_count *type = &stats->types[stats->count++];
    snprintf(type->name, sizeof type->name, "%s", name);
    return type;
}

/* The last entry counts the types that find no entry of their own. */
static struct type_count *type_of(struct stats *stats, struct slice name) {
    char text[TYPE_LEN_MAX];
    struct type_count *type = NULL;
    if (slice_to_str(name, text, sizeof text) == ERR_OK &&
        stats->count < TYPES_MAX - 1) {
        type = find_or_add(stats, text);
    }
    return type != NULL ? type : find_or_add(stats, "(others)");
}

static err_t count(void *self, const struct journal_record *record) {
    struct stats *stats = self;
    struct event event;
    struct slice name = SLICE("(unreadable)");
    if (event_load(record->bytes, &event) == ERR_OK) {
        name = event.type;
    }
    struct type_count *type = type_of(stats, name);
    type->events++;
    type->bytes += record->bytes.len;
    stats->first_us = stats->events == 0 ? record->wall_us : stats->first_us;
    stats->last_us = record->wall_us;
    stats->events++;
    stats->bytes += record->bytes.len;
    return ERR_OK;
}

static int by_bytes(const void *left, const void *right) {
    const struct type_count *a = left;
    const struct type_count *b = right;
    return (a->bytes < b->bytes) - (a->bytes > b->bytes);
}

static void print(const char *name, struct stats *stats) {
    char first[EVENT_TIME_SIZE];
    char last[EVENT_TIME_SIZE];
    event_time_format(stats->first_us, first);
    event_time_format(stats->last_us, last);
    printf("%s: %" PRIu64 " events, %" PRIu64 " bytes", name, stats->events,
           stats->bytes);
    printf(stats->events > 0 ? ", from %s to %s\n" : "\n", first, last);
    for (uint32_t i = 0; i < stats->count; i++) {
        const struct type_count *type = &stats->types[i];
        printf("  %-28s %10" PRIu64 " events %12" PRIu64 " bytes %8" PRIu64
               " each\n",
               type->name, type->events, type->bytes,
               type->bytes / type->events);
    }
}

static void print_json(const struct reading *reading,
                       const struct stats *stats) {
    char first[EVENT_TIME_SIZE];
    char last[EVENT_TIME_SIZE];
    event_time_format(stats->first_us, first);
    event_time_format(stats->last_us, last);
    printf("{\"stream\":");
    reading_print_string(reading->name);
    printf(",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64, stats->events,
           stats->bytes);
    if (stats->events > 0) {
        printf(",\"from\":\"%s\",\"to\":\"%s\"", first, last);
    }
    printf(",\"types\":[");
    for (uint32_t i = 0; i < stats->count; i++) {
        const struct type_count *type = &stats->types[i];
        printf("%s{\"type\":", i > 0 ? "," : "");
        reading_print_string(type->name);
        printf(",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", type->events,
               type->bytes);
    }
    printf("]");
    reading_print_missing(reading);
    printf("}\n");
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t stats_one(const struct journals *journals, uint32_t n,
                       bool *ret_good) {
    CLEANUP(reading_free) struct reading reading;
    struct stats stats = {.count = 0};
    struct reason reason;
    reading_init(&reading, journals, n);
    reading.record = count;
    reading.self = &stats;
    err_t err = reading_run(&reading, &reason);
    ENSURE(err != ERR_NOT_FOUND, err);
    reading_say(&reading, &reason);
    *ret_good = err == ERR_OK && reading_is_whole(&reading);
    qsort(stats.types, stats.count, sizeof *stats.types, by_bytes);
    if (journals->json) {
        print_json(&reading, &stats);
    } else if (err == ERR_OK || stats.events > 0) {
        print(reading.name, &stats);
    }
    return ERR_OK;
}

int command_journal_stats(int argc, char **argv) {
    return journals_run("journal stats", usage, argc, argv, stats_one);
}
