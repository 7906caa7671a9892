/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/mqtt/broker_files.h"

enum {
    PORT_WAIT_MS = 5000,
    SOCKET_POLL_MS = 20,
    RESTART_MS_MIN = 100,
    RESTART_MS_MAX = 5000,
    STOP_MS = 3000,
    LINE_MAX_BYTES = 512,
};

struct broker {
    struct broker_options options;
    struct broker_files files; /* the job's while it runs */
    struct job job;
    bool job_runs;
    err_t write_err; /* what the last job found */
    struct reason write_reason;
    bool has_socket;
    uint32_t starts;
    uint32_t restart_ms;
    bool running;
    bool up;
    bool stopping;
    uv_process_t process;
    uv_pipe_t output;
    uv_timer_t timer;
    bool output_open;
    int handles_open;
    char line[LINE_MAX_BYTES];
    size_t line_len;
};

static void on_restart(uv_timer_t *timer);

/* Can the address be bound? Sets errno. With port 0 finds a free one. */
static bool port_is_free(const struct config_address *address, uint16_t *port) {
    char service[8];
    snprintf(service, sizeof service, "%u", *port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address->host, service, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool ok = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 &&
              listen(fd, 1) == 0;
    int saved = errno;
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof bound;
    if (ok && getsockname(fd, (struct sockaddr *)&bound, &bound_len) == 0) {
        *port = bound.ss_family == AF_INET6
                    ? ntohs(((struct sockaddr_in6 *)&bound)->sin6_port)
                    : ntohs(((struct sockaddr_in *)&bound)->sin_port);
    }
    freeaddrinfo(found);
    if (fd >= 0) {
        close(fd);
    }
    errno = saved;
    return ok;
}

static err_t port_claim(struct broker *broker, struct reason *reason) {
    const struct config_address *listen =
        &broker->options.config->broker.listen;
    broker->files.port = listen->port;
    uint64_t until_ns = uv_hrtime() + (uint64_t)PORT_WAIT_MS * 1000000;
    while (!port_is_free(listen, &broker->files.port)) {
        if (errno != EADDRINUSE) {
            return reason_set(reason, ERR_CONFIG,
                              "broker.listen: cannot listen on %s:%u: %s",
                              listen->host, listen->port, strerror(errno));
        }
        if (uv_hrtime() >= until_ns) {
            return reason_set(
                reason, ERR_BUSY,
                "port %u on %s is taken, perhaps by Debian's own mosquitto "
                "service: stop it (systemctl disable --now mosquitto) or set "
                "broker.listen to another port",
                listen->port, listen->host);
        }
        usleep(100 * 1000);
    }
    return ERR_OK;
}

/* What it says at every start and in vain: a unix socket has no TCP_NODELAY,
 * and who we run as is not its business. */
static bool is_noise(struct slice line) {
    return slice_starts_with(line, "Warning: Unable to set TCP_NODELAY.") ||
           slice_starts_with(line, "Warning: Mosquitto should not be run as "
                                   "root");
}

static void log_output(struct broker *broker) {
    if (broker->line_len > 0) {
        bool noise = is_noise(slice_of(broker->line, broker->line_len));
        log_line(noise ? LOG_DEBUG : LOG_WARN, "mosquitto", "%.*s",
                 (int)broker->line_len, broker->line);
    }
    broker->line_len = 0;
}

static void on_output(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
    struct broker *broker = stream->data;
    for (ssize_t i = 0; i < len; i++) {
        if (buf->base[i] == '\n') {
            log_output(broker);
        } else if (broker->line_len < sizeof broker->line) {
            broker->line[broker->line_len++] = buf->base[i];
        }
    }
    free(buf->base);
}

static void on_output_room(uv_handle_t *handle, size_t suggested,
                           uv_buf_t *buf) {
    (void)handle;
    (void)suggested;
    buf->base = malloc(LINE_MAX_BYTES);
    buf->len = buf->base == NULL ? 0 : LINE_MAX_BYTES;
}

static void broker_free_when_closed(struct broker *broker) {
    if (broker->stopping && broker->handles_open == 0 && !broker->job_runs) {
        broker_files_remove_socket(&broker->files);
        free(broker);
    }
}

static void on_closed(uv_handle_t *handle) {
    struct broker *broker = handle->data;
    broker->handles_open--;
    broker_free_when_closed(broker);
}

static void on_output_closed(uv_handle_t *handle) {
    struct broker *broker = handle->data;
    broker->output_open = false;
    on_closed(handle);
}

static void broker_ended(struct broker *broker) {
    broker->running = false;
    bool was_up = broker->up;
    broker->up = false;
    uv_timer_stop(&broker->timer);
    if (was_up) {
        broker->options.down(broker->options.self);
    }
    if (broker->stopping) {
        uv_close((uv_handle_t *)&broker->timer, on_closed);
        return;
    }
    uv_timer_start(&broker->timer, on_restart, broker->restart_ms, 0);
    broker->restart_ms *= 2;
    if (broker->restart_ms > RESTART_MS_MAX) {
        broker->restart_ms = RESTART_MS_MAX;
    }
}

static void on_exit_of_child(uv_process_t *process, int64_t status,
                             int signal_number) {
    struct broker *broker = process->data;
    log_output(broker);
    log_line(broker->stopping ? LOG_INFO : LOG_WARN, "broker",
             "ended status=%lld signal=%d", (long long)status, signal_number);
    uv_close((uv_handle_t *)process, on_closed);
    uv_close((uv_handle_t *)&broker->output, on_output_closed);
    broker_ended(broker);
}

/* --- Jobs: what waits for the disk -------------------------------------- */

static void submit(struct broker *broker, void (*work)(void *self),
                   void (*done)(void *self)) {
    assert(!broker->job_runs);
    broker->job_runs = true;
    broker->job = (struct job){.self = broker, .work = work, .done = done};
    broker->options.executor.submit(broker->options.executor.self,
                                    &broker->job);
}

static void look(void *self) {
    struct broker *broker = self;
    broker->has_socket = broker_files_has_socket(&broker->files);
}

static void on_looked(void *self) {
    struct broker *broker = self;
    broker->job_runs = false;
    if (broker->stopping) {
        broker_free_when_closed(broker);
        return;
    }
    if (!broker->running || !broker->has_socket) {
        return;
    }
    uv_timer_stop(&broker->timer);
    broker->up = true;
    broker->restart_ms = RESTART_MS_MIN;
    log_line(LOG_INFO, "broker", "up pid=%d listen=%s:%u", broker->process.pid,
             broker->options.config->broker.listen.host, broker->files.port);
    broker->options.up(broker->options.self, broker->files.socket_path);
}

static void on_socket_poll(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    if (!broker->job_runs) {
        submit(broker, look, on_looked);
    }
}

static void start_failed(struct broker *broker, const char *why) {
    log_line(LOG_ERROR, "broker", "start_failed reason=\"%s\"", why);
    broker_ended(broker);
}

static void broker_spawn(struct broker *broker) {
    uv_loop_t *loop = broker->options.loop;
    uv_pipe_init(loop, &broker->output, 0);
    broker->output_open = true;
    broker->handles_open += 2; /* the pipe and the process */
    broker->process.data = broker;
    broker->output.data = broker;
    char *args[] = {(char[]){"setpriv"},
                    (char[]){"--pdeathsig"},
                    (char[]){"TERM"},
                    (char[CONFIG_PATH_MAX]){0},
                    (char[]){"-c"},
                    broker->files.config_path,
                    NULL};
    snprintf(args[3], CONFIG_PATH_MAX, "%s",
             broker->options.config->broker.program);
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&broker->output},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of_child,
        .file = args[0],
        .args = args,
        .stdio = stdio,
        .stdio_count = 3,
    };
    int code = uv_spawn(loop, &broker->process, &options);
    if (code != 0) { /* which leaves the process's handle open */
        uv_close((uv_handle_t *)&broker->process, on_closed);
        uv_close((uv_handle_t *)&broker->output, on_output_closed);
        start_failed(broker, uv_strerror(code));
        return;
    }
    broker->running = true;
    uv_read_start((uv_stream_t *)&broker->output, on_output_room, on_output);
    uv_timer_start(&broker->timer, on_socket_poll, SOCKET_POLL_MS,
                   SOCKET_POLL_MS);
}

static void write_files(void *self) {
    struct broker *broker = self;
    broker->write_err =
        broker_files_write(&broker->files, &broker->write_reason);
}

static void on_written(void *self) {
    struct broker *broker = self;
    broker->job_runs = false;
    if (broker->stopping) {
        broker_free_when_closed(broker);
    } else if (broker->write_err != ERR_OK) {
        start_failed(broker, broker->write_reason.text);
    } else {
        broker_spawn(broker);
    }
}

static void prepare(struct broker *broker) {
    broker->starts++;
    broker_files_name_socket(&broker->files, broker->starts);
    submit(broker, write_files, on_written);
}

static void on_restart(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    if (broker->output_open || broker->job_runs) {
        uv_timer_start(timer, on_restart, SOCKET_POLL_MS, 0);
        return;
    }
    prepare(broker);
}

static err_t broker_prepare(struct broker *broker, struct reason *reason) {
    const struct config *config = broker->options.config;
    if (access(config->broker.program, X_OK) != 0) {
        struct reason why;
        (void)disk_failed(&why, ERR_IO, "run", config->broker.program);
        return reason_set(reason, ERR_NOT_FOUND,
                          "broker.program: %s; install mosquitto, or set "
                          "broker.mode to external",
                          why.text);
    }
    TRY(broker_files_make_folder(&broker->files, reason));
    return port_claim(broker, reason);
}

err_t broker_start(const struct broker_options *options, struct broker **ret,
                   struct reason *reason) {
    struct broker *broker = calloc(1, sizeof *broker);
    ENSURE(broker != NULL, ERR_MEMORY);
    broker->options = *options;
    broker->files.config = options->config;
    broker->restart_ms = RESTART_MS_MIN;
    err_t err = broker_prepare(broker, reason);
    if (err != ERR_OK) {
        free(broker);
        return err;
    }
    uv_timer_init(options->loop, &broker->timer);
    broker->timer.data = broker;
    broker->handles_open = 1;
    *ret = broker;
    prepare(broker);
    return ERR_OK;
}

uint16_t broker_port(const struct broker *broker) {
    return broker->files.port;
}

uint32_t broker_restarts(const struct broker *broker) {
    return broker->starts - 1;
}

static void on_stop_late(uv_timer_t *timer) {
    struct broker *broker = timer->data;
    if (broker->running) {
        uv_process_kill(&broker->process, SIGKILL);
    }
}

void broker_stop(struct broker *broker) {
    if (broker == NULL) {
        return;
    }
    broker->stopping = true;
    broker->up = false; /* its owner's parts may be freed when it ends */
    if (!broker->running) {
        uv_close((uv_handle_t *)&broker->timer, on_closed);
        return;
    }
    uv_process_kill(&broker->process, SIGTERM);
    uv_timer_start(&broker->timer, on_stop_late, STOP_MS, 0);
}
