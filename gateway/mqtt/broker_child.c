/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "gateway/mqtt/broker_conf.h"

enum {
    VARIABLES_MAX = 2,
    READ_MAX = 512,
    SHOWN_MAX = 129,
    SECOND_MS = 1000,
    PROC_PATH_MAX = 64,
    OOM_MORE = 500, /* Linux's scores go from -1000 to 1000 */
    OOM_MAX = 1000,
};

/* What it says at every start and in vain: a unix socket has no TCP_NODELAY,
 * and who we run as is not its business. */
static bool is_noise(struct slice line) {
    return slice_starts_with(line, "Warning: Unable to set TCP_NODELAY.") ||
           slice_starts_with(line, "Warning: Mosquitto should not be run as "
                                   "root");
}

/* What it says of each connection; some of these lines have user names. It is
 * asked to only for those of a connection that failed, was turned away, or was
 * ended for what its client sent. */
static bool is_chatter(struct slice line) {
    static const char *const heads[] = {"New ",        "Client ",
                                        "Bad socket ", "Bad client ",
                                        "Expiring ",   "Outgoing messages "};
    static const char cause[] = " disconnected due to ";
    if (slice_starts_with(line, "Client connection from ") ||
        memmem(line.data, line.len, cause, sizeof cause - 1) != NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (slice_starts_with(line, heads[i])) {
            return true;
        }
    }
    return false;
}

/* A client id is the device's own words. */
static char *no_quotes(char *text) {
    for (char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ') {
            *p = '?';
        }
    }
    return text;
}

/* A device that keeps such a message sends it again and again. */
static bool is_oversize(struct broker_child *child, struct slice line) {
    static const char end[] = " disconnected due to oversize packet.";
    size_t len = sizeof end - 1;
    if (!slice_starts_with(line, "Client ") || line.len < len ||
        memcmp(line.data + line.len - len, end, len) != 0) {
        return false;
    }
    uint64_t skipped;
    if (log_allowed(&child->oversize, &skipped)) {
        char id[SHOWN_MAX];
        const char *from = (const char *)line.data + strlen("Client ");
        snprintf(id, sizeof id, "%.*s",
                 (int)(line.len - len - strlen("Client ")), from);
        str_mend_utf8(id);
        log_line(
            LOG_WARN, "broker",
            "oversize client=\"%s\" not_logged=%llu reason=\"its message "
            "is larger than %d MiB: it is not taken, and the connection is "
            "closed; the device has to drop it\"",
            no_quotes(id), (unsigned long long)skipped,
            BROKER_PACKET_MAX / (1024 * 1024));
    }
    return true;
}

/* It has just said why. */
static bool is_afterword(const struct broker_child *child, struct slice line) {
    return child->last[0] != '\0' &&
           slice_starts_with(line, "Error: Plugin returned ");
}

/* A device can make it say a line for every four bytes that it sends (a PUBREC
 * for what was never sent): they must not fill the disk. */
static bool may_log(struct broker_child *child) {
    struct broker_lines *lines = &child->lines;
    uint64_t now_ms = uv_now(child->output.loop);
    if (now_ms - lines->since_ms >= SECOND_MS) {
        lines->since_ms = now_ms;
        lines->logged = 0;
    }
    if (lines->logged >= BROKER_LINES_A_SECOND) {
        lines->skipped++;
        return false;
    }
    lines->logged++;
    return true;
}

static void log_said(struct broker_child *child, enum log_level level) {
    if (child->quiet || !may_log(child)) {
        return;
    }
    if (child->lines.skipped > 0) {
        log_line(LOG_WARN, "broker",
                 "lines not_logged=%llu reason=\"Mosquitto says more than %d "
                 "lines a second\"",
                 (unsigned long long)child->lines.skipped,
                 BROKER_LINES_A_SECOND);
        child->lines.skipped = 0;
    }
    log_line(level, "mosquitto", "%s", child->line);
}

static void line_over(struct broker_child *child) {
    struct slice said = slice_of(child->line, child->line_len);
    if (is_oversize(child, said) || is_chatter(said)) {
        child->line_len = 0;
    }
    if (child->line_len == 0) {
        return;
    }
    child->line[child->line_len] = '\0';
    str_mend_utf8(child->line); /* the last one becomes JSON */
    bool taken = child->said != NULL && child->said(child->self, child->line);
    if (taken && slice_starts_with(said, "Client ")) {
        child->line_len = 0; /* logged by who took it, once a second */
        return;
    }
    bool noise = taken || is_noise(slice_of(child->line, child->line_len));
    log_said(child, noise ? LOG_DEBUG : LOG_WARN);
    if (!noise &&
        !is_afterword(child, slice_of(child->line, child->line_len))) {
        memcpy(child->last, child->line, child->line_len + 1);
    }
    child->line_len = 0;
}

static void take_output(struct broker_child *child, const char *bytes,
                        size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            line_over(child);
        } else if (child->line_len < BROKER_LINE_MAX) {
            child->line[child->line_len++] = bytes[i];
        }
    }
}

static void on_output(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
    if (len > 0) {
        take_output(stream->data, buf->base, (size_t)len);
    }
    free(buf->base);
}

static void on_output_room(uv_handle_t *handle, size_t suggested,
                           uv_buf_t *buf) {
    (void)handle;
    (void)suggested;
    buf->base = malloc(READ_MAX);
    buf->len = buf->base == NULL ? 0 : READ_MAX;
}

/* Its end may be noticed before its last words. The pipe does not block. */
static void read_rest(struct broker_child *child) {
    uv_os_fd_t fd;
    char bytes[READ_MAX];
    ssize_t len;
    if (uv_fileno((uv_handle_t *)&child->output, &fd) != 0) {
        return;
    }
    while ((len = read(fd, bytes, sizeof bytes)) > 0) {
        take_output(child, bytes, (size_t)len);
    }
    line_over(child);
}

static void on_closed(uv_handle_t *handle) {
    struct broker_child *child = handle->data;
    if (--child->handles_open == 0) {
        child->ended(child->self, child->status, child->signal_number);
    }
}

static void close_all(struct broker_child *child) {
    child->running = false;
    uv_close((uv_handle_t *)&child->process, on_closed);
    uv_close((uv_handle_t *)&child->output, on_closed);
}

static void on_exit_of_child(uv_process_t *process, int64_t status,
                             int signal_number) {
    struct broker_child *child = process->data;
    child->status = status;
    child->signal_number = signal_number;
    read_rest(child);
    close_all(child);
}

/* The child's environment, of pointers into ours. */
static void pick_environment(char *ret[VARIABLES_MAX + 1]) {
    static const char *const names[VARIABLES_MAX] = {"PATH=", "TZ="};
    size_t count = 0;
    for (size_t i = 0; i < VARIABLES_MAX; i++) {
        for (char **entry = environ; *entry != NULL; entry++) {
            if (strncmp(*entry, names[i], strlen(names[i])) == 0) {
                ret[count++] = *entry;
                break;
            }
        }
    }
    ret[count] = NULL;
}

static int spawn(struct broker_child *child, uv_loop_t *loop,
                 const char *program, const char *config_path) {
    char *environment[VARIABLES_MAX + 1];
    pick_environment(environment);
    char path[CONFIG_PATH_MAX];
    char config[CONFIG_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s", program);
    snprintf(config, sizeof config, "%s", config_path);
    char *args[] = {(char[]){"setpriv"},
                    (char[]){"--pdeathsig"},
                    (char[]){"TERM"},
                    path,
                    (char[]){"-c"},
                    config,
                    NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&child->output},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of_child,
        .file = args[0],
        .args = args,
        .env = environment,
        .stdio = stdio,
        .stdio_count = 3,
    };
    return uv_spawn(loop, &child->process, &options);
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* Its clients can make it grow. When memory is short, Linux is to end it, which
 * costs seconds, before it ends the gateway. (/proc is on no disk.) */
static void go_first(int pid) {
    char path[PROC_PATH_MAX];
    int own = 0;
    FILE *ours CLEANUP(close_file) = fopen("/proc/self/oom_score_adj", "re");
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
    FILE *its CLEANUP(close_file) = fopen(path, "we");
    if (ours != NULL && its != NULL && fscanf(ours, "%d", &own) == 1) {
        int more = own + OOM_MORE < OOM_MAX ? own + OOM_MORE : OOM_MAX;
        (void)fprintf(its, "%d\n", more);
    }
}

int broker_child_start(struct broker_child *child, uv_loop_t *loop,
                       const char *program, const char *config_path) {
    uv_pipe_init(loop, &child->output, 0);
    child->handles_open = 2; /* the pipe and the process */
    child->process.data = child;
    child->output.data = child;
    child->line_len = 0;
    child->last[0] = '\0';
    int code = spawn(child, loop, program, config_path);
    if (code != 0) { /* which leaves the process's handle open */
        child->status = -1;
        child->signal_number = 0;
        close_all(child);
        return code;
    }
    child->running = true;
    go_first(child->process.pid);
    uv_read_start((uv_stream_t *)&child->output, on_output_room, on_output);
    return 0;
}

void broker_child_signal(struct broker_child *child, int number) {
    if (child->running) {
        (void)uv_process_kill(&child->process, number);
    }
}
