/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a log that nobody reads holds nobody up; what is lost is counted, and
 * the count is said; what is kept is whole and in order. */
#include "gateway/base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/log_ring.h"

enum { LINES = 20000, THREADS = 4, TEXT_MAX = 4 * 1024 * 1024 };

/* --- The ring --- */

static size_t notice(uint64_t lines, char *ret) {
    return (size_t)snprintf(ret, LOG_RING_LINE_MAX, "dropped %llu\n",
                            (unsigned long long)lines);
}

static void put(struct log_ring *ring, unsigned number) {
    char line[LOG_RING_LINE_MAX];
    int len = snprintf(line, sizeof line, "line %u %.*s\n", number,
                       (int)(number % 200),
                       "................................"
                       "................................");
    log_ring_put(ring, slice_of(line, (size_t)len), notice);
}

/* Takes all there is into `text`. */
static size_t drain(struct log_ring *ring, char *text) {
    size_t len = 0;
    for (size_t got; (got = log_ring_take(ring, text + len)) > 0; len += got) {
        assert_true(got <= LOG_RING_TAKE_MAX);
        assert_int_equal(text[len + got - 1], '\n');
        assert_true(len + got + LOG_RING_TAKE_MAX <= TEXT_MAX);
    }
    text[len] = '\0';
    return len;
}

/* The lines' numbers rise by one, but where a count stands for those missing;
 * returns what follows the last. */
static unsigned check(const char *text, unsigned next) {
    unsigned number;
    for (const char *line = text; *line != '\0';
         line = strchr(line, '\n') + 1) {
        if (sscanf(line, "dropped %u", &number) == 1) {
            next += number;
        } else {
            assert_int_equal(sscanf(line, "line %u", &number), 1);
            assert_int_equal(number, next);
            next++;
        }
    }
    return next;
}

static void the_ring_counts_what_it_drops(void **state) {
    (void)state;
    struct log_ring *ring = calloc(1, sizeof *ring);
    char *text = malloc(TEXT_MAX);
    assert_non_null(ring);
    assert_non_null(text);
    unsigned next = 0;
    unsigned seen = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 1000 * round; i++) {
            put(ring, next++);
        }
        if (round % 3 == 1) { /* some room only */
            (void)log_ring_take(ring, text);
            text[LOG_RING_TAKE_MAX] = '\0';
            *(strrchr(text, '\n') + 1) = '\0';
            seen = check(text, seen);
        } else {
            drain(ring, text);
            seen = check(text, seen);
            log_ring_say_dropped(ring, notice);
            drain(ring, text);
            seen = check(text, seen);
            assert_int_equal(seen, next);
        }
    }
    assert_true(ring->dropped > 0);
    free(text);
    free(ring);
}

static void an_empty_ring_gives_nothing(void **state) {
    (void)state;
    struct log_ring *ring = calloc(1, sizeof *ring);
    assert_non_null(ring);
    char bytes[LOG_RING_TAKE_MAX];
    assert_int_equal(log_ring_take(ring, bytes), 0);
    log_ring_say_dropped(ring, notice);
    assert_int_equal(log_ring_take(ring, bytes), 0);
    free(ring);
}

/* --- The log of a process --- */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *log_many(void *context) {
    for (int i = 0; i < LINES / THREADS; i++) {
        log_line(LOG_INFO, "test",
                 "thread=%d line=%d of many that nobody reads", *(int *)context,
                 i);
    }
    return NULL;
}

/* Runs `body` in a child whose standard error is a pipe; returns the end to
 * read from. */
static int spawn(void (*body)(void), pid_t *ret_pid) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    *ret_pid = fork();
    assert_true(*ret_pid >= 0);
    if (*ret_pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body();
        exit(0); /* which counts the lines that ran */
    }
    close(ends[1]);
    return ends[0];
}

static int exit_of(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *read_all(int fd) {
    char *text = calloc(1, TEXT_MAX);
    assert_non_null(text);
    size_t len = 0;
    for (ssize_t got; (got = read(fd, text + len, TEXT_MAX - len - 1)) > 0;) {
        len += (size_t)got;
    }
    close(fd);
    return text;
}

/* Exit status 3: it took too long. */
static void log_from_threads(void) {
    int numbers[THREADS];
    pthread_t threads[THREADS];
    double began = seconds();
    (void)log_start();
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, log_many, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    bool dropped = log_dropped() > 0;
    log_stop(1000);
    exit(seconds() - began > 30 ? 3 : dropped ? 0 : 4);
}

/* Goal: with a reader that never reads, logging and the end take their time and
 * no more. */
static void nobody_reads(void **state) {
    (void)state;
    pid_t pid;
    int fd = spawn(log_from_threads, &pid);
    assert_int_equal(exit_of(pid), 0);
    char *text = read_all(fd);
    assert_non_null(strstr(text, "thread="));
    assert_int_equal(text[strlen(text) - 1], '\n'); /* no line is cut */
    free(text);
}

static void log_and_wait(void) {
    int number = 0;
    (void)log_start();
    (void)log_many(&number);
    for (int i = 0; i < 3 * LINES; i++) {
        log_line(LOG_INFO, "test", "more=%d", i);
    }
    sleep(1); /* the reader begins */
    log_line(LOG_INFO, "test", "last");
    log_stop(20000);
}

/* Goal: when the reader comes back it is told how many it missed, and every
 * line is there or counted. */
static void a_late_reader_is_told(void **state) {
    (void)state;
    pid_t pid;
    int fd = spawn(log_and_wait, &pid);
    usleep(300 * 1000);
    char *text = read_all(fd);
    assert_int_equal(exit_of(pid), 0);
    unsigned long long lines = 0;
    unsigned long long missed = 0;
    unsigned long long count;
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        char *told = strstr(line, "log_dropped lines=");
        if (told != NULL && told < strchr(line, '\n')) {
            assert_int_equal(sscanf(told, "log_dropped lines=%llu", &count), 1);
            missed += count;
        } else {
            lines++;
        }
    }
    assert_true(missed > 0);
    assert_int_equal(lines + missed, LINES / THREADS + 3 * LINES + 1);
    assert_non_null(strstr(text, "test last\n"));
    free(text);
}

static void log_and_abort(void) {
    (void)log_start();
    for (int i = 0; i < 100; i++) {
        log_line(LOG_INFO, "test", "before=%d", i);
    }
    abort();
}

/* Goal: what was logged before an assertion failed is not lost with it. */
static void an_abort_waits_for_the_log(void **state) {
    (void)state;
    pid_t pid;
    int fd = spawn(log_and_abort, &pid);
    char *text = read_all(fd);
    assert_int_equal(exit_of(pid), 128 + 6);
    assert_non_null(strstr(text, "before=99\n"));
    free(text);
}

static void log_each_level(void) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        enum log_level level;
        if (log_level_read(names[i], &level) != ERR_OK || (int)level != i) {
            _exit(3);
        }
        log_set_level(level);
        for (int j = 0; j < 4; j++) {
            log_line((enum log_level)j, "test", "at=%s", names[i]);
        }
    }
}

static unsigned count_of(const char *text, const char *what) {
    unsigned count = 0;
    for (; (text = strstr(text, what)) != NULL; text++) {
        count++;
    }
    return count;
}

static void levels(void **state) {
    (void)state;
    pid_t pid;
    int fd = spawn(log_each_level, &pid);
    char *text = read_all(fd);
    assert_int_equal(exit_of(pid), 0);
    assert_int_equal(count_of(text, "at=error\n"), 1);
    assert_int_equal(count_of(text, "at=warn\n"), 2);
    assert_int_equal(count_of(text, "at=info\n"), 3);
    assert_int_equal(count_of(text, "at=debug\n"), 4);
    assert_null(strstr(text, "<6>"));
    enum log_level level;
    assert_int_equal(log_level_read("notice", &level), ERR_RANGE);
    assert_int_equal(log_level_read("", &level), ERR_RANGE);
    free(text);
}

static void as_the_journal(void) {
    struct stat status;
    char text[64];
    fstat(STDERR_FILENO, &status);
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)status.st_dev,
             (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    log_set_level(LOG_DEBUG);
    log_line(LOG_ERROR, "test", "a=1");
    log_line(LOG_WARN, "test", "a=2");
    log_line(LOG_INFO, "test", "a=3");
    log_line(LOG_DEBUG, "test", "a=4");
}

static void as_somebody_elses_journal(void) {
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_line(LOG_ERROR, "test", "a=1");
}

/* Goal: under the systemd journal, and only there, a line has a priority and no
 * time. */
static void priorities(void **state) {
    (void)state;
    pid_t pid;
    char *text = read_all(spawn(as_the_journal, &pid));
    assert_int_equal(exit_of(pid), 0);
    assert_string_equal(text, "<3>error test a=1\n<4>warn  test a=2\n"
                              "<6>info  test a=3\n<7>debug test a=4\n");
    free(text);
    text = read_all(spawn(as_somebody_elses_journal, &pid));
    assert_int_equal(exit_of(pid), 0);
    assert_null(strstr(text, "<3>"));
    assert_non_null(strstr(text, "Z error test a=1\n"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ring_counts_what_it_drops),
        cmocka_unit_test(an_empty_ring_gives_nothing),
        cmocka_unit_test(nobody_reads),
        cmocka_unit_test(a_late_reader_is_told),
        cmocka_unit_test(an_abort_waits_for_the_log),
        cmocka_unit_test(levels),
        cmocka_unit_test(priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
