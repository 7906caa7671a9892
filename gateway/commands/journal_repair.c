/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal repair: sets damage aside as a start with `on_rot:
 * quarantine` does, but without starting. For a box where `on_rot: stop`
 * refuses to start, and for a disk in another machine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/journals.h"
#include "gateway/stream/opening.h"

static const char usage[] =
    "usage: shopme-edge journal repair [--config FILE] [--stream NAME]\n"
    "\n"
    "Reads everything in the journals and sets damage aside, so that the\n"
    "gateway can start. Damaged files stay next to the journal as .rot. The\n"
    "lost records are recorded, and the gateway announces them with\n"
    "JournalDamaged when it next starts. Stop the gateway first, and run this\n"
    "as the gateway's user, since it creates files. To see the damage first,\n"
    "run shopme-edge journal verify. Exit status: 0 no damage is left, 1 a\n"
    "journal could not be repaired, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --stream NAME  this stream only; default all\n"
    "  --help\n";

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

static void ignore_name(void *context, const char *name) {
    (void)context;
    (void)name;
}

/* A repair never creates a journal. */
static err_t repair(const struct journals *journals,
                    struct opening_options *options, const char *dir,
                    struct reason *reason) {
    const struct disk *disk = &journals->disk;
    err_t err = disk->list(disk->self, dir, ignore_name, NULL);
    ENSURE(err != ERR_NOT_FOUND, err);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "list", dir);
    }
    struct journals_cursor cursor;
    TRY(journals_cursor_of(disk, options->config, options->stream, &cursor,
                           reason));
    options->known_end = cursor.seq;
    options->cursor_known = cursor.known;
    struct journal *journal;
    TRY(opening_repair(options, &journal, reason));
    print_repaired(options->stream->name, journal);
    journal_close(journal);
    return ERR_OK;
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t repair_one(const struct journals *journals,
                        const struct config_stream *stream, const char *dir) {
    const struct platform platform = platform_real();
    struct opening_options options = {
        .platform = &platform,
        .config = &journals->config,
        .stream = stream,
        .dir = dir,
    };
    struct reason reason = {""};
    err_t err = repair(journals, &options, dir, &reason);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        fprintf(stderr, "%s: %s\n", stream->name,
                reason.text[0] != '\0' ? reason.text : err_name(err));
    }
    return err;
}

static const struct config_stream *configured(const struct config *config,
                                              const char *name) {
    const struct config_stream *stream = config->streams;
    while (strcmp(stream->name, name) != 0) {
        stream++; /* the name is one of them */
    }
    return stream;
}

static int repair_all(const struct journals *journals) {
    bool good = true;
    uint32_t found = 0;
    for (uint32_t i = 0; i < journals->count; i++) {
        char dir[JOURNALS_DIR_MAX];
        journals_dir(journals, i, dir);
        err_t err = repair_one(
            journals, configured(&journals->config, journals->names[i]), dir);
        found += err != ERR_NOT_FOUND;
        good = good && (err == ERR_OK || err == ERR_NOT_FOUND);
    }
    if (found == 0) {
        journals_none(journals);
        return EXIT_FAILURE;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_journal_repair(int argc, char **argv) {
    const char *path = NULL;
    const char *stream = NULL;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"stream", &stream, NULL},
    };
    const struct arguments arguments = {"journal repair", usage, table, 2};
    struct journals journals = {.count = 0};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !journals_choose(&journals, arguments.command, path, NULL, stream,
                         &exit_code)) {
        return exit_code;
    }
    return repair_all(&journals);
}
