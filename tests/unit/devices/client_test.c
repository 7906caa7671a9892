/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a device's connection sends each message at once. With Nagle's
 * algorithm the second of two events in a row would wait for the broker's
 * acknowledgement of the first, which it puts off by 40 ms. */
#include "devices/client/client.h"

#include <arpa/inet.h>
#include <mosquitto.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int listen_somewhere(int *ret_port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void ignore_receipt(void *self, const struct client_receipt *receipt) {
    (void)self;
    (void)receipt;
}

static void ignore_notice(void *self, const cJSON *event) {
    (void)self;
    (void)event;
}

static void sends_at_once(void **state) {
    (void)state;
    int port;
    int listener = listen_somewhere(&port);
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    mosquitto_lib_init();
    struct log_limit limit = {0};
    const struct client_options options = {
        .host = "127.0.0.1",
        .port = port,
        .mqtt = 3,
        .store = "s",
        .device = "till-1",
        .leaf = "orders",
        .log_limit = &limit,
    };
    const struct client_handler handler = {NULL, ignore_receipt, ignore_notice};
    struct client client;
    client_init(&client, &loop, &options, &handler);
    client_tick(&client, client_now_us());
    assert_non_null(client.mosq);
    int on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(getsockopt(mosquitto_socket(client.mosq), IPPROTO_TCP,
                                TCP_NODELAY, &on, &len),
                     0);
    assert_true(on != 0);
    client_free(&client);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    mosquitto_lib_cleanup();
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
