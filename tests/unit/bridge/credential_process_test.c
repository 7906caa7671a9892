/* SPDX-License-Identifier: Apache-2.0 */
/* A credential_process, as a real process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/credential_process.h"

#define GOOD                                                          \
    "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"," \
    "\"SessionToken\":\"t\"}"

static struct credentials found;

static err_t run(const char *command, int64_t timeout_ms, int cancel_fd,
                 struct reason *reason) {
    const struct credential_process process = {command, timeout_ms, cancel_fd};
    memset(&found, 0, sizeof found);
    return credential_process_run(&process, &found, reason);
}

/* Goal: what it prints is taken, its arguments reach it as they are, and
 * nobody reads its standard input from it. */
static void test_prints(void **state) {
    (void)state;
    static const char *const commands[] = {
        "printf '%s' '" GOOD "'",
        "/bin/sh -c 'cat; printf \"%s\" \"$1\"' sh '" GOOD "'",
        "sh -c 'echo note >&2; sleep 0.05; printf \"%s\" \"$1\"' sh '" GOOD "'",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct reason reason = {""};
        assert_int_equal(run(commands[i], 5000, -1, &reason), ERR_OK);
        assert_string_equal(found.access_key, "A");
        assert_string_equal(found.token, "t");
    }
}

/* Goal: no shell reads the command. */
static void test_no_shell(void **state) {
    (void)state;
    struct reason reason = {""};
    assert_int_equal(run("printf '%s' '" GOOD "' ; exit 3", 5000, -1, &reason),
                     ERR_PARSE);
    assert_int_equal(run("exit 0", 5000, -1, &reason), ERR_NOT_FOUND);
    assert_non_null(strstr(reason.text, "cannot start exit"));
}

/* Goal: nothing secret of our environment is in its own, and the rest is. */
static void test_environment(void **state) {
    (void)state;
    setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
    setenv("AWS_SESSION_TOKEN", "hidden", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden", 1);
    setenv("AWS_REGION", "eu-central-1", 1);
    struct reason reason = {""};
    assert_int_equal(run("sh -c '! env | grep -q hidden && test "
                         "\"$AWS_REGION\" = eu-central-1 && test -z \"$(ls "
                         "/proc/self/fd | grep -v [0-3])\" && printf \"%s\" "
                         "\"$1\"' sh '" GOOD "'",
                         5000, -1, &reason),
                     ERR_OK);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
}

/* Goal: whatever fails is told in words, with no part of the output. */
static void test_fails(void **state) {
    (void)state;
    static const struct {
        const char *command;
        err_t err;
        const char *words;
    } cases[] = {
        {"", ERR_CONFIG, "cannot be split"},
        {"'open", ERR_CONFIG, "cannot be split"},
        {"/nowhere/at-all", ERR_NOT_FOUND, "No such file"},
        {"/dev/null", ERR_NOT_FOUND, "Permission denied"},
        {"sh -c 'echo hidden; exit 7'", ERR_REFUSED, "status 7"},
        {"sh -c 'kill -9 $$'", ERR_REFUSED, "signal 9"},
        {"true", ERR_PARSE, "no JSON"},
        {"echo hidden", ERR_PARSE, "no JSON"},
        {"echo '{}'", ERR_CONFIG, "Version"},
        {"yes hidden", ERR_RANGE, "more than 131072 bytes"},
        {"sleep 30", ERR_NETWORK, "within 0 s"},
        {"sh -c 'sleep 30 & exit 0'", ERR_NETWORK, "within 0 s"},
        {"sh -c 'exec >&-; exec sleep 30'", ERR_NETWORK, "within 0 s"},
        {"sh -c 'trap \"\" TERM INT HUP; sleep 30'", ERR_NETWORK, "within"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reason reason = {""};
        err_t err = run(cases[i].command, 400, -1, &reason);
        if (err != cases[i].err ||
            strstr(reason.text, cases[i].words) == NULL) {
            fail_msg("%s: %s: %s", cases[i].command, err_name(err),
                     reason.text);
        }
        assert_null(strstr(reason.text, "hidden"));
    }
}

/* Goal: one that is cancelled ends at once, whatever its time-out. */
static void test_cancelled(void **state) {
    (void)state;
    int fds[2];
    struct reason reason = {""};
    assert_int_equal(pipe(fds), 0);
    close(fds[1]);
    assert_int_equal(run("sleep 1000", 1000 * 1000, fds[0], &reason),
                     ERR_AGAIN);
    close(fds[0]);
}

/* Goal: the output may come in pieces up to the bound, and standard error may
 * be as long as it likes. */
static void test_much(void **state) {
    (void)state;
    struct reason reason = {""};
    assert_int_equal(
        run("sh -c 'head -c 1000000 /dev/zero >&2; printf \"%s\" \"$1\"; "
            "head -c 130000 /dev/zero | tr \"\\0\" \" \"' sh '" GOOD "'",
            5000, -1, &reason),
        ERR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints),      cmocka_unit_test(test_no_shell),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_fails),
        cmocka_unit_test(test_cancelled),   cmocka_unit_test(test_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
