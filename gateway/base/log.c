/* SPDX-License-Identifier: Apache-2.0 */
/* The one place with mutable state at file level: standard error belongs to the
 * process, and so does what goes there; a log handed to every function would
 * say nothing more. */
#include "gateway/base/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/log_ring.h"

enum {
    LOG_INTERVAL_MS = 1000,
    ABORT_WAIT_MS = 1000,
    POLL_MS = 10,
    NS_A_MS = 1000000,
};

enum state { DIRECT, THREADED, STOPPED };

static struct {
    atomic_int state; /* enum state */
    atomic_int level;
    atomic_int journal; /* 0 not looked yet, 1 no, 2 standard error is it */
    atomic_uint_fast64_t dropped;
    atomic_size_t unwritten; /* bytes, for who may not take the mutex */
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below; never held over a write */
    pthread_cond_t changed;
    bool stopping;
    bool ended; /* the thread has */
    struct log_ring ring;
} sink = {
    .level = LOG_INFO,
    .mutex = PTHREAD_MUTEX_INITIALIZER,
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* --- Lines -------------------------------------------------------------- */

/* systemd.exec(5): $JOURNAL_STREAM is "device:inode" of the stream that it
 * connected; somebody may have redirected standard error since. */
static bool is_journal(void) {
    const char *text = getenv("JOURNAL_STREAM");
    char expected[64];
    struct stat status;
    if (text == NULL || fstat(STDERR_FILENO, &status) != 0) {
        return false;
    }
    snprintf(expected, sizeof expected, "%ju:%ju", (uintmax_t)status.st_dev,
             (uintmax_t)status.st_ino);
    return strcmp(text, expected) == 0;
}

const char *log_prefix(enum log_level level) {
    static const char *const prefixes[] = {"<3>", "<4>", "<6>", "<7>"};
    int journal = atomic_load(&sink.journal);
    if (journal == 0) {
        journal = is_journal() ? 2 : 1;
        atomic_store(&sink.journal, journal);
    }
    return journal == 2 ? prefixes[level] : "";
}

static size_t begin_line(enum log_level level, const char *module,
                         char line[LOG_RING_LINE_MAX]) {
    const char *prefix = log_prefix(level);
    size_t len = 0;
    if (prefix[0] == '\0') {
        struct timespec now;
        struct tm utc;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        len = strftime(line, LOG_RING_LINE_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
        len += (size_t)snprintf(line + len, LOG_RING_LINE_MAX - len, ".%03ldZ ",
                                now.tv_nsec / NS_A_MS);
    }
    len += (size_t)snprintf(line + len, LOG_RING_LINE_MAX - len, "%s%-5s %s ",
                            prefix, level_names[level], module);
    return len;
}

/* `text` is what vsnprintf() returned for the rest of the line. */
static size_t end_line(char line[LOG_RING_LINE_MAX], size_t len, int text) {
    size_t room = LOG_RING_LINE_MAX - len - 2;
    len += text < 0 ? 0 : (size_t)text > room ? room : (size_t)text;
    line[len++] = '\n';
    assert(len <= LOG_RING_LINE_MAX);
    return len;
}

static size_t write_notice(uint64_t lines, char *ret) {
    size_t len = begin_line(LOG_WARN, "log", ret);
    int text = snprintf(ret + len, LOG_RING_LINE_MAX - len - 1,
                        "log_dropped lines=%ju; standard error was not read in "
                        "time",
                        (uintmax_t)lines);
    return end_line(ret, len, text);
}

/* --- The thread --------------------------------------------------------- */

/* Waits for as long as it takes. False if standard error is gone. */
static bool write_all(const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t put = write(STDERR_FILENO, bytes, len);
        if (put >= 0) {
            bytes += put;
            len -= (size_t)put;
        } else if (errno == EAGAIN) { /* another process made it so */
            struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
            (void)poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Under the mutex: the next bytes to write, 0 when the thread is to end. */
static size_t next_bytes(char ret[LOG_RING_TAKE_MAX]) {
    log_ring_say_dropped(&sink.ring, write_notice);
    while (sink.ring.len == 0 && !sink.stopping) {
        pthread_cond_wait(&sink.changed, &sink.mutex);
    }
    return log_ring_take(&sink.ring, ret);
}

static void *run(void *context) {
    (void)context;
    char bytes[LOG_RING_TAKE_MAX];
    pthread_mutex_lock(&sink.mutex);
    for (size_t len; (len = next_bytes(bytes)) > 0;) {
        pthread_mutex_unlock(&sink.mutex);
        (void)write_all(bytes, len); /* there is nowhere left to report it */
        pthread_mutex_lock(&sink.mutex);
        atomic_store(&sink.unwritten, sink.ring.len);
    }
    sink.ended = true;
    pthread_cond_broadcast(&sink.changed);
    pthread_mutex_unlock(&sink.mutex);
    return NULL;
}

static void put(const char *line, size_t len) {
    pthread_mutex_lock(&sink.mutex);
    log_ring_put(&sink.ring, slice_of(line, len), write_notice);
    atomic_store(&sink.dropped, sink.ring.dropped);
    atomic_fetch_add(&sink.unwritten, len);
    pthread_cond_signal(&sink.changed);
    pthread_mutex_unlock(&sink.mutex);
}

void log_line(enum log_level level, const char *module, const char *format,
              ...) {
    assert(level <= LOG_DEBUG);
    if ((int)level > atomic_load(&sink.level)) {
        return;
    }
    char line[LOG_RING_LINE_MAX];
    size_t len = begin_line(level, module, line);
    va_list args;
    va_start(args, format);
    int text = vsnprintf(line + len, sizeof line - len - 1, format, args);
    va_end(args);
    len = end_line(line, len, text);
    int state = atomic_load(&sink.state);
    if (state == THREADED) {
        put(line, len);
    } else if (state == DIRECT) { /* one call, so that lines never mix */
        (void)write_all(line, len);
    }
}

/* --- Beginning and end -------------------------------------------------- */

/* An assertion speaks for itself, and what was logged before it says how it
 * came to that. Only calls that a signal handler may make. */
static void on_abort(int number) {
    (void)number;
    struct timespec pause = {0, POLL_MS * NS_A_MS};
    for (int waited_ms = 0;
         atomic_load(&sink.unwritten) > 0 && waited_ms < ABORT_WAIT_MS;
         waited_ms += POLL_MS) {
        nanosleep(&pause, NULL);
    }
}

static void hold_up_abort(void) {
    struct sigaction action = {.sa_handler = on_abort,
                               .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGABRT, &action, NULL);
}

/* Only the main thread handles signals. */
static int start_without_signals(void) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&sink.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

err_t log_start(void) {
    assert(atomic_load(&sink.state) == DIRECT);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sink.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    ENSURE(start_without_signals() == 0, ERR_MEMORY);
    (void)pthread_setname_np(sink.thread, "log");
    atomic_store(&sink.state, THREADED);
    hold_up_abort();
    return ERR_OK;
}

static struct timespec after_ms(uint32_t ms) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * NS_A_MS;
    if (at.tv_nsec >= 1000L * NS_A_MS) {
        at.tv_sec++;
        at.tv_nsec -= 1000L * NS_A_MS;
    }
    return at;
}

void log_stop(uint32_t wait_ms) {
    int threaded = THREADED;
    if (!atomic_compare_exchange_strong(&sink.state, &threaded, STOPPED)) {
        return;
    }
    struct timespec until = after_ms(wait_ms);
    pthread_mutex_lock(&sink.mutex);
    sink.stopping = true;
    pthread_cond_broadcast(&sink.changed);
    int failed = 0;
    while (!sink.ended && failed == 0) {
        failed = pthread_cond_timedwait(&sink.changed, &sink.mutex, &until);
    }
    bool ended = sink.ended;
    pthread_mutex_unlock(&sink.mutex);
    if (ended) {
        pthread_join(sink.thread, NULL);
    } else { /* it stands in write(2): the end of the process ends it */
        pthread_detach(sink.thread);
    }
}

void log_set_level(enum log_level level) {
    atomic_store(&sink.level, (int)level);
}

err_t log_level_read(const char *text, enum log_level *ret) {
    for (int i = 0; i <= LOG_DEBUG; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_RANGE;
}

uint64_t log_dropped(void) {
    return atomic_load(&sink.dropped);
}

bool log_allowed(struct log_limit *limit, uint64_t *ret_skipped) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_A_MS;
    if (limit->last_ms != 0 && now_ms - limit->last_ms < LOG_INTERVAL_MS) {
        limit->skipped++;
        return false;
    }
    limit->last_ms = now_ms;
    *ret_skipped = limit->skipped;
    limit->skipped = 0;
    return true;
}
