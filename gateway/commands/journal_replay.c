/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal replay: the state of the shop that its journal gives. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/journals.h"
#include "gateway/stream/replay.h"

static const char usage[] =
    "usage: shopme-edge journal replay [--config FILE] [--to SEQ]\n"
    "\n"
    "Replays the shop's journal and shows the orders and the state that\n"
    "result. Works while the gateway runs, and on the disk of a box that is\n"
    "down. Begins as early as the journal and its snapshots allow, and checks\n"
    "each later snapshot against the replayed state. The hash is the one in\n"
    "the gateway's log. Exit status: 0 shown, 1 the journal could not be\n"
    "replayed or a snapshot does not match, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --to SEQ       the last record to apply, default the newest\n"
    "  --help\n";

/* The stream that runs the shop; NULL if none does. */
static const struct config_stream *shop_stream(const struct config *config) {
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (config->streams[i].shop) {
            return &config->streams[i];
        }
    }
    return NULL;
}

static void print(const char *name, const struct replay *replay) {
    struct shop_counts counts = shop_counts(state_shop(replay->state));
    printf("%s: records %" PRIu64 " to %" PRIu64 " applied", name, replay->from,
           replay->end);
    if (replay->lost > 0) {
        printf(", of which %" PRIu64 " are lost to damage", replay->lost);
    }
    printf("\n  started %s",
           replay->from == 0 ? "with an empty shop" : "from a snapshot");
    if (replay->snapshots > 0) {
        printf("; later snapshots that match: %" PRIu64, replay->snapshots);
    }
    printf("\n");
    printf("  orders: %" PRIu64 " placed, %" PRIu64 " open, %" PRIu64
           " fulfiled, %" PRIu64 " cancelled, %" PRIu64 " rejected\n",
           counts.placed, counts.open, counts.fulfiled, counts.cancelled,
           counts.rejected);
    printf("  stock of %" PRIu64 " SKUs; %" PRIu64
           " payments wait for a terminal\n",
           counts.skus, counts.payments_open);
    printf("  hash %016" PRIx64 "\n", state_hash(replay->state));
}

static int replay_and_print(struct journals *journals, uint64_t to) {
    char dir[JOURNALS_DIR_MAX];
    journals_dir(journals, 0, dir);
    journals_ask(journals);
    const struct replay_options options = {
        .disk = &journals->disk,
        .dir = dir,
        .config = &journals->config,
        .end = journals_durable_end(journals, journals->names[0]),
        .before = to < UINT64_MAX ? to + 1 : to,
    };
    struct replay replay;
    struct reason reason = {""};
    err_t err = replay_run(&options, &replay, &reason);
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", journals->names[0],
                reason.text[0] != '\0' ? reason.text : err_name(err));
        return EXIT_FAILURE;
    }
    print(journals->names[0], &replay);
    state_free(replay.state);
    return EXIT_SUCCESS;
}

int command_journal_replay(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    const char *to = "18446744073709551615";
    const struct argument table[] = {
        {"config", &path, NULL},
        {"to", &to, NULL},
    };
    const struct arguments arguments = {"journal replay", usage, table, 2};
    struct journals journals = {.count = 0};
    uint64_t last;
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !arguments_number(&arguments, "to", to, 0, UINT64_MAX, &last,
                          &exit_code)) {
        return exit_code;
    }
    struct reason reason;
    if (config_load(path, &journals.config, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    const struct config_stream *stream = shop_stream(&journals.config);
    if (stream == NULL) {
        fprintf(stderr, "%s: no stream has shop: true\n", path);
        return EXIT_FAILURE;
    }
    if (!journals_choose(&journals, arguments.command, path, NULL, stream->name,
                         &exit_code)) {
        return exit_code;
    }
    return replay_and_print(&journals, last);
}
