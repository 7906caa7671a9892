/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the gateway's name at its broker is made once for a data folder, its
 * password at each start; the file of the name is nobody else's to read. */
#include "gateway/mqtt/broker_login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/identity/password.h"

struct fixture {
    char dir[64];
    char folder[96];
    char path[128];
    struct platform platform;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->dir, "/tmp/login_test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->folder, sizeof f->folder, "%s/identity", f->dir);
    snprintf(f->path, sizeof f->path, "%s/gateway-name", f->folder);
    f->platform = platform_real();
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    unlink(f->path);
    rmdir(f->path);
    rmdir(f->folder);
    unlink(f->folder);
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct broker_login make(const struct fixture *f) {
    struct broker_login login;
    struct reason reason;
    assert_int_equal(broker_login_make(&f->platform, f->dir, &login, &reason),
                     ERR_OK);
    assert_int_equal(strlen(login.mqtt.user), 35);
    assert_memory_equal(login.mqtt.user, "gw-", 3);
    assert_true(
        password_matches(login.hash, slice_from_str(login.mqtt.password)));
    return login;
}

static mode_t mode_of(const char *path) {
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_one_name_and_many_passwords(void **state) {
    const struct fixture *f = *state;
    struct broker_login first = make(f);
    struct broker_login second = make(f);
    assert_string_equal(first.mqtt.user, second.mqtt.user);
    assert_string_not_equal(first.mqtt.password, second.mqtt.password);
    assert_string_not_equal(first.hash, second.hash);
    assert_int_equal(mode_of(f->path), 0600);
    assert_int_equal(mode_of(f->folder), 0700);
    broker_login_forget(&first);
    assert_string_equal(first.mqtt.password, "");
}

static void test_a_name_of_no_use_is_made_anew(void **state) {
    const struct fixture *f = *state;
    static const char *const texts[] = {
        "",
        "gw-\n",
        "till-1\n",
        "gw-0123456789ABCDEF0123456789abcdef\n",
        "gw-0123456789abcdef0123456789abcdef0\n",
        "gw-0123456789abcdef0123456789abcdef\nx\n",
    };
    struct broker_login login = make(f);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(f->path, texts[i]);
        struct broker_login other = make(f);
        assert_string_not_equal(other.mqtt.user, login.mqtt.user);
        struct broker_login again = make(f);
        assert_string_equal(again.mqtt.user, other.mqtt.user);
    }
    put(f->path, "gw-0123456789abcdef0123456789abcdef");
    login = make(f);
    assert_string_equal(login.mqtt.user, "gw-0123456789abcdef0123456789abcdef");
}

/* The store sells on, by a name that this start alone has. */
static void test_a_name_that_cannot_be_kept(void **state) {
    const struct fixture *f = *state;
    put(f->folder, "a file where the folder has to be\n");
    struct broker_login first = make(f);
    struct broker_login second = make(f);
    assert_string_not_equal(first.mqtt.user, second.mqtt.user);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_name_and_many_passwords, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_name_of_no_use_is_made_anew,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_name_that_cannot_be_kept, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
