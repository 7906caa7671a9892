/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a program: what the console's peers do. Two bytes a step, which
 * peer does what and how much, and the bytes of a literal behind them. The
 * console is the real one, over libwebsockets on a loop in this process, which
 * is turned and never waited for.
 *
 * After each input: the loop comes to rest, with peers that read nothing and
 * with peers that read all; what they got is HTTP, at most one answer for each
 * request; the gateway was commanded at most as often as it was asked; no
 * connection is left; and a new one is served. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "gateway/console/http.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http_answers.h"

enum {
    PEERS = 12,
    STEPS_MAX = 128,
    SENT_BYTES_MAX = 256 * 1024, /* by one peer */
    GOT_BYTES_MAX = 1024 * 1024,
    TURNS_MAX = 20000, /* until the loop rests */
    INPUT_CPU_S = 10,  /* an input that takes more hangs */
    ORDERS = 30,
};

struct peer {
    int fd; /* -1 = none */
    size_t sent_len;
    size_t got_len;
    uint8_t sent[SENT_BYTES_MAX];
    uint8_t got[GOT_BYTES_MAX];
};

struct world {
    uv_loop_t loop;
    struct http *http;
    struct console_source source;
    struct peer peers[PEERS];
    size_t commands;       /* that the gateway got */
    size_t commands_asked; /* by peers that are gone */
};

static void on_status(void *self, struct console_status *ret) {
    static const struct verdict well; /* zeroed is `ok` */
    (void)self;
    ret->store = "store-7";
    ret->version = "0";
    ret->verdict = &well;
    ret->broker_up = true;
    ret->streams[0] = (struct console_stream){.name = "orders", .end = 9};
    ret->stream_count = 1;
}

static void on_orders(void *self, uint32_t max,
                      void (*each)(void *context,
                                   const struct shop_order_view *),
                      void *context) {
    (void)self;
    for (uint32_t i = 0; i < max && i < ORDERS; i++) {
        struct shop_order_view view = {
            .order_id = SLICE("order"),
            .device = SLICE("till-1"),
            .currency = "EUR",
            .reason = SLICE_EMPTY,
        };
        each(context, &view);
    }
}

static err_t on_uplink(void *self, bool paused) {
    (void)paused;
    struct world *world = self;
    world->commands++;
    return ERR_OK;
}

static void on_devices(void *self, struct console_devices *ret) {
    static const struct presence nobody;
    (void)self;
    ret->presence = &nobody;
}

/* libwebsockets says much about what it is sent. */
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...);
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) {
    (void)level;
    (void)module;
    (void)format;
}

static void on_cpu_used_up(int number) {
    (void)number;
    fuzz_must(false, "the loop does not come back");
}

static struct world *world_new(void) {
    struct world *world = calloc(1, sizeof *world);
    fuzz_must(world != NULL && uv_loop_init(&world->loop) == 0, "no loop");
    world->source = (struct console_source){.self = world,
                                            .status = on_status,
                                            .orders = on_orders,
                                            .uplink = on_uplink,
                                            .devices = on_devices};
    struct reason reason = {""};
    err_t err = http_start(&world->loop, &world->source, &world->http, &reason);
    fuzz_must(err == ERR_OK, reason.text);
    for (size_t i = 0; i < PEERS; i++) {
        world->peers[i].fd = -1;
    }
    signal(SIGVTALRM, on_cpu_used_up);
    return world;
}

/* Does nothing wait, in the loop or in the kernel? */
static bool rests(const struct world *world) {
    struct pollfd events = {.fd = uv_backend_fd(&world->loop),
                            .events = POLLIN};
    return uv_backend_timeout(&world->loop) != 0 && poll(&events, 1, 0) == 0;
}

static void settle(struct world *world) {
    int turns = 0;
    do {
        uv_run(&world->loop, UV_RUN_NOWAIT);
        fuzz_must(++turns < TURNS_MAX, "the loop does not come to rest");
    } while (!rests(world));
}

static void peer_open(struct world *world, struct peer *peer,
                      enum http_door door) {
    int ends[2];
    if (peer->fd >= 0) {
        return;
    }
    fuzz_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                         ends) == 0,
              "no sockets left");
    peer->fd = ends[0];
    peer->sent_len = 0;
    peer->got_len = 0;
    http_adopt(world->http, door, ends[1]);
}

static void peer_send(struct peer *peer, struct slice bytes) {
    if (peer->fd < 0 || bytes.len > sizeof peer->sent - peer->sent_len) {
        return;
    }
    ssize_t sent = send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (sent > 0) {
        memcpy(peer->sent + peer->sent_len, bytes.data, (size_t)sent);
        peer->sent_len += (size_t)sent;
    }
}

/* All that is there; false if nothing was. */
static bool peer_read(struct peer *peer) {
    bool any = false;
    while (peer->fd >= 0) {
        fuzz_must(peer->got_len < sizeof peer->got, "answers without end");
        ssize_t got = recv(peer->fd, peer->got + peer->got_len,
                           sizeof peer->got - peer->got_len, 0);
        if (got <= 0) {
            break;
        }
        peer->got_len += (size_t)got;
        any = true;
    }
    return any;
}

/* In upper or lower case: libwebsockets takes a method in either. */
static size_t occurrences(struct slice bytes, const char *of) {
    size_t count = 0;
    size_t len = strlen(of);
    for (size_t at = 0; at + len <= bytes.len;) {
        bool here = strncasecmp((const char *)bytes.data + at, of, len) == 0;
        count += here;
        at += here ? len : 1;
    }
    return count;
}

static void peer_close(struct world *world, struct peer *peer) {
    if (peer->fd < 0) {
        return;
    }
    close(peer->fd);
    peer->fd = -1;
    world->commands_asked += occurrences(slice_of(peer->sent, peer->sent_len),
                                         "POST /api/v1/uplink");
}

static void peer_check(const struct peer *peer) {
    struct slice sent = slice_of(peer->sent, peer->sent_len);
    size_t answers = http_answers_count(slice_of(peer->got, peer->got_len),
                                        occurrences(sent, "HEAD ") > 0);
    fuzz_must(answers <= occurrences(sent, "\n") + 1,
              "there are more answers than requests");
}

/* What a fuzzer would take long to come upon. */
static const char *const pieces[] = {
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    "POST /api/v1/uplink HTTP/1.1\r\nHost: [::1]:80\r\nContent-Type: "
    "application/json\r\nContent-Length: 15\r\n\r\n{\"paused\":true}",
    "HEAD /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "GET /api/v1/orders HTTP/1.1\r\nHost: localhost:1\r\n\r\n",
    "GET / HTTP/1.1\r\n",
    "GET /app.js HTTP/1.0\r\n",
    "POST /api/v1/uplink HTTP/1.1\r\n",
    "PUT /healthz HTTP/1.1\r\n",
    "HEAD /style.css HTTP/1.1\r\n",
    "DELETE /nothing HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "Host: localhost\r\n",
    "Host: example.com\r\n",
    "Content-Type: application/json\r\n",
    "Content-Length: 15\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 1000000\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\n",
    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Range: bytes=0-1\r\nAccept-Encoding: gzip\r\n",
    "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n",
    "\r\n",
    "{\"paused\":true}",
    "{\"paused\":false}",
    "5\r\nhello\r\n0\r\n\r\n",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "X: ",
    "GET /api/v1/devices?after=till-1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /api/v1/devices?after=%00&&x=%zz HTTP/1.1\r\n",
};

static void send_piece(struct peer *peer, uint8_t number) {
    const char *piece = pieces[number % (sizeof pieces / sizeof *pieces)];
    peer_send(peer, slice_from_str(piece));
}

/* What the step's low half says; its high half says which peer. */
static void step(struct world *world, struct cursor *input) {
    uint8_t what = fuzz_u8(input);
    uint8_t amount = fuzz_u8(input);
    struct peer *peer = &world->peers[what / 16 % PEERS];
    struct slice literal;
    switch (what % 16) {
    case 0:
    case 1:
        peer_open(world, peer, what % 16 == 0 ? HTTP_TCP : HTTP_UNIX);
        break;
    case 2:
        if (cursor_take(input, amount, &literal) == ERR_OK) {
            peer_send(peer, literal);
        }
        break;
    case 3:
        for (size_t count = fuzz_u8(input), i = 0; i < count; i++) {
            send_piece(peer, amount);
        }
        break;
    case 4:
        for (int i = 0; i < 1 + amount % 4; i++) {
            uv_run(&world->loop, UV_RUN_NOWAIT);
        }
        break;
    case 5:
        peer_read(peer);
        break;
    case 6:
        if (peer->fd >= 0) {
            shutdown(peer->fd, amount % 2 == 0 ? SHUT_WR : SHUT_RDWR);
        }
        break;
    case 7:
        peer_close(world, peer);
        break;
    case 8:
        settle(world);
        break;
    default:
        send_piece(peer, amount);
        break;
    }
}

/* First with peers that read nothing. */
static void end_peers(struct world *world) {
    bool any;
    do {
        settle(world);
        any = false;
        for (size_t i = 0; i < PEERS; i++) {
            any |= peer_read(&world->peers[i]);
        }
    } while (any);
    for (size_t i = 0; i < PEERS; i++) {
        if (world->peers[i].fd >= 0) {
            peer_check(&world->peers[i]);
        }
        peer_close(world, &world->peers[i]);
    }
    settle(world);
    fuzz_must(http_connections(world->http) == 0, "a connection is left");
    fuzz_must(world->commands <= world->commands_asked,
              "the gateway did what nobody asked");
}

static void ask_health(struct world *world, enum http_door door) {
    static const char ok[] = "HTTP/1.1 200 OK\r\n";
    struct peer *peer = &world->peers[0];
    peer_open(world, peer, door);
    send_piece(peer, 0);
    settle(world);
    peer_read(peer);
    peer_check(peer);
    fuzz_must(peer->got_len > strlen(ok) + 3 &&
                  memcmp(peer->got, ok, strlen(ok)) == 0 &&
                  memcmp(peer->got + peer->got_len - 3, "ok\n", 3) == 0,
              "a new connection is not served");
    peer_close(world, peer);
    settle(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world *world; /* to start a console takes long */
    if (world == NULL) {
        world = world_new();
    }
    struct itimerval limit = {.it_value.tv_sec = INPUT_CPU_S};
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
    world->commands = 0;
    world->commands_asked = 0;
    struct cursor input = cursor_over(slice_of(data, size));
    for (int i = 0; i < STEPS_MAX && cursor_left(&input) > 0; i++) {
        step(world, &input);
    }
    end_peers(world);
    ask_health(world, size % 2 == 0 ? HTTP_TCP : HTTP_UNIX);
    return 0;
}
