/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal stats: the events counted by type. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/journals.h"
#include "gateway/event/event.h"
#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"

enum { TYPES_MAX = 256, TYPE_LEN_MAX = 64 };

static const char usage[] =
    "usage: shopme-edge journal stats [--config FILE | --data DIR]\n"
    "           [--stream NAME]\n"
    "\n"
    "Counts the events of each type in the journals, and their bytes. Exit\n"
    "status: 0 counted, 1 a journal could not be read completely, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
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

static void count(struct stats *stats, const struct journal_record *record) {
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
}

/* The next record that can be read; those lost to damage are skipped. */
static err_t next(struct journal_reader *reader, uint64_t end,
                  struct journal_record *ret) {
    err_t err = journal_reader_next(reader, end, ret);
    while (err == ERR_CORRUPT) {
        struct journal_gap gap;
        bool known;
        TRY(journal_reader_pass(reader, end, &gap, &known));
        err = journal_reader_next(reader, end, ret);
    }
    return err;
}

/* Up to its end. */
static err_t count_all(const struct journals *journals, uint32_t n,
                       struct stats *stats, struct reason *reason) {
    char dir[JOURNALS_DIR_MAX];
    journals_dir(journals, n, dir);
    uint64_t begins;
    struct journal_reader *reader;
    TRY(journal_begins(&journals->disk, dir, &begins, reason));
    TRY(journal_reader_open(&journals->disk, dir, begins, &reader, reason));
    uint64_t end = journals_durable_end(journals, journals->names[n]);
    struct journal_record record;
    err_t err = next(reader, end, &record);
    while (err == ERR_OK) {
        count(stats, &record);
        err = next(reader, end, &record);
    }
    journal_reader_close(reader);
    return err == ERR_END ? ERR_OK
                          : reason_set(reason, err,
                                       "cannot be read past its first "
                                       "%" PRIu64 " events (journal verify "
                                       "says why)",
                                       stats->events);
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
    qsort(stats->types, stats->count, sizeof *stats->types, by_bytes);
    for (uint32_t i = 0; i < stats->count; i++) {
        const struct type_count *type = &stats->types[i];
        printf("  %-28s %10" PRIu64 " events %12" PRIu64 " bytes %8" PRIu64
               " each\n",
               type->name, type->events, type->bytes,
               type->bytes / type->events);
    }
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t stats_one(const struct journals *journals, uint32_t n,
                       bool *ret_good) {
    struct stats stats = {.count = 0};
    struct reason reason;
    err_t err = count_all(journals, n, &stats, &reason);
    *ret_good = err == ERR_OK;
    if (err == ERR_NOT_FOUND && stats.events == 0) {
        return err;
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", journals->names[n], reason.text);
    }
    if (err == ERR_OK || stats.events > 0) {
        print(journals->names[n], &stats);
    }
    return ERR_OK;
}

int command_journal_stats(int argc, char **argv) {
    return journals_run("journal stats", usage, argc, argv, stats_one);
}
