/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a client id that MQTT does not allow never reaches libmosquitto, which
 * would close descriptor 0. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/mqtt/link.h"

static void nothing_up(void *self, struct mosquitto *client) {
    (void)self;
    (void)client;
}

static void nothing(void *self) {
    (void)self;
}

static err_t make(uv_loop_t *loop, const char *id, struct mqtt_link **ret) {
    const struct mqtt_link_options options = {
        .loop = loop, .client_id = id, .up = nothing_up, .down = nothing};
    return mqtt_link_new(&options, ret);
}

static void test_client_ids(void **state) {
    (void)state;
    uv_loop_t loop;
    struct mqtt_link *link = NULL;
    char long_id[129];
    memset(long_id, 'a', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    assert_int_equal(uv_loop_init(&loop), 0);
    const char *const bad[] = {"", "a\x01", "\x7f", "caf\xe9", long_id};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(make(&loop, bad[i], &link), ERR_RANGE);
        assert_null(link);
    }
    assert_int_not_equal(fcntl(0, F_GETFD), -1);
    assert_int_equal(make(&loop, long_id + 1, &link), ERR_OK);
    mqtt_link_free(link);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_client_ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
