/* SPDX-License-Identifier: Apache-2.0 */
/* The folder that a path lies in; files that are replaced as a whole are held
 * against power cuts by the tests of snapshots and of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/base/disk.h"

static err_t note(void *self, const char *path) {
    char *noted = self;
    snprintf(noted, 64, "%s", path);
    return ERR_OK;
}

/* Goal: it is the parent that is synced, however the path is written. */
static void syncs_the_parent(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a", "."},      {"a/", "."},  {"a/b", "a"},   {"a//b//", "a"},
        {"/a", "/"},     {"/a/", "/"}, {"/a/b", "/a"}, {"//a", "/"},
        {"./data", "."}, {"/", "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char noted[64] = "";
        const struct disk disk = {.self = noted, .sync_dir = note};
        assert_int_equal(disk_sync_parent(&disk, cases[i][0]), ERR_OK);
        assert_string_equal(noted, cases[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syncs_the_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
