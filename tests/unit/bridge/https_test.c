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
#include <netdb.h>
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
    unsigned asked;
    unsigned
        away_after; /* so many look-ups the name server is away; 0: never */
};

err_t resolver_start(const char *host, uint16_t port, uv_async_t *done,
                     struct resolver_job **ret) {
    (void)host;
    (void)port;
    struct resolver_job *job = done->loop->data;
    job->asked++;
    if (job->away_after > 0 && job->asked > job->away_after) {
        job->result.failed = EAI_AGAIN;
    }
    *ret = job;
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

/* What a server does once it has a request. */
enum manner {
    ANSWERS,
    TALKS_ON,        /* a record behind the answer, and later another */
    SAYS_TOO_MUCH,   /* more bytes in the record of the answer */
    HANGS_UP_AFTER,  /* the answer */
    HANGS_UP_SECOND, /* on a connection's second request, unanswered */
    HANGS_UP,        /* unanswered */
    ENDS_THE_ANSWER, /* by hanging up: it has no length */
    SAYS_NONSENSE,
    ANSWERS_AT_LENGTH, /* in 40,000 bytes */
};

struct server {
    struct tls_peer_identity *identity;
    int listener;
    enum manner manner;
    size_t request_len; /* of one request; 0: what one read gives */
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

static void write_long_answer(struct tls_peer *peer) {
    static char text[8001];
    memset(text, 'x', sizeof text - 1);
    tls_peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        tls_peer_write(peer, text);
    }
}

static void write_answer(enum manner manner, struct tls_peer *peer) {
    switch (manner) {
    case SAYS_TOO_MUCH:
        tls_peer_write(peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                             "HTTP/1.1 200 OK\r\n");
        return;
    case ENDS_THE_ANSWER:
        tls_peer_write(peer, "HTTP/1.1 200 OK\r\n\r\n{}");
        return;
    case SAYS_NONSENSE:
        tls_peer_write(peer, "220 mail.example.com ESMTP\r\n");
        return;
    case ANSWERS_AT_LENGTH:
        write_long_answer(peer);
        return;
    case ANSWERS:
    case TALKS_ON:
    case HANGS_UP_AFTER:
    case HANGS_UP_SECOND:
    case HANGS_UP:
        tls_peer_write(peer, answer);
        return;
    }
}

/* False: it hangs up. */
static bool answer_request(struct server *server, int fd, struct tls_peer *peer,
                           unsigned number) {
    enum manner manner = server->manner;
    server->asked++;
    if (manner == HANGS_UP || (manner == HANGS_UP_SECOND && number == 2)) {
        return false;
    }
    write_answer(manner, peer);
    if (manner == TALKS_ON) {
        tls_peer_write(peer, "a record nobody asked for");
    }
    send_output(fd, peer);
    if (manner == TALKS_ON) {
        usleep(PAUSE_MS * 1000);
        tls_peer_write(peer, "another");
        send_output(fd, peer);
    }
    return manner != HANGS_UP_AFTER && manner != ENDS_THE_ANSWER;
}

/* Reads what came of a request; its length so far, negative at the end. */
static int read_request(struct tls_peer *peer, size_t had) {
    char bytes[16 * 1024];
    int len = tls_peer_read(peer, bytes, sizeof bytes);
    while (len > 0) {
        had += (size_t)len;
        len = tls_peer_read(peer, bytes, sizeof bytes);
    }
    return len < 0 ? len : (int)had;
}

static void serve_connection(struct server *server, int fd,
                             struct tls_peer *peer) {
    bool shaken = false;
    int len = 0;
    unsigned number = 0;
    while (receive(fd, peer)) {
        shaken = shaken || tls_peer_handshake(peer);
        send_output(fd, peer);
        if (!shaken) {
            continue;
        }
        len = read_request(peer, (size_t)len);
        if (len < 0) {
            return;
        }
        if (len > 0 && (size_t)len >= server->request_len) {
            len = 0;
            if (!answer_request(server, fd, peer, ++number)) {
                return;
            }
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
    struct slice body;
    unsigned unreached;
    char error[300];
};

static void request(struct fixture *fixture) {
    static const char head[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    https_send(fixture->https, slice_from_str(head), fixture->body);
}

static void on_later(uv_timer_t *timer) {
    request(timer->data);
}

static void on_done(void *context, const struct http_response *response,
                    const struct transport_error *error) {
    struct fixture *fixture = context;
    if (response == NULL) {
        snprintf(fixture->error, sizeof fixture->error, "%s", error->text);
        fixture->unreached += error->unreached ? 1 : 0;
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
    fixture->server.manner = TALKS_ON;
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

/* An address of this machine at which nobody listens. */
static struct sockaddr_storage refusing(void) {
    struct sockaddr_storage place;
    int listener = listen_on(0, &place);
    close(listener);
    return place;
}

/* Goal: an endpoint that takes no connection is told as that, and probing it
 * asks the name server once, not each time. */
static void test_probes_without_asking_for_the_name(void **state) {
    struct fixture *fixture = *state;
    fixture->job.result.addresses[0] = refusing();
    run(fixture, 4);
    assert_int_equal(fixture->unreached, 4);
    assert_int_equal(fixture->job.asked, 1);
    assert_non_null(strstr(fixture->error, "cannot connect: "));
    assert_null(strstr(fixture->error, "resolve"));
}

/* Goal: a connection that breaks is none that was not taken, and asks for the
 * name again. */
static void test_a_broken_connection_was_taken(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = HANGS_UP;
    run(fixture, 2);
    assert_int_equal(fixture->unreached, 0);
    assert_int_equal(fixture->job.asked, 2);
}

/* Goal: when the name server is away, the addresses that it gave before
 * serve; if they take no connection either, both is said, and the name server
 * is left alone for a while. */
static void test_a_name_server_that_went_away(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = HANGS_UP_AFTER;
    fixture->job.away_after = 1;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 2);
    assert_int_equal(fixture->job.asked, 2);
}

/* Goal: a server that hangs up is noticed at rest, or by the next request,
 * which begins again on a connection of its own, unasked. */
static void test_begins_again_where_a_server_hung_up(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = HANGS_UP_AFTER;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 2);
    assert_int_equal(fixture->server.asked, 2);
}

static void test_begins_again_on_a_dead_connection(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = HANGS_UP_SECOND;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 2);
    assert_int_equal(fixture->server.asked, 3);
}

/* Goal: the same on a new connection is a failure: nothing is tried for ever.
 */
static void test_a_new_connection_is_not_tried_again(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = HANGS_UP;
    run(fixture, 1);
    assert_non_null(strstr(fixture->error, "localhost:1: "));
    assert_int_equal(fixture->good, 0);
    assert_int_equal(fixture->server.accepted, 1);
}

/* Goal: an answer may end with its connection, be long, or have bytes behind
 * it, which are nobody's. */
static void test_an_answer_that_ends_with_its_connection(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = ENDS_THE_ANSWER;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 2);
}

static void test_an_answer_with_bytes_behind_it(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = SAYS_TOO_MUCH;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 2);
}

static void test_a_long_answer(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = ANSWERS_AT_LENGTH;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 1);
}

/* Goal: what does not speak HTTP is not believed. */
static void test_a_server_of_another_kind(void **state) {
    struct fixture *fixture = *state;
    fixture->server.manner = SAYS_NONSENSE;
    run(fixture, 1);
    assert_non_null(strstr(fixture->error, "is not HTTP/1.1"));
    assert_int_equal(fixture->good, 0);
}

/* Goal: a request of many records goes out whole. */
static void test_a_large_request(void **state) {
    struct fixture *fixture = *state;
    static uint8_t body[3 * 1024 * 1024];
    memset(body, 'b', sizeof body);
    fixture->body = slice_of(body, sizeof body);
    fixture->server.request_len = sizeof body;
    run(fixture, 2);
    assert_string_equal(fixture->error, "");
    assert_int_equal(fixture->good, 2);
    assert_int_equal(fixture->server.accepted, 1);
}

/* Goal: a name that is not known, or has no address, is said. */
static void test_a_name_without_an_address(void **state) {
    struct fixture *fixture = *state;
    fixture->job.result.count = 0;
    fixture->job.result.failed = EAI_NONAME;
    run(fixture, 1);
    assert_non_null(strstr(fixture->error, "cannot resolve the name: "));
    assert_non_null(strstr(fixture->error, gai_strerror(EAI_NONAME)));
    assert_int_equal(fixture->unreached, 0);
}

/* Goal: a certificate that nobody vouches for ends it, with words, before a
 * byte of the request is sent. */
static void test_a_certificate_nobody_vouches_for(void **state) {
    struct fixture *fixture = *state;
    struct tls_peer_identity *other =
        tls_peer_identity_new("localhost", "20991231235959");
    tls_peer_identity_write(other, fixture->ca_file);
    tls_peer_identity_free(other);
    tls_context_free(fixture->tls);
    assert_int_equal(tls_context_new(fixture->ca_file,
                                     &fixture->platform.entropy, &fixture->tls,
                                     NULL),
                     ERR_OK);
    run(fixture, 1);
    assert_non_null(strstr(fixture->error, "certificate"));
    assert_int_equal(fixture->server.asked, 0);
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
        cmocka_unit_test_setup_teardown(test_probes_without_asking_for_the_name,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_broken_connection_was_taken,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_server_that_went_away,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_begins_again_where_a_server_hung_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_begins_again_on_a_dead_connection,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_new_connection_is_not_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_an_answer_that_ends_with_its_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_answer_with_bytes_behind_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_server_of_another_kind, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_request, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_without_an_address, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_certificate_nobody_vouches_for,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
