/* SPDX-License-Identifier: Apache-2.0 */
/* The connection itself, against a TLS server in a thread. The resolver is one
 * of the test's own, linked ahead of the library's: a name gives whatever
 * addresses the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/https.h"
#include "bridge/resolver.h"
#include "tls_peer.h"

enum { PAUSE_MS = 100, SETTLE_MS = 4 * PAUSE_MS, FILL = 4 };

/* --- the resolver ------------------------------------------------------- */

struct resolver_job {
    struct resolver_result result;
};

err_t resolver_start(const char *host, uint16_t port, uv_async_t *done,
                     struct resolver_job **ret) {
    (void)host;
    (void)port;
    *ret = done->loop->data;
    uv_async_send(done);
    return ERR_OK;
}

err_t resolver_result(struct resolver_job *job, struct resolver_result *ret) {
    *ret = job->result;
    return ERR_OK;
}

void resolver_forget(struct resolver_job *job) {
    (void)job;
}

/* --- the server --------------------------------------------------------- */

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

struct server {
    struct tls_peer_identity *identity;
    int listener;
    bool talks_on; /* sends a record behind the answer, and later another */
    unsigned accepted;
    unsigned asked;
    pthread_t thread;
};

static struct sockaddr_in loopback(void) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_on(int backlog, struct sockaddr_storage *ret) {
    struct sockaddr_in address = loopback();
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    memset(ret, 0, sizeof *ret);
    memcpy(ret, &address, sizeof address);
    return fd;
}

static void send_output(int fd, struct tls_peer *peer) {
    struct slice output = tls_peer_output(peer);
    if (send(fd, output.data, output.len, MSG_NOSIGNAL) < 0) {
        shutdown(fd, SHUT_RDWR);
    }
    tls_peer_output_taken(peer);
}

static bool receive(int fd, struct tls_peer *peer) {
    uint8_t bytes[16 * 1024];
    ssize_t len = recv(fd, bytes, sizeof bytes, 0);
    if (len > 0) {
        tls_peer_feed(peer, slice_of(bytes, (size_t)len));
    }
    return len > 0;
}

static void answer_request(struct server *server, int fd,
                           struct tls_peer *peer) {
    server->asked++;
    tls_peer_write(peer, answer);
    if (server->talks_on) {
        tls_peer_write(peer, "a record nobody asked for");
    }
    send_output(fd, peer);
    if (server->talks_on) {
        usleep(PAUSE_MS * 1000);
        tls_peer_write(peer, "another");
        send_output(fd, peer);
    }
}

static void serve_connection(struct server *server, int fd,
                             struct tls_peer *peer) {
    bool shaken = false;
    while (receive(fd, peer)) {
        shaken = shaken || tls_peer_handshake(peer);
        send_output(fd, peer);
        char request[1024];
        if (!shaken) {
            continue;
        }
        int len = tls_peer_read(peer, request, sizeof request);
        if (len < 0) {
            return;
        }
        if (len > 0) { /* a small request is one record */
            answer_request(server, fd, peer);
        }
    }
}

static void *serve(void *context) {
    struct server *server = context;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        server->accepted++;
        struct tls_peer *peer = tls_peer_new(server->identity);
        serve_connection(server, fd, peer);
        tls_peer_free(peer);
        close(fd);
    }
}

/* --- the client --------------------------------------------------------- */

struct fixture {
    char ca_file[64];
    struct server server;
    struct platform platform;
    struct tls_context *tls;
    struct endpoint where;
    struct resolver_job job;
    uv_loop_t loop;
    uv_timer_t later;
    struct https *https;
    unsigned wanted; /* requests, one after another */
    unsigned good;
    char error[300];
};

static void request(struct fixture *fixture) {
    static const char head[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    https_send(fixture->https, slice_from_str(head), SLICE_EMPTY);
}

static void on_later(uv_timer_t *timer) {
    request(timer->data);
}

static void on_done(void *context, const struct http_response *response,
                    const char *error) {
    struct fixture *fixture = context;
    if (response == NULL) {
        snprintf(fixture->error, sizeof fixture->error, "%s", error);
    } else {
        fixture->good += response->status == 200 ? 1 : 0;
    }
    if (--fixture->wanted > 0) {
        uv_update_time(&fixture->loop);
        uv_timer_start(&fixture->later, on_later, SETTLE_MS, 0);
        return;
    }
    https_close(fixture->https);
    uv_close((uv_handle_t *)&fixture->later, NULL);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->ca_file, sizeof fixture->ca_file, "/tmp/https-XXXXXX");
    int fd = mkstemp(fixture->ca_file);
    assert_true(fd >= 0);
    close(fd);
    struct server *server = &fixture->server;
    server->identity = tls_peer_identity_new("localhost", "20991231235959");
    tls_peer_identity_write(server->identity, fixture->ca_file);
    fixture->platform = platform_real();
    assert_int_equal(tls_context_new(fixture->ca_file,
                                     &fixture->platform.entropy, &fixture->tls,
                                     NULL),
                     ERR_OK);
    server->listener = listen_on(8, &fixture->job.result.addresses[0]);
    fixture->job.result.count = 1;
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    assert_int_equal(
        endpoint_parse("https://localhost:1", &fixture->where, NULL), ERR_OK);
    *state = fixture;
    return 0;
}

/* Sends `wanted` requests, one after another, and waits for their ends. */
static void run(struct fixture *fixture, unsigned wanted) {
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->loop.data = &fixture->job;
    uv_timer_init(&fixture->loop, &fixture->later);
    fixture->later.data = fixture;
    struct https_options options = {
        .loop = &fixture->loop,
        .tls = fixture->tls,
        .where = &fixture->where,
        .done = on_done,
        .context = fixture,
    };
    assert_int_equal(https_new(&options, &fixture->https), ERR_OK);
    fixture->wanted = wanted;
    request(fixture);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    shutdown(fixture->server.listener, SHUT_RDWR);
    pthread_join(fixture->server.thread, NULL);
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    close(fixture->server.listener);
    tls_context_free(fixture->tls);
    tls_peer_identity_free(fixture->server.identity);
    unlink(fixture->ca_file);
    free(fixture);
    return 0;
}

/* --- tests -------------------------------------------------------------- */

/* Goal: a connection that carried an answer carries the next request. */
static void test_keeps_a_connection(void **state) {
    struct fixture *fixture = *state;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 1);
    assert_int_equal(fixture->server.asked, 2);
}

/* Goal: what a server says beyond its answer, in the same read, ends the
 * connection and nothing else: the next request has one of its own. */
static void test_leaves_a_server_that_talks_on(void **state) {
    struct fixture *fixture = *state;
    fixture->server.talks_on = true;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 2);
}

/* A listener whose queue is full: nothing answers a SYN. */
static int silent(int fillers[FILL], struct sockaddr_storage *ret) {
    int listener = listen_on(0, ret);
    for (size_t i = 0; i < FILL; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(fillers[i] >= 0);
        (void)!connect(fillers[i], (struct sockaddr *)ret,
                       sizeof(struct sockaddr_in));
    }
    return listener;
}

static void end_silence(int listener, const int fillers[FILL]) {
    close(listener);
    for (size_t i = 0; i < FILL; i++) {
        close(fillers[i]);
    }
}

/* Goal: an address that does not answer costs its time and not the request:
 * the name's next address is tried. */
static void test_goes_on_after_a_silent_address(void **state) {
    struct fixture *fixture = *state;
    struct resolver_result *addresses = &fixture->job.result;
    int fillers[FILL];
    addresses->addresses[1] = addresses->addresses[0];
    int listener = silent(fillers, &addresses->addresses[0]);
    addresses->count = 2;
    run(fixture, 1);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 1);
    end_silence(listener, fillers);
}

/* Goal: when no address answers, the words say that it was a matter of time. */
static void test_says_that_no_address_answers(void **state) {
    struct fixture *fixture = *state;
    int fillers[FILL];
    struct sockaddr_storage place;
    int listener = silent(fillers, &place);
    fixture->job.result.addresses[0] = place;
    run(fixture, 1);
    assert_non_null(strstr(fixture->error, "localhost:1"));
    assert_non_null(strstr(fixture->error, "timed out"));
    end_silence(listener, fillers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keeps_a_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_leaves_a_server_that_talks_on,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_after_a_silent_address,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_says_that_no_address_answers,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
