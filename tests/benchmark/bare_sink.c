/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that costs little: takes every request over TLS, a thread for each
 * connection, and answers each record as taken after the latency that is set.
 * It checks nothing; tests/cloud does. OpenSSL's TLS 1.2 with AES128-GCM,
 * whatever the client offers.
 *
 *   bare_sink CERTIFICATE KEY LATENCY-MS
 *
 * Prints {"port": N}, then for each line on its standard input one of JSON with
 * what came since: requests, records, bytes (bodies), put_units. It ends when
 * its standard input does. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BODY_MAX = 16 * 1024 * 1024,
    HEAD_MAX = 64 * 1024,
    UNIT = 25600,
    SHORT_MAX = 128,
};

struct totals {
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t records;
    atomic_uint_fast64_t bytes;
    atomic_uint_fast64_t put_units;
};

struct server {
    SSL_CTX *tls;
    long latency_ms;
    struct totals totals;
};

/* One connection; what was read stands in `data`. */
struct peer {
    struct server *server;
    int fd;
    SSL *ssl;
    char *data;
    size_t len;
    char *answer;
};

struct request {
    const char *body;
    size_t body_len;
    bool cbor;
    bool probe;
    bool events; /* EventBridge */
    uint64_t records;
    uint64_t put_units;
};

static void fail(const char *what) {
    fprintf(stderr, "bare_sink: %s failed\n", what);
    exit(1);
}

/* --- what came ---------------------------------------------------------- */

/* The length of the value behind the name "Data", in CBOR and in JSON. */
static size_t data_len(const char *at, const char *end, bool cbor) {
    const uint8_t *byte = (const uint8_t *)at;
    if (!cbor) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        return quote == NULL ? 0 : (size_t)(quote - at) / 4 * 3;
    }
    switch (byte[0] & 0x1f) {
    case 24:
        return byte[1];
    case 25:
        return (size_t)byte[1] << 8 | byte[2];
    case 26:
        return (size_t)byte[1] << 24 | (size_t)byte[2] << 16 |
               (size_t)byte[3] << 8 | byte[4];
    default:
        return byte[0] & 0x1f;
    }
}

/* Passes over each record's data: it may hold anything. */
static void count_records(struct request *request) {
    const char *name = request->events ? "\"EventBusName\":"
                       : request->cbor ? "\x64"
                                         "Data"
                                       : "{\"Data\":\"";
    const char *end = request->body + request->body_len;
    const char *at = request->body;
    while ((at = memmem(at, (size_t)(end - at), name, strlen(name))) != NULL) {
        at += strlen(name);
        request->records++;
        if (!request->events && end - at > 5) {
            size_t len = data_len(at, end, request->cbor);
            request->put_units += (len + UNIT - 1) / UNIT;
            size_t skip = request->cbor ? len : len / 3 * 4;
            at += skip < (size_t)(end - at) ? skip : 0;
        }
    }
}

/* --- what is said ------------------------------------------------------- */

static size_t add(char *to, size_t at, const char *text) {
    size_t len = strlen(text);
    memcpy(to + at, text, len);
    return at + len;
}

static size_t write_answer(const struct request *request, char *to) {
    size_t at = 0;
    if (request->probe) {
        return add(to, 0,
                   "{\"Arn\":\"arn:aws:events:bare\",\"Name\":\"bare\"}");
    }
    if (request->cbor) {
        at = add(to, at,
                 "\xbf\x71"
                 "FailedRecordCount");
        to[at++] = 0;
        at = add(to, at, "\x67Records\x9f");
        for (uint64_t i = 0; i < request->records; i++) {
            at = add(to, at,
                     "\xa2\x6eSequenceNumber\x62"
                     "49\x67ShardId\x61s");
        }
        return add(to, at, "\xff\xff");
    }
    at = add(to, at,
             request->events ? "{\"FailedEntryCount\":0,\"Entries\":["
                             : "{\"FailedRecordCount\":0,\"Records\":[");
    for (uint64_t i = 0; i < request->records; i++) {
        at = add(to, at, i > 0 ? "," : "");
        at = add(to, at,
                 request->events
                     ? "{\"EventId\":\"e\"}"
                     : "{\"SequenceNumber\":\"49\",\"ShardId\":\"s\"}");
    }
    return add(to, at, "]}");
}

static bool send_all(struct peer *peer, const char *data, size_t len) {
    return len == 0 || SSL_write(peer->ssl, data, (int)len) == (int)len;
}

static bool answer(struct peer *peer, const struct request *request) {
    char head[SHORT_MAX * 2];
    size_t len = write_answer(request, peer->answer);
    int head_len = snprintf(head, sizeof head,
                            "HTTP/1.1 200 OK\r\nContent-Type: "
                            "application/x-amz-%s-1.1\r\nContent-Length: "
                            "%zu\r\n\r\n",
                            request->cbor ? "cbor" : "json", len);
    return send_all(peer, head, (size_t)head_len) &&
           send_all(peer, peer->answer, len);
}

/* --- a connection ------------------------------------------------------- */

static bool read_more(struct peer *peer) {
    int got = SSL_read(peer->ssl, peer->data + peer->len,
                       (int)(BODY_MAX + HEAD_MAX - peer->len));
    peer->len += got > 0 ? (size_t)got : 0;
    return got > 0;
}

static const char *find_head_end(const struct peer *peer) {
    return memmem(peer->data, peer->len < HEAD_MAX ? peer->len : HEAD_MAX,
                  "\r\n\r\n", 4);
}

static bool has(const char *head, size_t len, const char *text) {
    return memmem(head, len, text, strlen(text)) != NULL;
}

/* False: the connection has ended. */
static bool read_request(struct peer *peer, struct request *ret) {
    const char *head_end;
    while ((head_end = find_head_end(peer)) == NULL) {
        if (!read_more(peer)) {
            return false;
        }
    }
    size_t head_len = (size_t)(head_end - peer->data) + 4;
    static const char name[] = "content-length:";
    peer->data[head_len - 1] = '\0';
    const char *field = strcasestr(peer->data, name);
    *ret = (struct request){
        .body = peer->data + head_len,
        .body_len =
            field != NULL ? strtoull(field + sizeof name - 1, NULL, 10) : 0,
        .cbor = has(peer->data, head_len, "x-amz-cbor-1.1"),
        .probe = has(peer->data, head_len, "DescribeEventBus"),
        .events = has(peer->data, head_len, "AWSEvents."),
    };
    if (ret->body_len > BODY_MAX) {
        fail("reading so large a request");
    }
    while (peer->len < head_len + ret->body_len) {
        if (!read_more(peer)) {
            return false;
        }
    }
    return true;
}

static void wait_ms(long ms) {
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000 * 1000};
    if (ms > 0) {
        nanosleep(&pause, NULL);
    }
}

static void count(struct server *server, const struct request *request) {
    atomic_fetch_add(&server->totals.requests, 1);
    atomic_fetch_add(&server->totals.records, request->records);
    atomic_fetch_add(&server->totals.bytes, request->body_len);
    atomic_fetch_add(&server->totals.put_units, request->put_units);
}

static void serve(struct peer *peer) {
    struct request request;
    while (read_request(peer, &request)) {
        count_records(&request);
        wait_ms(peer->server->latency_ms);
        if (!request.probe) {
            count(peer->server, &request);
        }
        if (!answer(peer, &request)) {
            return;
        }
        peer->len = 0; /* one request at a time */
    }
}

static void *run_peer(void *context) {
    struct peer *peer = context;
    peer->data = malloc(BODY_MAX + HEAD_MAX);
    peer->answer = malloc(HEAD_MAX);
    peer->ssl = SSL_new(peer->server->tls);
    if (peer->data == NULL || peer->answer == NULL || peer->ssl == NULL) {
        fail("malloc");
    }
    SSL_set_fd(peer->ssl, peer->fd);
    if (SSL_accept(peer->ssl) == 1) {
        serve(peer);
    }
    SSL_free(peer->ssl);
    close(peer->fd);
    free(peer->data);
    free(peer->answer);
    free(peer);
    return NULL;
}

/* --- the server --------------------------------------------------------- */

struct listener {
    struct server *server;
    int fd;
};

static void *accept_peers(void *context) {
    struct listener *listener = context;
    for (;;) {
        int one = 1;
        struct peer *peer = calloc(1, sizeof *peer);
        int fd = accept(listener->fd, NULL, NULL);
        if (peer == NULL || fd < 0) {
            fail("accept");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        *peer = (struct peer){.server = listener->server, .fd = fd};
        pthread_t thread;
        if (pthread_create(&thread, NULL, run_peer, peer) != 0) {
            fail("pthread_create");
        }
        pthread_detach(thread);
    }
    return NULL;
}

static SSL_CTX *make_tls(const char *certificate, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL ||
        SSL_CTX_set_max_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(tls, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                     "ECDHE-RSA-AES128-GCM-SHA256") != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fail("TLS");
    }
    return tls;
}

static int listen_somewhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        fail("listen");
    }
    printf("{\"port\": %u}\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void report(struct totals *totals) {
    printf("{\"requests\": %" PRIuFAST64 ", \"records\": %" PRIuFAST64
           ", \"bytes\": %" PRIuFAST64 ", \"put_units\": %" PRIuFAST64 "}\n",
           atomic_exchange(&totals->requests, 0),
           atomic_exchange(&totals->records, 0),
           atomic_exchange(&totals->bytes, 0),
           atomic_exchange(&totals->put_units, 0));
    fflush(stdout);
}

int main(int argc, char **argv) {
    static struct server server;
    static struct listener listener;
    char line[SHORT_MAX];
    pthread_t thread;
    if (argc != 4) {
        fail("CERTIFICATE KEY LATENCY-MS");
    }
    signal(SIGPIPE, SIG_IGN);
    server.tls = make_tls(argv[1], argv[2]);
    server.latency_ms = strtol(argv[3], NULL, 10);
    listener = (struct listener){&server, listen_somewhere()};
    if (pthread_create(&thread, NULL, accept_peers, &listener) != 0) {
        fail("pthread_create");
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        report(&server.totals);
    }
    return 0;
}
