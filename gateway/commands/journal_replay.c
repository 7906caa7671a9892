/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge journal replay: the state of the shop that its journal gives. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/reading.h"
#include "gateway/stream/replay.h"

static const char usage[] =
    "usage: shopme-edge journal replay [--config FILE | --data DIR]\n"
    "           [--stream NAME] [--currency CODE] [--to SEQ] [--json]\n"
    "\n"
    "Replays the shop's journal and shows the orders and the state that\n"
    "result. Works while the gateway runs, and on the disk of a box that is\n"
    "down. Begins as early as the journal and its snapshots allow, and checks\n"
    "each later snapshot against the replayed state. The hash is the one in\n"
    "the gateway's log. Exit status: 0 shown, 1 events are missing, the "
    "journal\n"
    "could not be replayed or a snapshot does not match, 2 usage.\n"
    "\n"
    "  --config FILE    default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR       a data directory, without its configuration\n"
    "  --stream NAME    with --data: the stream that runs the shop, default\n"
    "                   orders\n"
    "  --currency CODE  with --data: the shop's currency, default EUR\n"
    "  --to SEQ         the last record to apply, default the newest\n"
    "  --json           an object\n"
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

static void print_json(const struct reading *reading,
                       const struct replay *replay) {
    struct shop_counts counts = shop_counts(state_shop(replay->state));
    printf("{\"stream\":");
    reading_print_string(reading->name);
    printf(",\"from\":%" PRIu64 ",\"end\":%" PRIu64 ",\"snapshots\":%" PRIu64
           ",\"placed\":%" PRIu64 ",\"open\":%" PRIu64 ",\"fulfiled\":%" PRIu64
           ",\"cancelled\":%" PRIu64 ",\"rejected\":%" PRIu64
           ",\"skus\":%" PRIu64 ",\"payments_open\":%" PRIu64
           ",\"hash\":\"%016" PRIx64 "\"",
           replay->from, replay->end, replay->snapshots, counts.placed,
           counts.open, counts.fulfiled, counts.cancelled, counts.rejected,
           counts.skus, counts.payments_open, state_hash(replay->state));
    reading_print_missing(reading);
    printf("}\n");
}

static void on_lost(void *self, uint64_t first, uint64_t end, bool known) {
    reading_miss(self, first, end, known);
}

static err_t replay_all(const struct journals *journals,
                        struct reading *reading, struct replay *ret,
                        struct reason *reason) {
    const struct replay_options options = {
        .disk = &journals->disk,
        .dir = reading->dir,
        .config = &journals->config,
        .end = journals_durable_end(journals, reading->name),
        .before = reading->to < UINT64_MAX ? reading->to + 1 : reading->to,
        .lost = on_lost,
        .self = reading,
    };
    TRY(journal_begins(&journals->disk, reading->dir, &reading->begins,
                       reason));
    TRY(reading_front(reading, reason));
    return replay_run(&options, ret, reason);
}

static int replay_and_print(struct journals *journals, uint64_t to) {
    CLEANUP(reading_free) struct reading reading;
    struct replay replay;
    struct reason reason = {""};
    journals_ask(journals);
    reading_init(&reading, journals, 0);
    reading.to = to;
    err_t err = replay_all(journals, &reading, &replay, &reason);
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", reading.name,
                reason.text[0] != '\0' ? reason.text : err_name(err));
        return EXIT_FAILURE;
    }
    reading.end = replay.end;
    reading_cut(&reading, replay.cut ? ERR_CORRUPT : ERR_OK);
    if (to == UINT64_MAX) {
        err = reading_behind(&reading, &reason);
        reading_say(&reading, &reason);
    }
    if (journals->json) {
        print_json(&reading, &replay);
    } else {
        print(reading.name, &replay);
    }
    state_free(replay.state);
    return err == ERR_OK && reading_is_whole(&reading) ? EXIT_SUCCESS
                                                       : EXIT_FAILURE;
}

/* Whose stream is it? False if that cannot be told, and was said. */
static bool use_config(struct journals *journals, const char *path,
                       const char **ret_stream) {
    struct reason reason;
    if (config_load(path, &journals->config, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return false;
    }
    const struct config_stream *stream = shop_stream(&journals->config);
    if (stream == NULL) {
        fprintf(stderr, "%s: no stream has shop: true\n", path);
        return false;
    }
    *ret_stream = stream->name;
    return true;
}

static bool use_currency(struct journals *journals, const char *currency) {
    char *to = journals->config.currency;
    if (slice_to_str(slice_from_str(currency), to,
                     sizeof journals->config.currency) == ERR_OK &&
        strlen(to) == 3) {
        return true;
    }
    fprintf(stderr,
            "shopme-edge journal replay: --currency is \"%s\"; give three "
            "letters, such as EUR\n",
            currency);
    return false;
}

/* What --config knows is given beside --data only. */
static bool choose(struct journals *journals, const char *path,
                   const char *data, const char *stream, const char *currency,
                   int *ret_exit) {
    const char *config = path != NULL ? path : COMMANDS_CONFIG_DEFAULT;
    if (data == NULL && (stream != NULL || currency != NULL)) {
        fputs("shopme-edge journal replay: --stream and --currency go with "
              "--data; --config says both\n",
              stderr);
        *ret_exit = COMMANDS_EXIT_USAGE;
        return false;
    }
    *ret_exit = EXIT_FAILURE;
    if (data == NULL && !use_config(journals, config, &stream)) {
        return false;
    }
    if (data != NULL &&
        !use_currency(journals, currency != NULL ? currency : "EUR")) {
        *ret_exit = COMMANDS_EXIT_USAGE;
        return false;
    }
    return journals_choose(journals, "journal replay",
                           data == NULL ? config : path, data,
                           stream != NULL ? stream : "orders", ret_exit);
}

int command_journal_replay(int argc, char **argv) {
    const char *path = NULL;
    const char *data = NULL;
    const char *stream = NULL;
    const char *currency = NULL;
    const char *to = "18446744073709551615";
    struct journals journals = {.count = 0};
    const struct argument table[] = {
        {"config", &path, NULL},   {"data", &data, NULL},
        {"stream", &stream, NULL}, {"currency", &currency, NULL},
        {"to", &to, NULL},         {"json", NULL, &journals.json},
    };
    const struct arguments arguments = {"journal replay", usage, table, 6};
    uint64_t last;
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        !arguments_number(&arguments, "to", to, 0, UINT64_MAX, &last,
                          &exit_code) ||
        !choose(&journals, path, data, stream, currency, &exit_code)) {
        return exit_code;
    }
    return replay_and_print(&journals, last);
}
