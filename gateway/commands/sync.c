/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge sync: until everything that is journaled is in the cloud. Asks
 * the gateway how far it is; without one it sends by itself (sync_own.h). */
#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/dead_store.h"
#include "config/config.h"
#include "gateway/base/log.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/sync_own.h"
#include "gateway/commands/sync_progress.h"

enum {
    POLL_MS = 250,
    US_PER_S = 1000000,
    TIMEOUT_S_MAX = 1000000, /* eleven days */
    SOCKET_MAX = CONFIG_PATH_MAX + 16,
};

/* A gateway that has the journals open may only be about to answer. */
#define STARTING_US ((int64_t)10 * US_PER_S)
/* What the cloud refuses is tried again once a minute. */
#define STUCK_US ((int64_t)90 * US_PER_S)

static const char usage[] =
    "usage: shopme-edge sync [--config FILE] [--timeout SECONDS] [--json]\n"
    "           [--data DIR [--cursor FILE]]\n"
    "\n"
    "Waits until the cloud has every event of every stream with a sink. Where\n"
    "no gateway runs it sends them itself, as one would: run it as the\n"
    "gateway's user, with its credentials. With --data it does that for "
    "another\n"
    "folder: the disk of a dead box, or a copy. With --cursor nothing is "
    "written\n"
    "there, so it may be read-only: FILE keeps how far it is, for the next "
    "time.\n"
    "What the box had sent beyond its own cursor is sent again, under the "
    "same\n"
    "ids. Dead letters are not sent: it says how many there are.\n"
    "Exit status: 0 all there, 1 refused, or no gateway answers any "
    "more,\n"
    "or events could not be read, 2 usage, 3 the time is up or it was "
    "stopped,\n"
    "and events are still waiting.\n"
    "\n"
    "  --config FILE      the store, its sinks and the cloud; default\n"
    "                     " COMMANDS_CONFIG_DEFAULT "\n"
    "  --data DIR         a box's data folder, in place of the "
    "configuration's\n"
    "  --cursor FILE      only read DIR; made if it is not there\n"
    "  --timeout SECONDS  default: wait as long as it takes\n"
    "  --json             an object a line, each second\n"
    "  --help\n";

struct sync {
    struct config config;
    char socket[SOCKET_MAX];
    const char *cursor; /* or NULL */
    bool json;
    int64_t timeout_us;   /* INT64_MAX = none */
    struct sync_own *own; /* NULL: the gateway sends */
    struct sync_progress progress;
    uint64_t sent; /* as it was when it last moved, */
    int64_t moved_us;
};

/* --- looking ------------------------------------------------------------- */

static err_t ask(const struct sync *sync, struct sync_view *ret,
                 struct reason *reason) {
    struct client_answer answer;
    TRY(client_status(sync->socket, &answer, reason));
    return sync_view_read(answer.body, ret, reason);
}

static err_t look(const struct sync *sync, struct sync_view *ret,
                  struct reason *reason) {
    if (sync->own == NULL) {
        return ask(sync, ret, reason);
    }
    sync_own_look(sync->own, ret);
    return ERR_OK;
}

/* False: it was told to stop, which it does in order. (Only then are the
 * signals blocked.) */
static bool pause_a_moment(void) {
    const struct timespec moment = {.tv_nsec = POLL_MS * 1000000L};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return sigtimedwait(&signals, NULL, &moment) < 0;
}

static void block_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

/* --- the end ------------------------------------------------------------- */

static int say_unfinished(const struct sync *sync, const struct sync_view *view,
                          const char *why) {
    const struct sync_stream *waiting = sync_view_waiting(view);
    fprintf(stderr, "%s: %" PRIu64 " events are not in the cloud, link %s", why,
            view->left, waiting != NULL ? waiting->link : "unknown");
    if (sync->own == NULL) {
        fputs("; `shopme-edge status` says why", stderr);
    } else if (waiting != NULL && waiting->error[0] != '\0') {
        fprintf(stderr, "; %s: %s", waiting->name, waiting->error);
    }
    fputs("\n", stderr);
    return COMMANDS_EXIT_UNFINISHED;
}

/* They are not in the cloud, though nothing is left to be sent. */
static void say_letters(const struct sync *sync, const struct sync_view *view) {
    if (view->letters > 0) {
        fprintf(stderr,
                "the cloud refuses %" PRIu64 " of them for good; %s/%s keeps "
                "them: see shopme-edge dead list --data %s\n",
                view->letters, sync->config.data, DEAD_FOLDER,
                sync->config.data);
    }
}

static int finish(struct sync *sync, const struct sync_view *view,
                  const char *why) {
    sync_progress_end(&sync->progress, view);
    say_letters(sync, view);
    if (view->left > 0) {
        return say_unfinished(sync, view, why);
    }
    if (view->lost > 0) {
        fprintf(stderr,
                "%" PRIu64 " events could not be read and were not sent: "
                "shopme-edge journal verify says which\n",
                view->lost);
        return EXIT_FAILURE;
    }
    if (!sync->json) {
        puts(view->count == 0 ? "no stream has a sink: there is nothing to send"
             : view->letters > 0 ? "everything else is in the cloud"
                                 : "everything is in the cloud");
    }
    return EXIT_SUCCESS;
}

static int say_gone(struct sync *sync, const struct sync_view *view, err_t err,
                    const struct reason *reason) {
    sync_progress_end(&sync->progress, view);
    fprintf(stderr, "%s\n", reason->text);
    if (err == ERR_NOT_FOUND) {
        fputs("The journaled events are sent when the gateway runs again, or "
              "by this command.\n",
              stderr);
    }
    return EXIT_FAILURE;
}

/* With a gateway a person may do something about it meanwhile. */
static bool is_stuck(struct sync *sync, const struct sync_view *view) {
    int64_t now_us = sync_progress_elapsed_us(&sync->progress);
    assert(now_us >= sync->moved_us);
    if (view->sent != sync->sent) {
        sync->sent = view->sent;
        sync->moved_us = now_us;
    }
    return sync->own != NULL && view->held > 0 &&
           now_us - sync->moved_us > STUCK_US;
}

/* `first` was seen just now, or is NULL. */
static int wait_for_all(struct sync *sync, const struct sync_view *first) {
    struct sync_view view = {.count = 0};
    for (;; first = NULL) {
        struct reason reason;
        struct sync_view next;
        err_t err = ERR_OK;
        if (first != NULL) {
            next = *first;
        } else {
            err = look(sync, &next, &reason);
        }
        if (err != ERR_OK) {
            return say_gone(sync, &view, err, &reason);
        }
        view = next;
        if (view.left == 0 ||
            sync_progress_elapsed_us(&sync->progress) >= sync->timeout_us) {
            return finish(sync, &view, "the time is up");
        }
        if (is_stuck(sync, &view)) {
            return finish(sync, &view, "the cloud refuses what is left");
        }
        sync_progress_show(&sync->progress, &view);
        if (!pause_a_moment()) {
            return finish(sync, &view, "stopped");
        }
    }
}

/* --- the beginning ------------------------------------------------------- */

/* Whoever has the journals open may be a gateway that starts. */
static bool wait_for_gateway(const struct sync *sync) {
    struct sync_view view;
    struct reason reason;
    while (sync_progress_elapsed_us(&sync->progress) < STARTING_US) {
        if (ask(sync, &view, &reason) == ERR_OK) {
            return true;
        }
        if (!pause_a_moment()) {
            return false;
        }
    }
    return false;
}

static bool has_sink(const struct config *config) {
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (config->streams[i].sink != CONFIG_SINK_NONE) {
            return true;
        }
    }
    return false;
}

/* No gateway answers. */
static int send_ourselves(struct sync *sync) {
    struct reason reason;
    if (!has_sink(&sync->config)) {
        const struct sync_view nothing = {.count = 0};
        return finish(sync, &nothing, "");
    }
    block_signals(); /* before any thread is there */
    log_set_level(LOG_WARN);
    err_t err =
        sync_own_start(&sync->config, sync->cursor, &sync->own, &reason);
    if (err == ERR_BUSY && wait_for_gateway(sync)) {
        return wait_for_all(sync, NULL);
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    int exit_code = wait_for_all(sync, NULL);
    sync_own_stop(sync->own);
    return exit_code;
}

static int run(struct sync *sync) {
    struct platform platform = platform_real();
    struct sync_view view;
    struct reason reason;
    sync_progress_begin(&sync->progress, &platform.clock, sync->json);
    err_t err = ask(sync, &view, &reason);
    if (err == ERR_NOT_FOUND) {
        return send_ourselves(sync);
    }
    if (err == ERR_OK && sync->cursor != NULL) {
        fprintf(stderr,
                "a gateway runs over this data and sends it: %s is not used\n",
                sync->cursor);
    }
    return wait_for_all(sync, err == ERR_OK ? &view : NULL);
}

/* Its own control socket is in the folder, unless the configuration says
 * otherwise of the same folder. */
static bool use_data(struct sync *sync, const char *data) {
    struct config *config = &sync->config;
    memcpy(sync->socket, config->control_socket, sizeof config->control_socket);
    if (data == NULL || strcmp(data, config->data) == 0) {
        return true;
    }
    if (slice_to_str(slice_from_str(data), config->data, sizeof config->data) !=
        ERR_OK) {
        fprintf(stderr, "%s: the path is too long\n", data);
        return false;
    }
    snprintf(sync->socket, sizeof sync->socket, "%s/control.sock", data);
    return true;
}

int command_sync(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    const char *timeout = NULL;
    const char *data = NULL;
    static struct sync sync;
    const struct argument table[] = {
        {"config", &path, NULL},    {"timeout", &timeout, NULL},
        {"data", &data, NULL},      {"cursor", &sync.cursor, NULL},
        {"json", NULL, &sync.json},
    };
    const struct arguments arguments = {"sync", usage, table, 5};
    int exit_code;
    uint64_t seconds = 0;
    if (!arguments_read(&arguments, argc, argv, &exit_code) ||
        (timeout != NULL &&
         !arguments_number(&arguments, "timeout", timeout, 0, TIMEOUT_S_MAX,
                           &seconds, &exit_code))) {
        return exit_code;
    }
    if (sync.cursor != NULL && data == NULL) {
        fputs("shopme-edge sync: --cursor needs --data\nTry: shopme-edge sync "
              "--help\n",
              stderr);
        return COMMANDS_EXIT_USAGE;
    }
    struct reason reason;
    if (config_load(path, &sync.config, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    sync.timeout_us = timeout == NULL ? INT64_MAX : (int64_t)seconds * US_PER_S;
    return use_data(&sync, data) ? run(&sync) : EXIT_FAILURE;
}
