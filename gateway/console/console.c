/* SPDX-License-Identifier: Apache-2.0 */
/* Two doors, TCP and the unix socket, each open or tried again. The first try
 * is made before the loop turns; later ones, when they touch the disk, are a
 * job: a control socket is a file. */
#include "gateway/console/console.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/console/http.h"
#include "gateway/console/listener.h"

struct door {
    struct listener listener;
    bool wanted;
    struct reason away; /* why it is not open; empty if it is */
};

struct console {
    uv_loop_t *loop;
    struct executor executor;
    struct console_source source;
    struct http *http; /* NULL: libwebsockets did not start */
    struct door page;
    struct door local;
    struct config_address listen;
    uint16_t port;
    char socket_path[CONFIG_PATH_MAX];
    uv_timer_t again;
    bool stopping;
    /* The job that makes the socket: its own while it runs. */
    struct job job;
    bool job_runs;
    int made_fd;
    err_t made;
    struct reason made_reason;
};

static void try_again_later(struct console *console);

/* --- Doors -------------------------------------------------------------- */

static bool is_open(const struct door *door) {
    return door->listener.fd >= 0;
}

static bool is_away(const struct door *door) {
    return door->wanted && !is_open(door);
}

static void on_accepted(void *context, struct listener *listener, int fd) {
    struct console *console = context;
    http_adopt(console->http,
               listener == &console->page.listener ? HTTP_TCP : HTTP_UNIX, fd);
}

/* Says it once: not again for the same reason. */
static void stay_away(struct console *console, struct door *door,
                      const struct reason *why) {
    if (strcmp(door->away.text, why->text) != 0) {
        log_line(LOG_WARN, "console",
                 "%s reason=\"%s\"; the store sells without it, and it is "
                 "tried again",
                 door == &console->page ? "page_away" : "control_socket_away",
                 why->text);
    }
    door->away = *why;
}

static void come_back(struct console *console, struct door *door) {
    bool page = door == &console->page;
    if (page) {
        bool six = strchr(console->listen.host, ':') != NULL;
        log_line(LOG_INFO, "console", "page=http://%s%s%s:%u/", six ? "[" : "",
                 console->listen.host, six ? "]" : "", console->port);
    } else if (door->away.text[0] != '\0') {
        log_line(LOG_INFO, "console", "control_socket=%s",
                 console->socket_path);
    }
    door->away.text[0] = '\0';
}

/* `err` is what opening `fd` came to. */
static void open_door(struct console *console, struct door *door, err_t err,
                      int fd, struct reason *reason) {
    if (err == ERR_OK) {
        err = listener_start(&door->listener, console->loop, fd, reason);
    }
    if (err == ERR_OK) {
        come_back(console, door);
    } else {
        stay_away(console, door, reason);
    }
}

static void open_page(struct console *console) {
    int fd = -1;
    struct reason reason = {""};
    err_t err =
        listener_open_tcp(&console->listen, &fd, &console->port, &reason);
    open_door(console, &console->page, err, fd, &reason);
}

static void make_socket(void *self) {
    struct console *console = self;
    console->made = listener_open_unix(console->socket_path, &console->made_fd,
                                       &console->made_reason);
}

static void open_local(struct console *console) {
    open_door(console, &console->local, console->made, console->made_fd,
              &console->made_reason);
}

static void on_socket_made(void *self) {
    struct console *console = self;
    console->job_runs = false;
    if (!console->stopping) {
        open_local(console);
        try_again_later(console);
    } else if (console->made == ERR_OK) {
        close(console->made_fd);
        unlink(console->socket_path);
    }
}

static void on_again(uv_timer_t *timer) {
    struct console *console = timer->data;
    if (is_away(&console->page)) {
        open_page(console);
    }
    if (is_away(&console->local) && !console->job_runs) {
        console->job_runs = true;
        console->job = (struct job){
            .self = console, .work = make_socket, .done = on_socket_made};
        console->executor.submit(console->executor.self, &console->job);
    }
    try_again_later(console);
}

static void try_again_later(struct console *console) {
    if (console->http != NULL &&
        (is_away(&console->page) || is_away(&console->local))) {
        uv_timer_start(&console->again, on_again, CONSOLE_AGAIN_MS, 0);
    }
}

/* --- Beginning and end -------------------------------------------------- */

static void init_doors(struct console *console,
                       const struct console_options *options) {
    console->page.listener = (struct listener){
        .fd = -1, .accepted = on_accepted, .context = console};
    console->local.listener = console->page.listener;
    console->page.wanted = options->listen != NULL;
    console->local.wanted = options->socket_path != NULL;
    if (options->listen != NULL) {
        console->listen = *options->listen;
    }
    if (options->socket_path != NULL) {
        err_t err =
            slice_to_str(slice_from_str(options->socket_path),
                         console->socket_path, sizeof console->socket_path);
        assert(err == ERR_OK);
    }
}

/* Without a server neither door opens, until a restart. */
static void start_server(struct console *console) {
    struct reason reason = {""};
    if (http_start(console->loop, &console->source, &console->http, &reason) !=
        ERR_OK) {
        stay_away(console, &console->page, &reason);
        console->local.away = reason;
    }
}

err_t console_start(const struct console_options *options, struct console **ret,
                    struct reason *reason) {
    assert(options->source.status != NULL && options->source.uplink != NULL);
    assert(options->executor.submit != NULL);
    struct console *console = calloc(1, sizeof *console);
    if (console == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for the console");
    }
    console->loop = options->loop;
    console->executor = options->executor;
    console->source = options->source;
    uv_timer_init(console->loop, &console->again);
    console->again.data = console;
    init_doors(console, options);
    start_server(console);
    if (console->http != NULL && console->page.wanted) {
        open_page(console);
    }
    if (console->http != NULL && console->local.wanted) {
        make_socket(console);
        open_local(console);
    }
    try_again_later(console);
    *ret = console;
    return ERR_OK;
}

static bool is_same_address(const struct config_address *a,
                            const struct config_address *b) {
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void console_listen(struct console *console,
                    const struct config_address *listen) {
    struct door *page = &console->page;
    bool same = listen == NULL
                    ? !page->wanted
                    : page->wanted && is_same_address(listen, &console->listen);
    if (same) {
        return;
    }
    listener_stop(&page->listener);
    page->wanted = listen != NULL;
    console->port = 0;
    if (console->http == NULL) {
        return;
    }
    page->away.text[0] = '\0';
    if (listen != NULL) {
        console->listen = *listen;
        open_page(console);
        try_again_later(console);
    }
}

uint16_t console_port(const struct console *console) {
    return is_open(&console->page) ? console->port : 0;
}

const char *console_page_away(const struct console *console) {
    return is_away(&console->page) ? console->page.away.text : NULL;
}

const char *console_socket_away(const struct console *console) {
    return is_away(&console->local) ? console->local.away.text : NULL;
}

void console_stop(struct console *console) {
    if (console == NULL) {
        return;
    }
    console->stopping = true;
    while (console->job_runs) {
        uv_run(console->loop, UV_RUN_ONCE);
    }
    if (is_open(&console->local)) {
        unlink(console->socket_path);
    }
    listener_stop(&console->page.listener);
    listener_stop(&console->local.listener);
    uv_close((uv_handle_t *)&console->again, NULL);
    uv_run(console->loop, UV_RUN_NOWAIT);
    http_stop(console->http, console->loop);
    free(console);
}
