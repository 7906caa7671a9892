/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a probe says once whether somebody listens there, and why not; after it
 * was cancelled it says nothing. */
#include "gateway/mqtt/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG_MS = 20000, SHORT_MS = 50, WAITING_MAX = 8 };

struct told {
    int times;
    char address[64];
    char error[128];
};

static void on_done(void *self, const char *address, const char *error) {
    struct told *told = self;
    told->times++;
    strncpy(told->address, address, sizeof told->address - 1);
    if (error != NULL) {
        strncpy(told->error, error, sizeof told->error - 1);
    }
}

static int listen_on(int family, uint16_t *ret_port, int backlog) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr *address =
        family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t len = family == AF_INET ? sizeof four : sizeof six;
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, address, len) != 0) {
        close(fd);
        return -1; /* no such protocol here */
    }
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, address, &len), 0);
    *ret_port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
    return fd;
}

static struct told probe(const char *host, uint16_t port, uint32_t timeout_ms) {
    uv_loop_t loop;
    struct told told = {0};
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_non_null(probe_start(&loop, host, port, timeout_ms, on_done, &told));
    assert_int_equal(told.times, 0); /* never from within */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return told;
}

static void test_somebody_listens(void **state) {
    (void)state;
    uint16_t port;
    int fd = listen_on(AF_INET, &port, 4);
    struct told told = probe("127.0.0.1", port, LONG_MS);
    close(fd);
    assert_int_equal(told.times, 1);
    assert_string_equal(told.error, "");
    assert_string_equal(told.address, "127.0.0.1");
}

static void test_an_address_of_version_6(void **state) {
    (void)state;
    uint16_t port;
    int fd = listen_on(AF_INET6, &port, 4);
    if (fd < 0) {
        skip();
    }
    struct told told = probe("::1", port, LONG_MS);
    close(fd);
    assert_int_equal(told.times, 1);
    assert_string_equal(told.error, "");
    assert_string_equal(told.address, "::1");
}

static void test_nobody_listens(void **state) {
    (void)state;
    uint16_t port;
    int fd = listen_on(AF_INET, &port, 4);
    close(fd);
    struct told told = probe("127.0.0.1", port, LONG_MS);
    assert_int_equal(told.times, 1);
    assert_string_equal(told.error, uv_strerror(UV_ECONNREFUSED));
}

static void test_no_such_name(void **state) {
    (void)state;
    struct told told = probe("not a name", 1883, LONG_MS);
    assert_int_equal(told.times, 1);
    assert_string_not_equal(told.error, "");
}

/* A full queue of connections answers nobody. */
static void test_time_out(void **state) {
    (void)state;
    uint16_t port;
    int fd = listen_on(AF_INET, &port, 0);
    int waiting[WAITING_MAX];
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (int i = 0; i < WAITING_MAX; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(waiting[i], (struct sockaddr *)&there, sizeof there);
    }
    struct told told = probe("127.0.0.1", port, SHORT_MS);
    for (int i = 0; i < WAITING_MAX; i++) {
        close(waiting[i]);
    }
    close(fd);
    assert_int_equal(told.times, 1);
    assert_string_equal(told.error, uv_strerror(UV_ETIMEDOUT));
}

static void test_cancelled(void **state) {
    (void)state;
    uint16_t port;
    uv_loop_t loop;
    struct told told = {0};
    int fd = listen_on(AF_INET, &port, 4);
    assert_int_equal(uv_loop_init(&loop), 0);
    struct probe *started =
        probe_start(&loop, "127.0.0.1", port, LONG_MS, on_done, &told);
    assert_non_null(started);
    probe_cancel(started);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    close(fd);
    assert_int_equal(told.times, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_somebody_listens),
        cmocka_unit_test(test_an_address_of_version_6),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_no_such_name),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
