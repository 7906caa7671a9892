/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge dead retry, drop: by the running gateway, which does it at once;
 * without one under the journal's lock, and the next start sends them. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/commands/arguments.h"
#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/dead_letters.h"
#include "gateway/event/json.h"

enum { ORDER_WAIT_MS = 10, ORDER_TRIES = 3000, ORDER_IDS = 500 };

#define CHOICE_HELP                                                        \
    "ID is one letter as `dead list` shows it, or several: 3,7,12-20.\n"   \
    "\n"                                                                   \
    "  --all          all of them\n"                                       \
    "  --stream NAME  those of this stream\n"                              \
    "  --type T       events of this type\n"                               \
    "  --reason R     refused with this code, or with this in the words\n" \
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"               \
    "  --json         say how many as an object\n"                         \
    "  --help\n"

static const char retry_usage[] =
    "usage: shopme-edge dead retry (ID | --all | --stream NAME | --type T |\n"
    "           --reason R) [--config FILE] [--json]\n"
    "\n"
    "Sends dead letters again: in the order in which they were refused, one "
    "of\n"
    "a key at a time, with the ids that they had. What is taken is no letter\n"
    "any more; what is refused again stays one. Without a running gateway the\n"
    "next start sends them. Exit status: 0 they will be sent, 1 not, 2 usage.\n"
    "\n" CHOICE_HELP;

static const char drop_usage[] =
    "usage: shopme-edge dead drop (ID | --all | --stream NAME | --type T |\n"
    "           --reason R) [--config FILE] [--json]\n"
    "\n"
    "Gives dead letters up: they will never reach the cloud. Exit status:\n"
    "0 dropped, 1 not, 2 usage.\n"
    "\n" CHOICE_HELP;

struct change {
    const char *word; /* "retry" */
    const char *done; /* "will be sent again" */
    enum dead_ask ask;
    struct config config;
    struct platform platform;
    struct dead_choice choice;
    bool json;
    bool running; /* a gateway answers */
    uint64_t *ids;
    size_t count;
    size_t cap;
    err_t err;
};

static void on_letter(void *context, const struct dead_shown *shown) {
    struct change *change = context;
    if (change->count == change->cap) {
        size_t cap = change->cap == 0 ? 64 : change->cap * 2;
        uint64_t *ids = realloc(change->ids, cap * sizeof *ids);
        if (ids == NULL) {
            change->err = ERR_MEMORY;
            return;
        }
        change->ids = ids;
        change->cap = cap;
    }
    change->ids[change->count++] = shown->id;
}

static err_t choose(struct change *change, struct reason *reason) {
    struct dead_place place = {.disk = &change->platform.disk};
    uint64_t lost;
    snprintf(place.dir, sizeof place.dir, "%s/%s", change->config.data,
             DEAD_FOLDER);
    TRY(dead_letters_each(&place, &change->choice, on_letter, change, &lost,
                          reason));
    return change->err == ERR_OK
               ? ERR_OK
               : reason_set(reason, change->err, "out of memory");
}

/* --- by the gateway --------------------------------------------------------
 */

static void pause_ms(long ms) {
    const struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

/* ERR_AGAIN: another order waits. */
static err_t post(struct change *change, size_t from, size_t count,
                  struct client_answer *answer, uint64_t *ret_order,
                  struct reason *reason) {
    assert(count > 0 && count <= ORDER_IDS);
    char body[ORDER_IDS * 21 + 32];
    unsigned code;
    struct writer writer = writer_over(body, sizeof body);
    writer_printf(&writer, "{\"%s\":[", change->word);
    for (size_t i = 0; i < count; i++) {
        writer_printf(&writer, "%s%" PRIu64, i > 0 ? "," : "",
                      change->ids[from + i]);
    }
    writer_str(&writer, "]}");
    TRY(client_ask(change->config.control_socket, "/api/v1/dead",
                   writer_slice(&writer), answer, &code, reason));
    ENSURE(code != 503, ERR_AGAIN);
    if (code != 202) {
        char words[200];
        client_text(answer->body, "error", words, sizeof words);
        return reason_set(reason, ERR_REFUSED, "the gateway refuses: %s",
                          words);
    }
    *ret_order = client_uint(answer->body, "order");
    return ERR_OK;
}

/* Until the gateway has it on the disk. */
static err_t await(const struct change *change, uint64_t order,
                   struct client_answer *answer, struct reason *reason) {
    for (int i = 0; i < ORDER_TRIES; i++) {
        struct slice dead;
        TRY(client_status(change->config.control_socket, answer, reason));
        if (json_get(answer->body, "dead", &dead) == ERR_OK &&
            json_kind(dead) == JSON_OBJECT &&
            client_uint(dead, "orders_done") >= order) {
            return ERR_OK;
        }
        pause_ms(ORDER_WAIT_MS);
    }
    return reason_set(reason, ERR_AGAIN,
                      "the gateway has not written it yet: its disk is slow or "
                      "full, see shopme-edge status");
}

static err_t order(struct change *change, size_t from, size_t count,
                   struct client_answer *answer, struct reason *reason) {
    uint64_t number = 0;
    err_t err = ERR_AGAIN;
    for (int i = 0; err == ERR_AGAIN && i < ORDER_TRIES; i++) {
        err = post(change, from, count, answer, &number, reason);
        if (err == ERR_AGAIN) {
            pause_ms(ORDER_WAIT_MS);
        }
    }
    TRY(err);
    return await(change, number, answer, reason);
}

static err_t by_gateway(struct change *change, struct client_answer *answer,
                        struct reason *reason) {
    for (size_t at = 0; at < change->count; at += ORDER_IDS) {
        size_t left = change->count - at;
        TRY(order(change, at, left < ORDER_IDS ? left : ORDER_IDS, answer,
                  reason));
    }
    return ERR_OK;
}

/* --- without one -----------------------------------------------------------
 */

static err_t append_all(struct change *change, struct dead_store *store,
                        struct reason *reason) {
    const struct clock *clock = &change->platform.clock;
    struct dead_record record = {
        .kind = change->ask == DEAD_ASK_RETRY ? DEAD_RETRY : DEAD_DROPPED,
        .when_us = clock->wall_us(clock->self),
    };
    for (size_t i = 0; i < change->count; i++) {
        record.letter = change->ids[i];
        TRY(dead_store_append(store, &record, reason));
    }
    return dead_store_commit(store, reason);
}

static err_t by_file(struct change *change, struct reason *reason) {
    struct dead_store store;
    dead_store_init(&store, &change->platform, &change->config);
    if (!dead_store_exists(&store)) {
        return ERR_OK;
    }
    err_t err = dead_store_open(&store, reason);
    if (err == ERR_BUSY) {
        return reason_set(reason, ERR_BUSY,
                          "a gateway runs on %s and does not answer on %s: "
                          "stop it, or ask again",
                          change->config.data, change->config.control_socket);
    }
    if (err == ERR_OK) {
        err = append_all(change, &store, reason);
    }
    dead_store_close(&store);
    return err;
}

/* --- the command -----------------------------------------------------------
 */

static err_t make(struct change *change, struct reason *reason) {
    static struct client_answer answer;
    err_t err = client_status(change->config.control_socket, &answer, reason);
    ENSURE(err == ERR_OK || err == ERR_NOT_FOUND, err);
    change->running = err == ERR_OK;
    TRY(choose(change, reason));
    if (change->count == 0) {
        return ERR_OK;
    }
    return change->running ? by_gateway(change, &answer, reason)
                           : by_file(change, reason);
}

static void say(const struct change *change) {
    if (change->json) {
        printf("{\"%s\":%zu}\n", change->word, change->count);
        return;
    }
    printf("%zu dead letter%s %s%s\n", change->count,
           change->count == 1 ? "" : "s", change->done,
           change->ask == DEAD_ASK_RETRY && !change->running &&
                   change->count > 0
               ? " by the next start"
               : "");
}

static int run(struct change *change, const char *path) {
    struct reason reason = {""};
    if (dead_choice_check(&change->choice, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return COMMANDS_EXIT_USAGE;
    }
    err_t err = config_load(path, &change->config, &reason);
    if (err == ERR_OK) {
        err = make(change, &reason);
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n",
                reason.text[0] != '\0' ? reason.text : err_name(err));
        return EXIT_FAILURE;
    }
    if (change->count == 0 && change->choice.ids != NULL) {
        fprintf(stderr,
                "there is no dead letter %s: `shopme-edge dead list` lists "
                "them\n",
                change->choice.ids);
        return EXIT_FAILURE;
    }
    say(change);
    return EXIT_SUCCESS;
}

static int change_letters(struct change *change, const char *command,
                          const char *usage, int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    bool all = false;
    struct dead_choice *choice = &change->choice;
    const struct argument table[] = {
        {"config", &path, NULL},       {"stream", &choice->stream, NULL},
        {"type", &choice->type, NULL}, {"reason", &choice->reason, NULL},
        {"all", NULL, &all},           {"json", NULL, &change->json},
    };
    const struct arguments arguments = {command, usage, table, 6};
    struct arguments_more more = {.word_name = "ID"};
    int exit_code;
    if (!arguments_read_more(&arguments, &more, argc, argv, &exit_code)) {
        return exit_code;
    }
    choice->ids = more.word;
    bool some = choice->ids != NULL || choice->stream != NULL ||
                choice->type != NULL || choice->reason != NULL;
    if (some == all) {
        fprintf(stderr,
                "shopme-edge %s: say which: an ID, --stream, --type, --reason; "
                "or --all\nTry: shopme-edge %s --help\n",
                command, command);
        return COMMANDS_EXIT_USAGE;
    }
    change->platform = platform_real();
    exit_code = run(change, path);
    free(change->ids);
    return exit_code;
}

int command_dead_retry(int argc, char **argv) {
    struct change change = {
        .word = "retry", .done = "will be sent again", .ask = DEAD_ASK_RETRY};
    return change_letters(&change, "dead retry", retry_usage, argc, argv);
}

int command_dead_drop(int argc, char **argv) {
    struct change change = {
        .word = "drop", .done = "dropped", .ask = DEAD_ASK_DROP};
    return change_letters(&change, "dead drop", drop_usage, argc, argv);
}
