/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a client id that MQTT does not allow never reaches libmosquitto, which
 * would close descriptor 0. And a connection that ends for what the broker sent
 * is not taken for one that another client of the id took over. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* --- A broker that ends each connection ----------------------------------- */

/* A PUBLISH of QoS 1 with a control character in its topic. */
static const uint8_t forbidden[] = {0x32, 9, 0, 3, 'a', '\r',
                                    'b',  0, 1, 0, 'x'};
static const uint8_t accepted[] = {0x20, 3, 0, 0, 0};

struct world {
    uv_loop_t loop;
    uv_pipe_t server;
    uv_timer_t timer;
    struct mqtt_link *link;
    bool sends;   /* that, else it says nothing more */
    int accepted; /* connections */
    int wanted;
    int unreadable;
    bool is_over;
};

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret) {
    static char bytes[1024];
    (void)handle;
    (void)size;
    *ret = uv_buf_init(bytes, sizeof bytes);
}

static void say(uv_stream_t *to, const void *bytes, size_t len) {
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
    assert_int_equal(uv_try_write(to, &buf, 1), len);
}

static void on_read(uv_stream_t *from, ssize_t len, const uv_buf_t *buf) {
    struct world *w = from->data;
    bool connects = len > 0 && (uint8_t)buf->base[0] == 0x10;
    if (connects) {
        say(from, accepted, sizeof accepted);
    }
    if (connects && w->sends) {
        say(from, forbidden, sizeof forbidden);
        return;
    }
    if (!uv_is_closing((uv_handle_t *)from)) {
        uv_close((uv_handle_t *)from, on_closed);
    }
}

static void on_connection(uv_stream_t *server, int status) {
    struct world *w = server->data;
    uv_pipe_t *pipe = calloc(1, sizeof *pipe);
    assert_int_equal(status, 0);
    assert_non_null(pipe);
    uv_pipe_init(&w->loop, pipe, 0);
    pipe->data = w;
    assert_int_equal(uv_accept(server, (uv_stream_t *)pipe), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)pipe, on_alloc, on_read), 0);
    w->accepted++;
}

static bool lasts(void *self, uint64_t since_ms) {
    (void)self;
    (void)since_ms;
    return true;
}

static void on_unreadable(void *self) {
    ((struct world *)self)->unreadable++;
}

static void on_timer(uv_timer_t *timer) {
    struct world *w = timer->data;
    if (w->accepted >= w->wanted && !w->is_over) {
        w->is_over = true;
        uv_stop(&w->loop);
    }
}

static void run(struct world *w, bool sends, int wanted) {
    char path[64];
    *w = (struct world){.sends = sends, .wanted = wanted};
    snprintf(path, sizeof path, "/tmp/link-test-%d", (int)getpid());
    assert_int_equal(uv_loop_init(&w->loop), 0);
    uv_pipe_init(&w->loop, &w->server, 0);
    uv_timer_init(&w->loop, &w->timer);
    w->server.data = w;
    w->timer.data = w;
    assert_int_equal(uv_pipe_bind(&w->server, path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&w->server, 8, on_connection), 0);
    uv_timer_start(&w->timer, on_timer, 5, 5);
    const struct mqtt_link_options options = {
        .loop = &w->loop,
        .client_id = "till",
        .keep_alive_s = 60,
        .receive_maximum = 20,
        .session_expiry_s = 60,
        .self = w,
        .up = nothing_up,
        .down = nothing,
        .witness = lasts,
        .unreadable = on_unreadable,
    };
    assert_int_equal(mqtt_link_new(&options, &w->link), ERR_OK);
    mqtt_link_target(w->link, path, 0);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    (void)unlink(path);
}

static void close_handle(uv_handle_t *handle, void *self) {
    (void)self;
    if (!uv_is_closing(handle)) {
        uv_close(handle, handle->type == UV_NAMED_PIPE &&
                                 ((uv_stream_t *)handle)->connection_cb == NULL
                             ? on_closed
                             : NULL);
    }
}

static void end(struct world *w) {
    mqtt_link_free(w->link);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    uv_walk(&w->loop, close_handle, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

/* Goal: each ends there, and that is said once, as what it is. */
static void test_what_mqtt_forbids(void **state) {
    (void)state;
    struct world w;
    run(&w, true, 6);
    assert_int_equal(w.unreadable, 1);
    assert_int_equal(mqtt_link_takeovers(w.link), 0);
    assert_null(mqtt_link_contended(w.link));
    end(&w);
}

/* Goal (a control): one that ends without a word, while another lasts, is. */
static void test_without_a_word(void **state) {
    (void)state;
    struct world w;
    run(&w, false, 3);
    assert_int_equal(w.unreadable, 0);
    assert_int_not_equal(mqtt_link_takeovers(w.link), 0);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_ids),
        cmocka_unit_test(test_what_mqtt_forbids),
        cmocka_unit_test(test_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
