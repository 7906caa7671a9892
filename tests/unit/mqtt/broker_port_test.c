/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a port is free or it is not, and the words say what to do; any free one
 * is found, over IPv4 and IPv6; an address that is not ours is told apart. */
#include "gateway/mqtt/broker_port.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static err_t check(const char *host, uint16_t *port, struct reason *reason) {
    struct config_address listen = {.port = *port};
    memcpy(listen.host, host, strlen(host) + 1);
    return broker_port_check(&listen, port, reason);
}

static int listen_on(uint16_t port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes),
                     0);
    assert_int_equal(
        bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_free_and_taken(void **state) {
    (void)state;
    struct reason reason = {""};
    uint16_t port = 0;
    assert_int_equal(check("127.0.0.1", &port, &reason), ERR_OK);
    assert_true(port > 0);
    uint16_t found = port;
    assert_int_equal(check("127.0.0.1", &port, &reason), ERR_OK);
    assert_int_equal(port, found);
    int fd = listen_on(port);
    assert_int_equal(check("127.0.0.1", &port, &reason), ERR_BUSY);
    assert_non_null(strstr(reason.text, "sudo systemctl disable --now "
                                        "mosquitto"));
    assert_non_null(strstr(reason.text, "broker.mode: external"));
    assert_int_equal(close(fd), 0);
    assert_int_equal(check("127.0.0.1", &port, &reason), ERR_OK);
}

static void test_other_families(void **state) {
    (void)state;
    struct reason reason = {""};
    uint16_t port = 0;
    err_t err = check("::1", &port, &reason); /* a machine may have none */
    assert_true(err == ERR_OK ? port > 0 : err == ERR_CONFIG);
    port = 0;
    assert_int_equal(check("localhost", &port, &reason), ERR_OK);
}

static void test_not_ours(void **state) {
    (void)state;
    struct reason reason = {""};
    uint16_t port = 1883;
    assert_int_equal(check("192.0.2.1", &port, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "cannot listen on 192.0.2.1:1883: "));
    assert_int_equal(check("no such host", &port, &reason), ERR_CONFIG);
    assert_non_null(strstr(reason.text, "no such host"));
    assert_int_equal(port, 1883);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_and_taken),
        cmocka_unit_test(test_other_families),
        cmocka_unit_test(test_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
