/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal repair: sets damage aside as a start with `on_rot:
 * quarantine` does, but without starting. For a box where `on_rot: stop`
 * refuses to start, and for a disk in another machine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/commands.h"
#include "gateway/commands/reading.h"
#include "gateway/journal/inspect.h"
#include "gateway/stream/opening.h"

static const char usage[] =
    "usage: shopme-edge journal repair [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--json]\n"
    "\n"
    "Reads everything in the journals and sets damage aside, so that the\n"
    "gateway can start. Damaged files stay next to the journal as .rot. The\n"
    "lost records are recorded, and the gateway announces them with\n"
    "JournalDamaged when it next starts. Stop the gateway first, and run this\n"
    "as the gateway's user, since it creates files. To see the damage first,\n"
    "run shopme-edge journal verify. Only a configuration tells which stream\n"
    "runs the shop: with --data, a first segment that is missing is noticed\n"
    "where the bridge's cursor shows it, else by the next start. Exit status:\n"
    "0 no damage is left, 1 a journal could not be repaired, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR     a data directory, without its configuration\n"
    "  --stream NAME  this stream only; default all\n"
    "  --json         an object a line for each stream\n"
    "  --help\n";

/* --- What was done -------------------------------------------------------- */

static void print_repaired(const char *name, const struct journal *journal) {
    const struct journal_position *position = journal_position(journal);
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    uint64_t untold = 0;
    for (size_t i = 0; i < count; i++) {
        if (!journal_gap_is_told(&gaps[i])) {
            untold++;
            printf("%s: records %" PRIu64 " to %" PRIu64
                   " are lost; the gateway tells the cloud when it next "
                   "starts\n",
                   name, gaps[i].first, gaps[i].end - 1);
        }
    }
    printf("%s: records %" PRIu64 " to %" PRIu64 ": %s\n", name,
           atomic_load(&position->start), atomic_load(&position->end),
           untold == 0 ? "no damage" : "no damage left");
}

static void print_untold(const struct journal_gap *gaps, size_t count) {
    const char *before = "";
    printf(",\"to_announce\":[");
    for (size_t i = 0; i < count; i++) {
        if (!journal_gap_is_told(&gaps[i])) {
            printf("%s{\"first\":%" PRIu64 ",\"last\":%" PRIu64 "}", before,
                   gaps[i].first, gaps[i].end - 1);
            before = ",";
        }
    }
    printf("]");
}

/* All that is missing is recorded now. */
static err_t print_repaired_json(struct reading *reading,
                                 const struct journal *journal) {
    const struct journal_position *position = journal_position(journal);
    size_t count;
    const struct journal_gap *gaps = journal_gaps(journal, &count);
    reading->gaps = calloc(count + 1, sizeof *reading->gaps);
    ENSURE(reading->gaps != NULL, ERR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        reading->missing += gaps[i].end - gaps[i].first;
        reading->gaps[reading->gap_count++] =
            (struct reading_gap){gaps[i].first, gaps[i].end, true};
    }
    printf("{\"stream\":");
    reading_print_string(reading->name);
    printf(",\"first\":%" PRIu64 ",\"end\":%" PRIu64,
           atomic_load(&position->start), atomic_load(&position->end));
    reading_print_missing(reading);
    print_untold(gaps, count);
    printf("}\n");
    return ERR_OK;
}

/* --- What is known of the stream ------------------------------------------ */

/* Of a configuration, or what the disk says without one. */
struct known {
    const struct config *config;
    const struct config_stream *stream;
    struct config own; /* without a configuration */
};

static bool is_there(const struct reading *reading, const char *name) {
    const struct disk *disk = &reading->journals->disk;
    char path[JOURNALS_DIR_MAX + 16];
    int fd;
    snprintf(path, sizeof path, "%s/%s", reading->dir, name);
    if (disk->open(disk->self, path, DISK_READ, &fd) != ERR_OK) {
        return false;
    }
    disk->close(disk->self, fd);
    return true;
}

/* Of the first header that verifies. */
static void on_segment(void *self, const struct inspected *segment) {
    struct config *config = self;
    if (config->store[0] == '\0' && segment->incarnation != 0) {
        /* A longer name is no store's: then it stays unknown. */
        (void)!slice_to_str(slice_from_str(segment->store), config->store,
                            sizeof config->store);
    }
}

static err_t know_by_disk(const struct reading *reading, struct known *ret,
                          struct reason *reason) {
    struct config *own = &ret->own;
    const struct inspection inspection = {own, on_segment, NULL};
    TRY(journal_inspect(&reading->journals->disk, reading->dir, false,
                        &inspection, reason));
    if (own->store[0] == '\0') {
        return reason_set(reason, ERR_CORRUPT,
                          "no segment's header in %s says which store it is "
                          "of; give --config in place of --data",
                          reading->dir);
    }
    memcpy(own->streams[0].name, reading->name, strlen(reading->name) + 1);
    own->streams[0].when_full = is_there(reading, "dropped")
                                    ? CONFIG_FULL_DROP_OLDEST
                                    : CONFIG_FULL_REJECT;
    ret->config = own;
    ret->stream = &own->streams[0];
    return ERR_OK;
}

static void ignore_name(void *context, const char *name) {
    (void)context;
    (void)name;
}

/* A repair never creates a journal. */
static err_t know_by_config(const struct reading *reading, struct known *ret,
                            struct reason *reason) {
    const struct config *config = &reading->journals->config;
    const struct disk *disk = &reading->journals->disk;
    err_t err = disk->list(disk->self, reading->dir, ignore_name, NULL);
    ENSURE(err != ERR_NOT_FOUND, err);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "list", reading->dir);
    }
    const struct config_stream *stream = config->streams;
    while (strcmp(stream->name, reading->name) != 0) {
        stream++; /* the name is one of them */
    }
    ret->config = config;
    ret->stream = stream;
    return ERR_OK;
}

static err_t cursor_of(const struct reading *reading, const struct known *known,
                       struct journals_cursor *ret, struct reason *reason) {
    const struct disk *disk = &reading->journals->disk;
    return known->config == &known->own
               ? journals_cursor(disk, reading->dir, reading->name, ret, reason)
               : journals_cursor_of(disk, known->config, known->stream, ret,
                                    reason);
}

/* --- Repairing ------------------------------------------------------------ */

static err_t open_repaired(const struct reading *reading,
                           const struct known *known,
                           const struct platform *platform,
                           struct journal **ret, struct reason *reason) {
    struct journals_cursor cursor;
    TRY(cursor_of(reading, known, &cursor, reason));
    const struct opening_options options = {
        .platform = platform,
        .config = known->config,
        .stream = known->stream,
        .dir = reading->dir,
        .known_end = cursor.seq,
        .cursor_known = cursor.known,
    };
    return opening_repair(&options, ret, reason);
}

static err_t repair(struct reading *reading, struct reason *reason) {
    const struct journals *journals = reading->journals;
    struct known known = {.config = NULL};
    if (journals->config.stream_count > 0) {
        TRY(know_by_config(reading, &known, reason));
    } else {
        TRY(know_by_disk(reading, &known, reason));
    }
    const struct platform platform = platform_real();
    struct journal *journal;
    TRY(open_repaired(reading, &known, &platform, &journal, reason));
    err_t err = ERR_OK;
    if (journals->json) {
        err = print_repaired_json(reading, journal);
    } else {
        print_repaired(reading->name, journal);
    }
    journal_close(journal);
    return err;
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t repair_one(const struct journals *journals, uint32_t n,
                        bool *ret_good) {
    CLEANUP(reading_free) struct reading reading;
    struct reason reason = {""};
    reading_init(&reading, journals, n);
    err_t err = repair(&reading, &reason);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        fprintf(stderr, "%s: %s\n", reading.name,
                reason.text[0] != '\0' ? reason.text : err_name(err));
    }
    *ret_good = err == ERR_OK;
    return err;
}

int command_journal_repair(int argc, char **argv) {
    return journals_run("journal repair", usage, argc, argv, repair_one);
}
