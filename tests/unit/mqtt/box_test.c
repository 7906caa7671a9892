/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a box keeps its client id for ever; two boxes with different machine
 * ids have different ones, whatever was copied from one to the other; an
 * installation that is older than the file keeps the id it had. */
#include "gateway/mqtt/box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 128 };

static char folder[PATH_SIZE / 2];
static struct platform platform;

static void write_text(const char *name, const char *text) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void suffix_of(const char *machine, bool is_new,
                      char ret[BOX_SUFFIX_SIZE]) {
    char path[PATH_SIZE];
    struct reason reason = {""};
    snprintf(path, sizeof path, "%s/%s", folder, machine);
    assert_int_equal(
        box_suffix(&platform.disk, folder, path, is_new, ret, &reason), ERR_OK);
}

static void test_a_new_box(void **state) {
    (void)state;
    char first[BOX_SUFFIX_SIZE];
    char again[BOX_SUFFIX_SIZE];
    char other[BOX_SUFFIX_SIZE];
    suffix_of("machine-a", true, first);
    assert_int_equal(strlen(first), 17);
    assert_int_equal(first[0], '-');
    suffix_of("machine-a", false, again);
    assert_string_equal(first, again);
    suffix_of("machine-b", false, other); /* the folder was copied */
    assert_int_equal(strlen(other), 17);
    assert_string_not_equal(first, other);
    suffix_of("machine-a", false, again);
    assert_string_equal(first, again);
}

static void test_an_older_box(void **state) {
    (void)state;
    char suffix[BOX_SUFFIX_SIZE];
    for (int i = 0; i < 3; i++) {
        suffix_of("machine-a", i == 2, suffix);
        assert_string_equal(suffix, "");
    }
    suffix_of("machine-b", false, suffix);
    assert_int_equal(strlen(suffix), 17);
}

static void test_a_damaged_file(void **state) {
    (void)state;
    char first[BOX_SUFFIX_SIZE];
    char again[BOX_SUFFIX_SIZE];
    suffix_of("machine-a", true, first);
    static const char *const damaged[] = {"", "shopme-edge box 2\n",
                                          "shopme-edge box 1\nmachine "};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        write_text("box.id", damaged[i]);
        suffix_of("machine-a", false, again);
        assert_string_equal(first, again);
    }
}

static void test_no_machine_id(void **state) {
    (void)state;
    char suffix[BOX_SUFFIX_SIZE];
    static const char *const none[] = {"no-machine", "short", "."};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        suffix_of(none[i], true, suffix);
        assert_string_equal(suffix, "");
    }
}

static void test_no_room_to_write(void **state) {
    (void)state;
    char suffix[BOX_SUFFIX_SIZE];
    char path[PATH_SIZE];
    struct reason reason = {""};
    snprintf(path, sizeof path, "%s/machine-a", folder);
    assert_int_not_equal(
        box_suffix(&platform.disk, "/nonexistent", path, true, suffix, &reason),
        ERR_OK);
    assert_non_null(strstr(reason.text, "/nonexistent/box.id"));
}

static int setup(void **state) {
    (void)state;
    platform = platform_real();
    snprintf(folder, sizeof folder, "/tmp/box-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    write_text("machine-a", "0123456789abcdef0123456789abcdef\n");
    write_text("machine-b", "0123456789abcdef0123456789abcdee\n");
    write_text("short", "0123456789abcdef\n");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[PATH_SIZE];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_new_box, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_older_box, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_machine_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_to_write, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
