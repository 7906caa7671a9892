/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/device_password.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_SIZE = PASSWORD_BYTES_MAX + 3 }; /* "\r\n", and one too many */

struct line {
    char text[LINE_SIZE + 1];
    size_t len;
};

static void wipe(struct line *line) {
    explicit_bzero(line, sizeof *line);
}

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

/* --- Reading -------------------------------------------------------------- */

/* All there is, up to the line's room. */
static err_t read_all(int fd, struct line *line) {
    while (line->len < LINE_SIZE) {
        ssize_t got = read(fd, line->text + line->len, LINE_SIZE - line->len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, ERR_IO);
        if (got == 0) {
            break;
        }
        line->len += (size_t)got;
    }
    return ERR_OK;
}

/* Without its end. A second line may be a mistake: of the wrong file. */
static err_t take_line(struct line *line, const char *where,
                       struct reason *reason) {
    char *end = memchr(line->text, '\n', line->len);
    if (end != NULL && end + 1 < line->text + line->len) {
        return reason_set(reason, ERR_RANGE,
                          "%s holds more than one line; the password is the "
                          "only one",
                          where);
    }
    if (end != NULL) {
        line->len = (size_t)(end - line->text);
    }
    if (line->len > 0 && line->text[line->len - 1] == '\r') {
        line->len--;
    }
    return ERR_OK;
}

static err_t read_file(const char *path, struct line *line,
                       struct reason *reason) {
    CLEANUP(close_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || read_all(fd, line) != ERR_OK) {
        return disk_failed(reason, ERR_IO, "read the password from", path);
    }
    return take_line(line, path, reason);
}

static err_t read_stdin(struct line *line, struct reason *reason) {
    if (read_all(STDIN_FILENO, line) != ERR_OK) {
        return disk_failed(reason, ERR_IO, "read the password from",
                           "standard input");
    }
    return take_line(line, "standard input", reason);
}

/* --- The terminal --------------------------------------------------------- */

struct quiet {
    int tty;
    int signals;
    sigset_t old;
    struct termios shown;
};

/* Signals that would end or stop the command wait until the echo is back. */
static err_t begin_quiet(struct quiet *quiet) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaddset(&held, numbers[i]);
    }
    ENSURE(tcgetattr(quiet->tty, &quiet->shown) == 0, ERR_NOT_FOUND);
    ENSURE(sigprocmask(SIG_BLOCK, &held, &quiet->old) == 0, ERR_IO);
    quiet->signals = signalfd(-1, &held, SFD_CLOEXEC);
    struct termios hidden = quiet->shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ICANON | ECHONL;
    if (quiet->signals < 0 || tcsetattr(quiet->tty, TCSAFLUSH, &hidden) != 0) {
        sigprocmask(SIG_SETMASK, &quiet->old, NULL);
        close_fd(&quiet->signals);
        return ERR_IO;
    }
    return ERR_OK;
}

static void end_quiet(struct quiet *quiet) {
    (void)tcsetattr(quiet->tty, TCSAFLUSH, &quiet->shown);
    close_fd(&quiet->signals);
    sigprocmask(SIG_SETMASK, &quiet->old, NULL); /* one that waits ends us */
}

/* False if a signal came instead. */
static bool wait_for_line(const struct quiet *quiet) {
    struct pollfd fds[] = {{.fd = quiet->tty, .events = POLLIN},
                           {.fd = quiet->signals, .events = POLLIN}};
    return poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}

static void say(int fd, const char *text) {
    ssize_t ignored = write(fd, text, strlen(text));
    (void)ignored;
}

static err_t ask_line(const char *prompt, struct line *line,
                      struct reason *reason) {
    struct quiet quiet = {.signals = -1};
    CLEANUP(close_fd) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    quiet.tty = tty;
    if (tty < 0 || begin_quiet(&quiet) != ERR_OK) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "there is no terminal to ask on: give the password "
                          "with --password-file FILE or --password-stdin, or "
                          "let one be made");
    }
    say(tty, prompt);
    bool came = wait_for_line(&quiet);
    ssize_t got = came ? read(tty, line->text, LINE_SIZE) : 0;
    end_quiet(&quiet);
    if (got <= 0) {
        return reason_set(reason, ERR_IO, "no password was given");
    }
    line->len = (size_t)got;
    assert(line->len <= LINE_SIZE);
    return take_line(line, "the answer", reason);
}

static err_t ask_twice(struct line *line, struct reason *reason) {
    CLEANUP(wipe) struct line again = {.len = 0};
    TRY(ask_line("password: ", line, reason));
    TRY(password_check_chosen(slice_of(line->text, line->len), reason));
    TRY(ask_line("the same again: ", &again, reason));
    if (again.len != line->len ||
        memcmp(again.text, line->text, line->len) != 0) {
        return reason_set(reason, ERR_RANGE,
                          "the two are not the same; nothing was changed");
    }
    return ERR_OK;
}

err_t device_password_ask(const char *prompt, char *ret, size_t ret_size,
                          struct reason *reason) {
    CLEANUP(wipe) struct line line = {.len = 0};
    TRY(ask_line(prompt, &line, reason));
    if (slice_to_str(slice_of(line.text, line.len), ret, ret_size) != ERR_OK) {
        return reason_set(reason, ERR_RANGE, "the password is too long");
    }
    return ERR_OK;
}

/* --- All of it ------------------------------------------------------------ */

static err_t hash(struct slice password, uint32_t iterations,
                  struct device_password *ret, struct reason *reason) {
    const struct platform platform = platform_real();
    err_t err =
        password_hash(&platform.entropy, password, iterations, ret->hash);
    return err == ERR_OK ? err
                         : reason_set(reason, err, "cannot hash the password");
}

static err_t read_chosen(const struct device_password_source *source,
                         struct line *line, struct reason *reason) {
    if (source->ask) {
        return ask_twice(line, reason);
    }
    return source->from_stdin ? read_stdin(line, reason)
                              : read_file(source->file, line, reason);
}

err_t device_password(const struct device_password_source *source,
                      struct device_password *ret, struct reason *reason) {
    assert(source->ask + source->from_stdin + (source->file != NULL) <= 1);
    memset(ret, 0, sizeof *ret);
    if (!source->ask && !source->from_stdin && source->file == NULL) {
        const struct platform platform = platform_real();
        password_make(&platform.entropy, ret->made);
        return hash(slice_from_str(ret->made), PASSWORD_ITERATIONS_MADE, ret,
                    reason);
    }
    CLEANUP(wipe) struct line line = {.len = 0};
    TRY(read_chosen(source, &line, reason));
    struct slice password = slice_of(line.text, line.len);
    TRY(password_check_chosen(password, reason));
    return hash(password, PASSWORD_ITERATIONS_CHOSEN, ret, reason);
}

err_t device_password_read(const struct device_password_source *source,
                           char ret[static PASSWORD_BYTES_MAX + 1],
                           bool *ret_made, struct reason *reason) {
    *ret_made = !source->ask && !source->from_stdin && source->file == NULL;
    if (*ret_made) {
        const struct platform platform = platform_real();
        password_make(&platform.entropy, ret);
        return ERR_OK;
    }
    CLEANUP(wipe) struct line line = {.len = 0};
    TRY(read_chosen(source, &line, reason));
    struct slice password = slice_of(line.text, line.len);
    TRY(password_check_chosen(password, reason));
    return slice_to_str(password, ret, PASSWORD_BYTES_MAX + 1);
}
