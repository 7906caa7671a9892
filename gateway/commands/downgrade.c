/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge downgrade: makes the data such that the previous release can go
 * on with it. The package's prerm calls it before an older version comes. What
 * it leaves is read by both releases, so nothing is lost if the older one does
 * not come after all. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/journals.h"
#include "gateway/commands/older_config.h"
#include "gateway/commands/older_files.h"
#include "gateway/stream/older_snapshot.h"
#include "gateway/stream/stream.h"

/* The one release whose files this program can leave behind. */
#define OLDER "0.1.0"

static const char usage[] =
    "usage: shopme-edge downgrade --to VERSION [--config FILE] [--check]\n"
    "\n"
    "Prepares configuration and journals for version " OLDER ", the release\n"
    "before this one, which then goes on where this one stopped; this version\n"
    "can still go on, too. Stop the gateway first, and run this as the\n"
    "gateway's user. Installing the older Debian package over this one does\n"
    "all of it. Exit status: 0 the older version can go on, 1 it cannot, and\n"
    "standard error says why, 2 usage.\n"
    "\n"
    "  --to VERSION   the version to go back to\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --check        change nothing; works while the gateway runs\n"
    "  --help\n";

static void ignore_name(void *context, const char *name) {
    (void)context;
    (void)name;
}

/* A start commits what it has to say itself; no job comes of it. */
static void submit(void *self, struct job *job) {
    (void)self;
    (void)job;
    assert(false && "a start gives no job away");
}

static void durable(void *self) {
    (void)self;
}

static void failed(void *self, const struct reason *reason) {
    (void)self;
    (void)reason;
}

/* A start and a stop: torn ends are cut, and what was lost or dropped is
 * announced, which the older version might not do. */
static err_t settle(const struct opening_options *opening,
                    struct reason *reason) {
    const struct stream_options options = {
        .platform = opening->platform,
        .config = opening->config,
        .stream = opening->stream,
        .known_end = opening->known_end,
        .cursor_known = opening->cursor_known,
        .keep_rules = true,
        .commit = {NULL, submit},
        .shared = {NULL, submit},
        .durable = durable,
        .failed = failed,
    };
    struct stream *stream;
    TRY(stream_open(&options, &stream, reason));
    stream_close(stream);
    return ERR_OK;
}

static err_t write_snapshot(const struct opening_options *options,
                            uint64_t *ret_end, struct reason *reason) {
    struct opened opened;
    TRY(opening_run(options, &opened, reason));
    err_t err = older_snapshot_write(options, &opened, reason);
    *ret_end = journal_next_seq(opened.journal);
    state_free(opened.state);
    journal_close(opened.journal);
    return err;
}

/* ERR_NOT_FOUND: there is no journal. */
static err_t convert(const struct opening_options *options, bool check,
                     struct reason *reason) {
    const struct disk *disk = &options->platform->disk;
    err_t err = disk->list(disk->self, options->dir, ignore_name, NULL);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND
                   ? err
                   : disk_failed(reason, err, "list", options->dir);
    }
    if (check) {
        return ERR_OK;
    }
    uint64_t end;
    TRY(settle(options, reason));
    TRY(write_snapshot(options, &end, reason));
    return older_files_damage(disk, options->dir, end, reason);
}

static bool convert_stream(const struct journals *journals,
                           const struct config_stream *stream, bool check) {
    const struct platform platform = platform_real();
    char dir[JOURNALS_DIR_MAX];
    snprintf(dir, sizeof dir, "%s/%s", journals->config.data, stream->name);
    struct opening_options options = {
        .platform = &platform,
        .config = &journals->config,
        .stream = stream,
        .dir = dir,
    };
    struct reason reason = {""};
    struct journals_cursor cursor;
    err_t err = journals_cursor_of(&platform.disk, &journals->config, stream,
                                   &cursor, &reason);
    if (err == ERR_OK) {
        options.known_end = cursor.seq;
        options.cursor_known = cursor.known;
        err = convert(&options, check, &reason);
    }
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        return true;
    }
    fprintf(stderr, "%s: %s\n", stream->name,
            reason.text[0] != '\0' ? reason.text : err_name(err));
    return false;
}

static bool check_config(const struct config *config, const char *path) {
    uint32_t refused = 0;
    struct reason reason = {""};
    err_t err = older_config_check(config, path, stderr, &refused, &reason);
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
    }
    return err == ERR_OK && refused == 0;
}

static int run(const struct journals *journals, const char *path, bool check) {
    if (!check_config(&journals->config, path)) {
        return EXIT_FAILURE;
    }
    bool good = true;
    for (uint32_t i = 0; good && i < journals->config.stream_count; i++) {
        good = convert_stream(journals, &journals->config.streams[i], check);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_downgrade(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    const char *to = "";
    bool check = false;
    const struct argument table[] = {
        {"to", &to, NULL},
        {"config", &path, NULL},
        {"check", NULL, &check},
    };
    const struct arguments arguments = {"downgrade", usage, table, 3};
    static struct journals journals;
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (strcmp(to, OLDER) != 0) {
        fprintf(stderr,
                "shopme-edge downgrade: %s%s; %s knows the way back to " OLDER
                " only\n",
                to[0] == '\0' ? "say which version: --to " OLDER
                              : "cannot go back to ",
                to, SHOPME_EDGE_VERSION);
        return to[0] == '\0' ? COMMANDS_EXIT_USAGE : EXIT_FAILURE;
    }
    if (!journals_choose(&journals, "downgrade", path, NULL, NULL,
                         &exit_code)) {
        return exit_code;
    }
    return run(&journals, path, check);
}
