/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge sync: waits until everything the gateway holds is in the
 * cloud. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/event/json.h"

enum {
    POLL_MS = 250,
    US_PER_S = 1000000,
    TIMEOUT_S_MAX = 1000000, /* eleven days */
    NAME_MAX_BYTES = 128,
};

static const char usage[] =
    "usage: shopme-edge sync [--config FILE] [--timeout SECONDS]\n"
    "\n"
    "Waits until the cloud has every event of every stream with a sink. "
    "Exit\n"
    "status: 0 all there, 1 no gateway answers, 2 usage, 3 the time is up and\n"
    "events are still waiting.\n"
    "\n"
    "  --config FILE      default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --timeout SECONDS  default: wait as long as it takes\n"
    "  --help\n";

struct backlog {
    uint64_t events;
    uint32_t sinks;
    char link[NAME_MAX_BYTES]; /* of the first stream that waits */
};

struct wait {
    const struct config *config;
    struct clock clock;
    int64_t began_us;
    int64_t timeout_us; /* INT64_MAX = none */
    uint64_t first;     /* backlog when it began */
    bool terminal;
};

static void count_stream(struct slice stream, struct backlog *backlog) {
    char link[NAME_MAX_BYTES];
    client_text(stream, "link", link, sizeof link);
    if (strcmp(link, "none") == 0) {
        return;
    }
    uint64_t left = client_uint(stream, "backlog");
    if (left > 0 && backlog->events == 0) {
        memcpy(backlog->link, link, sizeof link);
    }
    backlog->events += left;
    backlog->sinks++;
}

static err_t ask(const struct wait *wait, struct backlog *ret,
                 struct reason *reason) {
    struct client_answer answer;
    TRY(client_status(wait->config->control_socket, &answer, reason));
    struct backlog backlog = {0};
    struct slice streams;
    if (json_get(answer.body, "streams", &streams) != ERR_OK ||
        json_kind(streams) != JSON_ARRAY) {
        return reason_set(reason, ERR_PARSE,
                          "the gateway's status lists no streams; is it "
                          "another version?");
    }
    size_t at = 0;
    struct slice stream;
    while (json_element(streams, &at, &stream) == ERR_OK) {
        if (json_kind(stream) == JSON_OBJECT) {
            count_stream(stream, &backlog);
        }
    }
    *ret = backlog;
    return ERR_OK;
}

static int64_t elapsed_us(const struct wait *wait) {
    return wait->clock.mono_us(wait->clock.self) - wait->began_us;
}

/* "1,234 left" with the rate so far and the time that leaves. Written over on
 * one line; the escape clears the rest of a longer line. */
static void show_progress(const struct wait *wait,
                          const struct backlog *backlog) {
    if (!wait->terminal) {
        return;
    }
    uint64_t seconds = (uint64_t)(elapsed_us(wait) / US_PER_S);
    uint64_t done =
        wait->first > backlog->events ? wait->first - backlog->events : 0;
    uint64_t rate = seconds > 0 ? done / seconds : 0;
    fprintf(stderr, "\r%" PRIu64 " events left, link %s", backlog->events,
            backlog->link);
    if (rate > 0) {
        fprintf(stderr, ", %" PRIu64 " a second, about %" PRIu64 " s to go",
                rate, backlog->events / rate);
    }
    fputs("\033[K", stderr);
    fflush(stderr);
}

static void end_progress(const struct wait *wait) {
    if (wait->terminal) {
        fputs("\r\033[K", stderr);
    }
}

static int finish(const struct wait *wait, const struct backlog *backlog) {
    end_progress(wait);
    if (backlog->sinks == 0) {
        puts("no stream has a sink: there is nothing to send");
        return EXIT_SUCCESS;
    }
    if (backlog->events == 0) {
        puts("everything is in the cloud");
        return EXIT_SUCCESS;
    }
    fprintf(stderr,
            "the time is up: %" PRIu64 " events are not in the cloud, link "
            "%s; `shopme-edge status` says why\n",
            backlog->events, backlog->link);
    return COMMANDS_EXIT_UNFINISHED;
}

static int wait_for_all(struct wait *wait) {
    for (bool first = true;; first = false) {
        struct backlog backlog;
        struct reason reason;
        err_t err = ask(wait, &backlog, &reason);
        if (err != ERR_OK) {
            end_progress(wait);
            fprintf(stderr, "%s\n", reason.text);
            if (err == ERR_NOT_FOUND) {
                fputs("The journaled events are sent when the gateway runs "
                      "again.\n",
                      stderr);
            }
            return EXIT_FAILURE;
        }
        wait->first = first ? backlog.events : wait->first;
        if (backlog.events == 0 || elapsed_us(wait) >= wait->timeout_us) {
            return finish(wait, &backlog);
        }
        show_progress(wait, &backlog);
        struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

int command_sync(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    const char *timeout = NULL;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"timeout", &timeout, NULL},
    };
    const struct arguments arguments = {"sync", usage, table, 2};
    int exit_code;
    uint64_t seconds = 0;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        (timeout != NULL &&
         !arguments_number(&arguments, "timeout", timeout, 0, TIMEOUT_S_MAX,
                           &seconds, &exit_code))) {
        return exit_code;
    }
    struct config config;
    struct reason reason;
    if (config_load(path, &config, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    struct platform platform = platform_real();
    struct wait wait = {
        .config = &config,
        .clock = platform.clock,
        .began_us = platform.clock.mono_us(platform.clock.self),
        .timeout_us = timeout == NULL ? INT64_MAX : (int64_t)seconds * US_PER_S,
        .terminal = isatty(STDERR_FILENO) == 1,
    };
    return wait_for_all(&wait);
}
