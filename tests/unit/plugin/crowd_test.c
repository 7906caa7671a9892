/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: of the connections of a port as many stay as its bound says, those that
 * came first, however many have come and gone. Real sockets of this process. */
#include "gateway/plugin/crowd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SECOND = 1000000, CROWD = 12 };

struct place {
    int family;
    int listener;
    uint16_t port;
};

struct world {
    struct place places[2];
    struct crowd *crowd;
    int ended;
    char address[64];
    int64_t now_us;
    int files[8 * CROWD];
    int file_count;
};

static void on_ended(void *self, const char *address) {
    struct world *w = self;
    w->ended++;
    snprintf(w->address, sizeof w->address, "%s", address);
}

static socklen_t fill(const struct place *place,
                      struct sockaddr_storage *address) {
    memset(address, 0, sizeof *address);
    if (place->family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)address;
        four->sin_family = AF_INET;
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        four->sin_port = htons(place->port);
        return sizeof *four;
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    six->sin6_family = AF_INET6;
    six->sin6_addr = in6addr_loopback;
    six->sin6_port = htons(place->port);
    return sizeof *six;
}

static void listen_at(struct place *place, int family) {
    *place = (struct place){.family = family};
    struct sockaddr_storage address;
    socklen_t len = fill(place, &address);
    place->listener = socket(family, SOCK_STREAM, 0);
    assert_true(place->listener >= 0);
    assert_int_equal(bind(place->listener, (void *)&address, len), 0);
    assert_int_equal(listen(place->listener, CROWD), 0);
    assert_int_equal(getsockname(place->listener, (void *)&address, &len), 0);
    place->port =
        ntohs(family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                : ((struct sockaddr_in6 *)&address)->sin6_port);
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    listen_at(&w->places[0], AF_INET);
    listen_at(&w->places[1], AF_INET6);
    w->now_us = SECOND;
    *state = w;
    return 0;
}

static void close_files(struct world *w) {
    for (int i = 0; i < w->file_count; i++) {
        close(w->files[i]);
    }
    w->file_count = 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    close_files(w);
    close(w->places[0].listener);
    close(w->places[1].listener);
    crowd_free(w->crowd);
    free(w);
    return 0;
}

static void bound(struct world *w, const char *bounds) {
    struct reason reason;
    assert_int_equal(crowd_new(bounds, on_ended, w, &w->crowd, &reason),
                     ERR_OK);
}

static void bound_both(struct world *w, int first, int second) {
    char text[64];
    snprintf(text, sizeof text, "%d %d %d %d", w->places[0].port, first,
             w->places[1].port, second);
    bound(w, text);
}

/* The device's end of a connection. */
static int come(struct world *w, int place) {
    struct sockaddr_storage address;
    socklen_t len = fill(&w->places[place], &address);
    int device = socket(w->places[place].family, SOCK_STREAM, 0);
    assert_int_equal(connect(device, (void *)&address, len), 0);
    int accepted = accept(w->places[place].listener, NULL, NULL);
    assert_true(accepted >= 0 && w->file_count + 2 <= 8 * CROWD);
    w->files[w->file_count++] = device;
    w->files[w->file_count++] = accepted;
    return device;
}

static bool is_in(int device) {
    char byte;
    return recv(device, &byte, 1, MSG_DONTWAIT) < 0;
}

/* How many were shut down? */
static int tick(struct world *w) {
    int before = w->ended;
    w->now_us += SECOND;
    crowd_tick(w->crowd, w->now_us);
    return w->ended - before;
}

static void test_who_came_last_goes(void **state) {
    struct world *w = *state;
    bound_both(w, 3, 5);
    int first[2] = {come(w, 0), come(w, 0)};
    assert_int_equal(tick(w), 0);
    int in = 0;
    int later[CROWD];
    for (int i = 0; i < CROWD; i++) {
        later[i] = come(w, 0);
    }
    assert_int_equal(tick(w), CROWD - 1);
    assert_string_equal(w->address, "127.0.0.1");
    for (int i = 0; i < CROWD; i++) {
        in += is_in(later[i]) ? 1 : 0;
    }
    assert_int_equal(in, 1);
    assert_true(is_in(first[0]) && is_in(first[1]));
}

static void test_each_port_has_its_own(void **state) {
    struct world *w = *state;
    bound_both(w, 3, 5);
    for (int i = 0; i < CROWD; i++) {
        (void)come(w, 0);
    }
    for (int i = 0; i < 5; i++) {
        (void)come(w, 1);
    }
    assert_int_equal(tick(w), CROWD - 3);
    int late = come(w, 1);
    (void)tick(w);
    assert_false(is_in(late));
    assert_string_equal(w->address, "::1");
}

static void test_many_that_come_and_go(void **state) {
    struct world *w = *state;
    bound_both(w, 3, 5);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 4; i++) {
            (void)come(w, 0);
        }
        assert_int_equal(tick(w), 1);
        close_files(w);
    }
}

static void test_two_listeners_of_one_port(void **state) {
    struct world *w = *state;
    char text[64];
    snprintf(text, sizeof text, "%d 2 %d 3", w->places[0].port,
             w->places[0].port);
    bound(w, text);
    for (int i = 0; i < CROWD; i++) {
        (void)come(w, 0);
    }
    assert_int_equal(tick(w), CROWD - 5);
}

static void test_not_at_each_tick(void **state) {
    struct world *w = *state;
    bound_both(w, 1, 1);
    assert_int_equal(tick(w), 0);
    (void)come(w, 0);
    (void)come(w, 0);
    crowd_tick(w->crowd, w->now_us + 1000);
    assert_int_equal(w->ended, 0);
    assert_int_equal(tick(w), 1);
}

static void test_no_bounds(void **state) {
    struct world *w = *state;
    bound(w, "");
    for (int i = 0; i < CROWD; i++) {
        (void)come(w, 0);
    }
    assert_int_equal(tick(w), 0);
}

static void test_what_is_no_bound(void **state) {
    struct world *w = *state;
    static const char *const texts[] = {
        "x",        "1883",
        "1883 0",   "0 10",
        "65536 10", "1883 10 1884",
        "1883 -1",  "1883 1x",
        " ",        "1 1 2 1 3 1 4 1 5 1 6 1 7 1 8 1 9 1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reason reason = {""};
        assert_int_equal(crowd_new(texts[i], on_ended, w, &w->crowd, &reason),
                         ERR_CONFIG);
        assert_non_null(strstr(reason.text, "plugin_opt_connections"));
        assert_null(w->crowd);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_came_last_goes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_each_port_has_its_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_many_that_come_and_go, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_two_listeners_of_one_port, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_not_at_each_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_bound, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
