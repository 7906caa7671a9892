/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bridge/credential_json.h"
#include "bridge/credential_split.h"

enum {
    VARIABLES_MAX = 512,
    ERRORS_MAX = 4 * 1024, /* of what it says, so much is logged */
    LINES_MAX = 10,
    WORD_MAX = 15, /* a longer word may be a key */
    REAP_MS = 10,
};

/* A child and the ends of its pipes. */
struct child {
    pid_t pid;
    int out; /* -1: it has closed it */
    int err;
    uint8_t *output;
    size_t output_len;
    char errors[ERRORS_MAX];
    size_t errors_len;
};

/* --- the environment ---------------------------------------------------- */

static bool is_secret(const char *entry) {
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID=",
        "AWS_SECRET_ACCESS_KEY=",
        "AWS_SESSION_TOKEN=",
        "AWS_SECURITY_TOKEN=",
        "AWS_CREDENTIAL_EXPIRATION=",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN=",
        "NOTIFY_SOCKET=",
        "WATCHDOG_PID=",
        "WATCHDOG_USEC=",
        "LD_PRELOAD=",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(entry, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void pick_environment(char *ret[VARIABLES_MAX + 1]) {
    size_t count = 0;
    for (char **entry = environ;
         entry != NULL && *entry != NULL && count < VARIABLES_MAX; entry++) {
        if (!is_secret(*entry)) {
            ret[count++] = *entry;
        }
    }
    ret[count] = NULL;
}

/* --- starting and ending ------------------------------------------------ */

static void close_end(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* A group of its own, to be ended whole; signals as any program expects. */
static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    int failed = posix_spawnattr_setsigdefault(attributes, &all);
    failed |= posix_spawnattr_setsigmask(attributes, &none);
    failed |= posix_spawnattr_setpgroup(attributes, 0);
    failed |= posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
                                                       POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETPGROUP);
    return failed;
}

static int spawn_over(struct child *child, char *const words[], int out,
                      int err) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    char *environment[VARIABLES_MAX + 1];
    pick_environment(environment);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    int failed = set_attributes(&attributes);
    failed |=
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_adddup2(&actions, out, 1);
    failed |= posix_spawn_file_actions_adddup2(&actions, err, 2);
    failed |= posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (failed == 0) {
        failed = posix_spawnp(&child->pid, words[0], &actions, &attributes,
                              words, environment);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

static err_t start(struct child *child, char *const words[],
                   struct reason *reason) {
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    int failed = pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0
                     ? errno
                     : spawn_over(child, words, out[1], err[1]);
    close_end(&out[1]);
    close_end(&err[1]);
    child->out = out[0];
    child->err = err[0];
    if (failed == 0) {
        return ERR_OK;
    }
    close_end(&child->out);
    close_end(&child->err);
    return reason_set(reason, ERR_NOT_FOUND, "cannot start %.100s: %s",
                      words[0], strerror(failed));
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- reading ------------------------------------------------------------ */

/* Takes what there is. ERR_RANGE past the bound. */
static err_t take_output(struct child *child) {
    uint8_t more[1];
    size_t room = PROCESS_OUTPUT_MAX - child->output_len;
    ssize_t len =
        read(child->out, room > 0 ? child->output + child->output_len : more,
             room > 0 ? room : sizeof more);
    if (len > 0) {
        ENSURE(room > 0, ERR_RANGE);
        child->output_len += (size_t)len;
    } else if (len == 0 || errno != EINTR) {
        close_end(&child->out);
    }
    return ERR_OK;
}

/* What is past the bound is read, so that it does not wait, and forgotten. */
static void take_errors(struct child *child) {
    char more[512];
    size_t room = ERRORS_MAX - child->errors_len;
    ssize_t len =
        read(child->err, room > 0 ? child->errors + child->errors_len : more,
             room > 0 ? room : sizeof more);
    if (len > 0) {
        child->errors_len += room > 0 ? (size_t)len : 0;
    } else if (len == 0 || errno != EINTR) {
        close_end(&child->err);
    }
}

/* It stays a zombie, so that its group's number is nobody else's. */
static bool has_ended(const struct child *child) {
    siginfo_t info = {.si_pid = 0};
    int failed =
        waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return failed != 0 || info.si_pid != 0;
}

/* Until it has ended and no process has its output open; a helper that it left
 * in the background and that keeps it open is late. */
static err_t follow(struct child *child, int cancel_fd, int64_t end_ms) {
    for (;;) {
        if (has_ended(child) && child->out < 0) {
            return ERR_OK;
        }
        int64_t left_ms = end_ms - now_ms();
        ENSURE(left_ms > 0, ERR_NETWORK);
        bool open = child->out >= 0;
        struct pollfd fds[3] = {{child->out, POLLIN, 0},
                                {child->err, POLLIN, 0},
                                {cancel_fd, POLLIN, 0}};
        int64_t wait_ms = open && left_ms > 1000 ? 1000 : left_ms;
        wait_ms = open || wait_ms < REAP_MS ? wait_ms : REAP_MS;
        if (poll(fds, 3, (int)wait_ms) < 0) {
            ENSURE(errno == EINTR, ERR_IO);
            continue;
        }
        ENSURE(fds[2].revents == 0, ERR_AGAIN);
        if (fds[0].revents != 0) {
            TRY(take_output(child));
        }
        if (fds[1].revents != 0) {
            take_errors(child);
        }
    }
}

/* --- what it said ------------------------------------------------------- */

/* Short words, and of a long one its first letters: whatever a program prints
 * of a key does not get into the log. */
static void log_words(const char *line, size_t len) {
    char text[256];
    struct writer writer = writer_over(text, sizeof text - 1);
    size_t word = 0;
    for (size_t i = 0; i < len; i++) {
        bool space = line[i] == ' ' || line[i] == '\t';
        word = space ? 0 : word + 1;
        bool plain = line[i] >= ' ' && line[i] <= '~';
        if (word == WORD_MAX + 1) {
            writer.len -= WORD_MAX - 4;
            writer_str(&writer, "...");
        } else if (word <= WORD_MAX) {
            writer_u8(&writer, plain ? (uint8_t)line[i] : '?');
        }
    }
    text[writer.len] = '\0';
    log_line(LOG_WARN, "bridge", "credential_process says: %s", text);
}

static void log_errors(const struct child *child) {
    size_t from = 0;
    for (int lines = 0; from < child->errors_len && lines < LINES_MAX;
         lines++) {
        const char *begin = child->errors + from;
        const char *end = memchr(begin, '\n', child->errors_len - from);
        size_t len =
            end != NULL ? (size_t)(end - begin) : child->errors_len - from;
        if (len > 0) {
            log_words(begin, len);
        }
        from += len + 1;
    }
}

static err_t explain(err_t err, int64_t timeout_ms, struct reason *reason) {
    switch ((int)err) {
    case ERR_NETWORK:
        return reason_set(reason, ERR_NETWORK,
                          "credential_process did not end within %lld s",
                          (long long)(timeout_ms / 1000));
    case ERR_RANGE:
        return reason_set(reason, ERR_RANGE,
                          "credential_process printed more than %d bytes",
                          PROCESS_OUTPUT_MAX);
    default:
        return reason_set(reason, err, "credential_process was given up");
    }
}

static err_t judge(const struct child *child, int status,
                   struct credentials *ret, struct reason *reason) {
    if (WIFSIGNALED(status)) {
        return reason_set(reason, ERR_REFUSED,
                          "credential_process was ended by signal %d",
                          WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        return reason_set(reason, ERR_REFUSED,
                          "credential_process ended with status %d; what it "
                          "said is in the log",
                          WEXITSTATUS(status));
    }
    struct reason why = {""};
    err_t err = credential_json_read(slice_of(child->output, child->output_len),
                                     CREDENTIAL_FORM_PROCESS, ret, &why);
    if (err != ERR_OK) {
        return reason_set(reason, err, "what credential_process printed: %s",
                          why.text);
    }
    return ERR_OK;
}

/* --- the whole ---------------------------------------------------------- */

/* Whatever of its group is left, too. Returns its status. */
static int end_group(struct child *child) {
    int status = 0;
    kill(-child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
    return status;
}

static void end_child(struct child *child) {
    if (child->pid > 0) {
        (void)end_group(child);
    }
    close_end(&child->out);
    close_end(&child->err);
    if (child->output != NULL) {
        explicit_bzero(child->output, child->output_len);
        free(child->output);
    }
    explicit_bzero(child->errors, child->errors_len);
}

static err_t run_words(const struct credential_process *process,
                       char *const words[], struct credentials *ret,
                       struct reason *reason) {
    CLEANUP(end_child) struct child child = {.out = -1, .err = -1};
    child.output = malloc(PROCESS_OUTPUT_MAX);
    ENSURE(child.output != NULL, ERR_MEMORY);
    TRY(start(&child, words, reason));
    err_t err =
        follow(&child, process->cancel_fd, now_ms() + process->timeout_ms);
    int status = end_group(&child);
    log_errors(&child);
    if (err != ERR_OK) {
        return explain(err, process->timeout_ms, reason);
    }
    return judge(&child, status, ret, reason);
}

err_t credential_process_run(const struct credential_process *process,
                             struct credentials *ret, struct reason *reason) {
    size_t len = strlen(process->command);
    struct split split;
    char *memory = malloc(len + 1);
    ENSURE(memory != NULL, ERR_MEMORY);
    assert(process->timeout_ms > 0);
    err_t err = split_words(slice_from_str(process->command), memory, &split);
    if (err != ERR_OK || split.count == 0) {
        err = reason_set(reason, ERR_CONFIG,
                         "credential_process cannot be split into words: "
                         "close its quotes");
    } else {
        err = run_words(process, split.words, ret, reason);
    }
    free(memory);
    return err;
}
