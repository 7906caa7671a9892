/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/console.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/console/http.h"
#include "gateway/console/listener.h"

struct console {
    uv_loop_t *loop;
    struct console_source source;
    struct http *http;
    struct listener tcp;
    struct listener local;
    uint16_t port;
    char socket_path[CONFIG_PATH_MAX]; /* empty = none made */
};

static void on_accepted(void *context, struct listener *listener, int fd) {
    struct console *console = context;
    http_adopt(console->http, listener == &console->tcp ? HTTP_TCP : HTTP_UNIX,
               fd);
}

static err_t start_tcp(struct console *console,
                       const struct config_address *listen,
                       struct reason *reason) {
    if (listen == NULL) {
        return ERR_OK;
    }
    int fd;
    TRY(listener_open_tcp(listen, &fd, &console->port, reason));
    return listener_start(&console->tcp, console->loop, fd, reason);
}

static err_t start_unix(struct console *console, const char *path,
                        struct reason *reason) {
    if (path == NULL) {
        return ERR_OK;
    }
    int fd;
    TRY(listener_open_unix(path, &fd, reason));
    err_t err = slice_to_str(slice_from_str(path), console->socket_path,
                             sizeof console->socket_path);
    assert(err == ERR_OK);
    return listener_start(&console->local, console->loop, fd, reason);
}

err_t console_start(const struct console_options *options, struct console **ret,
                    struct reason *reason) {
    assert(options->source.status != NULL && options->source.uplink != NULL);
    struct console *console = calloc(1, sizeof *console);
    if (console == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for the console");
    }
    console->loop = options->loop;
    console->source = options->source;
    console->tcp = (struct listener){
        .fd = -1, .accepted = on_accepted, .context = console};
    console->local = console->tcp;
    err_t err = start_tcp(console, options->listen, reason);
    if (err == ERR_OK) {
        err = start_unix(console, options->socket_path, reason);
    }
    if (err == ERR_OK) {
        err =
            http_start(options->loop, &console->source, &console->http, reason);
    }
    if (err != ERR_OK) {
        console_stop(console);
        return err;
    }
    *ret = console;
    return ERR_OK;
}

uint16_t console_port(const struct console *console) {
    return console->port;
}

void console_stop(struct console *console) {
    if (console == NULL) {
        return;
    }
    if (console->socket_path[0] != '\0') {
        unlink(console->socket_path);
    }
    listener_stop(&console->tcp);
    listener_stop(&console->local);
    http_stop(console->http, console->loop);
    free(console);
}
