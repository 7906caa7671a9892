/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/disk_room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simulation/fake_executor.h"

struct world {
    struct disk disk;
    uint64_t free_bytes;
    err_t err;
    struct fake_executor executor;
    struct disk_room room;
};

static err_t free_space(void *self, const char *path, uint64_t *ret_bytes) {
    const struct world *w = self;
    assert_string_equal(path, "/data");
    if (w->err == ERR_OK) {
        *ret_bytes = w->free_bytes;
    }
    return w->err;
}

static int setup(void **state) {
    static struct world w;
    w = (struct world){.disk = {.self = &w, .free_space = free_space},
                       .free_bytes = 77};
    disk_room_init(&w.room, &w.disk, "/data", fake_executor(&w.executor));
    *state = &w;
    return 0;
}

/* Goal: it is asked at once and then every ten seconds, one job at a time,
 * however long one takes. */
static void test_asked_now_and_then(void **state) {
    struct world *w = *state;
    assert_false(w->room.known);
    disk_room_tick(&w->room, 5);
    disk_room_tick(&w->room, 5 + 3 * DISK_ROOM_EVERY_US);
    assert_int_equal(w->executor.given_count, 1);
    fake_executor_settle(&w->executor);
    assert_true(w->room.known);
    assert_int_equal(w->room.free_bytes, 77);
    w->free_bytes = 78;
    disk_room_tick(&w->room, 4 + DISK_ROOM_EVERY_US);
    assert_int_equal(w->executor.given_count, 0);
    disk_room_tick(&w->room, 5 + DISK_ROOM_EVERY_US);
    fake_executor_settle(&w->executor);
    assert_int_equal(w->room.free_bytes, 78);
}

/* Goal: a disk that does not say it changes nothing, and is asked again. */
static void test_a_disk_that_fails(void **state) {
    struct world *w = *state;
    w->err = ERR_IO;
    disk_room_tick(&w->room, 0);
    fake_executor_settle(&w->executor);
    assert_false(w->room.known);
    w->err = ERR_OK;
    disk_room_tick(&w->room, DISK_ROOM_EVERY_US);
    fake_executor_settle(&w->executor);
    w->err = ERR_IO;
    disk_room_tick(&w->room, 2 * DISK_ROOM_EVERY_US);
    fake_executor_settle(&w->executor);
    assert_true(w->room.known);
    assert_int_equal(w->room.free_bytes, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_asked_now_and_then, setup),
        cmocka_unit_test_setup(test_a_disk_that_fails, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
