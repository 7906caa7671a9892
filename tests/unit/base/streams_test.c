/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { STREAMS = 3 };

static bool is_null(int fd) {
    struct stat null;
    struct stat found;
    return stat("/dev/null", &null) == 0 && fstat(fd, &found) == 0 &&
           found.st_rdev == null.st_rdev && S_ISCHR(found.st_mode);
}

/* In a process of its own: those whose bit is set are closed. */
static int open_without(unsigned closed) {
    int pipes[2];
    if (pipe(pipes) != 0) {
        return 1;
    }
    for (int fd = 0; fd < STREAMS; fd++) { /* so that none is /dev/null */
        if (dup2(pipes[1], fd) != fd) {
            return 2;
        }
    }
    for (int fd = 0; fd < STREAMS; fd++) {
        if ((closed >> fd & 1) != 0) {
            close(fd);
        }
    }
    if (!standard_streams_open()) {
        return 3;
    }
    for (int fd = 0; fd < STREAMS; fd++) {
        if (is_null(fd) != ((closed >> fd & 1) != 0)) {
            return 4;
        }
    }
    return 0;
}

/* Goal: each that is closed becomes /dev/null, each that is open stays. */
static void test_each_combination(void **state) {
    (void)state;
    for (unsigned closed = 0; closed < 1U << STREAMS; closed++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(open_without(closed));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_combination),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
