/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/https.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>

#include "bridge/https_step.h"
#include "bridge/request_size.h"
#include "bridge/resolver.h"
#include "bridge/sending.h"
#include "bridge/socket.h"
#include "bridge/tunnel.h"

enum {
    INPUT_SIZE = 16 * 1024,
    WRITE_SIZE = 20 * 1024,
};

/* One TCP connection. libuv closes a handle later than it is told to, so this
 * has a life of its own and frees itself; `owner` is NULL from then on. */
struct channel {
    uv_tcp_t tcp; /* first: a handle is its channel */
    struct https *owner;
    struct tls *tls;
    uv_connect_t connecting;
    uv_write_t write;
    bool writing;
    bool reused; /* it has carried an answer already */
    uint8_t input[INPUT_SIZE];
    uint8_t output[WRITE_SIZE];
};

struct https {
    struct https_options options;
    enum step step;
    struct channel *channel; /* NULL unless CONNECTING or later */
    uv_timer_t timer;
    uv_async_t resolved;
    uint32_t handles_open;
    struct resolver_job *job;
    struct resolver_result addresses; /* of the last look-up that had any */
    uint32_t address_at;
    uint64_t look_up_ms;    /* not before this time of the loop, if unreached */
    const char *unresolved; /* why the last look-up failed, or NULL */
    bool unreached;         /* none of them took the last connection */
    struct tls_memory *memory;
    struct slice head;
    struct slice body;
    size_t sent; /* of both */
    struct sending sending;
    uint64_t end_ms; /* of the request and its answer, by the loop's time */
    bool busy;
    struct http_response response;
};

static void on_timer(uv_timer_t *timer);
static void on_resolved(uv_async_t *async);
static void begin(struct https *https);
static void try_next_address(struct https *https, int code);
static void look_up_failed(struct https *https, const char *why);
static void pump(struct https *https);

static void limit_ms(struct https *https, uint64_t ms) {
    uv_timer_start(&https->timer, on_timer, ms, 0);
}

/* Progress gives a request more time, but not without end: a server that says a
 * byte now and then is not waited for. */
static void limit_answer(struct https *https) {
    uint64_t now_ms = uv_now(https->options.loop);
    uint64_t left_ms = https->end_ms > now_ms ? https->end_ms - now_ms : 0;
    limit_ms(https, left_ms < HTTPS_ANSWER_MS ? left_ms : HTTPS_ANSWER_MS);
}

static void begin_request(struct https *https) {
    https->step = STEP_SENDING;
    https->sending.begun_ms = uv_now(https->options.loop);
    https->sending.written_ms = https->sending.begun_ms;
    https->sending.moved_ms = https->sending.begun_ms;
    https->sending.taken_ms = 0;
    https->end_ms = https->sending.begun_ms +
                    request_deadline_ms(https->head.len + https->body.len);
    limit_answer(https);
}

/* --- ending ------------------------------------------------------------- */

static void channel_closed(uv_handle_t *handle) {
    struct channel *channel = (struct channel *)handle;
    tls_free(channel->tls);
    free(channel);
}

static void drop_channel(struct https *https) {
    struct channel *channel = https->channel;
    https->channel = NULL;
    https->step = STEP_CLOSED;
    uv_timer_stop(&https->timer);
    if (channel != NULL) {
        channel->owner = NULL;
        uv_close((uv_handle_t *)&channel->tcp, channel_closed);
    }
}

static void forget_job(struct https *https) {
    resolver_forget(https->job);
    https->job = NULL;
}

static bool is_proxied(const struct https *https) {
    return https->options.where->proxy.host[0] != '\0';
}

/* Fails the request or, if a kept connection had died unnoticed, starts it
 * again. The last call of a handler: `done` may send the next request. */
static void fail(struct https *https, const char *what, const char *detail) {
    struct channel *channel = https->channel;
    bool again = https->busy && channel != NULL && channel->reused &&
                 https->response.state == HTTP_STATUS_LINE &&
                 https->response.line_len == 0;
    drop_channel(https);
    forget_job(https);
    if (again) {
        begin(https);
        return;
    }
    if (!https->busy) {
        return;
    }
    struct reason reason;
    bool proxied = is_proxied(https);
    reason_set(&reason, ERR_NETWORK, "%s%s%s: %s%s",
               https->options.where->authority, proxied ? " by proxy " : "",
               proxied ? https->options.where->proxy.authority : "", what,
               detail);
    https->busy = false;
    struct transport_error error = {reason.text, https->unreached};
    https->options.done(https->options.context, NULL, &error);
}

/* A server that sent more than its answer is not used for the next request. */
static bool may_be_kept(const struct https *https) {
    return https->response.keep_alive && https->step == STEP_ANSWER &&
           !tls_has_input(https->channel->tls);
}

/* As fail() in this. */
static void finish(struct https *https) {
    if (may_be_kept(https)) {
        https->channel->reused = true;
        https->step = STEP_IDLE;
        limit_ms(https, HTTPS_IDLE_MS);
    } else {
        drop_channel(https);
    }
    https->busy = false;
    https->options.done(https->options.context, &https->response, NULL);
}

static void on_timer(uv_timer_t *timer) {
    struct https *https = timer->data;
    if (https->step == STEP_CONNECTING) {
        try_next_address(https, UV_ETIMEDOUT);
        return;
    }
    if (https->step == STEP_RESOLVING) {
        forget_job(https);
        look_up_failed(https, "no answer from the name server in time");
        return;
    }
    fail(https, https_step_late(https->step), "");
}

/* --- a connection at work ----------------------------------------------- */

/* A step of SENDING has more to encrypt. */
static void note_written(struct https *https) {
    https->sending.written_ms = uv_now(https->options.loop);
    if (https->step == STEP_ANSWER && https->sending.taken_ms == 0 &&
        tls_output(https->channel->tls).len == 0) {
        https->sending.taken_ms = https->sending.written_ms;
    }
}

static void on_written(uv_write_t *write, int status) {
    struct channel *channel = write->data;
    channel->writing = false;
    struct https *https = channel->owner;
    if (https == NULL) {
        return;
    }
    if (status != 0) {
        fail(https, "", uv_strerror(status));
        return;
    }
    if (https->step == STEP_TUNNEL) {
        return; /* the proxy's answer goes on from here */
    }
    if (https->step == STEP_SENDING || https->step == STEP_ANSWER) {
        limit_answer(https);
        note_written(https);
    }
    pump(https);
}

static err_t write_output(struct channel *channel, size_t len) {
    assert(!channel->writing);
    uv_buf_t buf = uv_buf_init((char *)channel->output, (unsigned)len);
    channel->write.data = channel;
    int failed = uv_write(&channel->write, (uv_stream_t *)&channel->tcp, &buf,
                          1, on_written);
    channel->writing = failed == 0;
    return failed == 0 ? ERR_OK : ERR_NETWORK;
}

/* Hands TLS's output to the socket: one write at a time, from its own buffer,
 * while TLS fills the next. */
static err_t flush(struct channel *channel) {
    struct slice output = tls_output(channel->tls);
    if (channel->writing || output.len == 0) {
        return ERR_OK;
    }
    assert(output.len <= sizeof channel->output);
    memcpy(channel->output, output.data, output.len);
    tls_output_taken(channel->tls);
    return write_output(channel, output.len);
}

static err_t pump_handshake(struct https *https, struct reason *reason) {
    assert(https->busy);
    TRY(tls_handshake(https->channel->tls, reason));
    begin_request(https);
    return ERR_OK;
}

static struct slice left_to_send(const struct https *https) {
    if (https->sent < https->head.len) {
        return slice_part(https->head, https->sent,
                          https->head.len - https->sent);
    }
    size_t from = https->sent - https->head.len;
    return slice_part(https->body, from, https->body.len - from);
}

/* Encrypts the request until all of it is done, or until the socket has two
 * records to send. */
static err_t pump_request(struct https *https, struct reason *reason) {
    struct channel *channel = https->channel;
    while (https->step == STEP_SENDING) {
        struct slice left = left_to_send(https);
        if (left.len == 0) {
            https->step = STEP_ANSWER;
            break;
        }
        size_t taken = 0;
        err_t err = tls_write(channel->tls, left, &taken, reason);
        https->sent += taken;
        if (err == ERR_AGAIN) {
            TRY(flush(channel));
            if (tls_output(channel->tls).len > 0) {
                break;
            }
            continue;
        }
        TRY(err);
    }
    return ERR_OK;
}

/* ERR_END when the peer has closed. */
static err_t pump_answer(struct https *https, struct reason *reason) {
    while (https->response.state != HTTP_DONE) {
        uint8_t plain[4096];
        size_t len;
        TRY(tls_read(https->channel->tls, plain, sizeof plain, &len, reason));
        limit_answer(https);
        size_t taken;
        err_t err =
            http_response_feed(&https->response, slice_of(plain, len), &taken);
        if (err != ERR_OK) {
            return reason_set(reason, ERR_NETWORK,
                              "the answer is not HTTP/1.1, or is too long");
        }
        if (taken < len) {
            https->response.keep_alive = false;
        }
    }
    return ERR_OK;
}

static void pump_end(struct https *https, const char *why) {
    if (https->busy && http_response_end(&https->response) == ERR_OK) {
        finish(https);
        return;
    }
    fail(https, "", why);
}

/* Nothing should arrive on a connection that waits for the next request, except
 * its end; session tickets are read along the way. */
static void pump_idle(struct https *https) {
    uint8_t plain[16];
    size_t len;
    if (tls_read(https->channel->tls, plain, sizeof plain, &len, NULL) !=
            ERR_AGAIN ||
        flush(https->channel) != ERR_OK) {
        drop_channel(https);
    }
}

/* Takes every step that is possible now: called when bytes arrived, bytes were
 * sent, or there is a request. The last call of a handler. */
static void pump(struct https *https) {
    if (https->step == STEP_IDLE) {
        pump_idle(https);
        return;
    }
    struct reason reason = {"the connection broke"};
    err_t err = ERR_OK;
    if (https->step == STEP_HANDSHAKE) {
        err = pump_handshake(https, &reason);
    }
    if (err == ERR_OK) {
        err = pump_request(https, &reason);
    }
    if (err == ERR_OK) {
        err = pump_answer(https, &reason);
    }
    if (flush(https->channel) != ERR_OK && err == ERR_AGAIN) {
        err = ERR_NETWORK;
    }
    if (err == ERR_OK) {
        finish(https);
    } else if (err == ERR_END) {
        pump_end(https, "the server closed the connection");
    } else if (err != ERR_AGAIN) {
        fail(https, "", reason.text);
    }
}

static void begin_handshake(struct https *https) {
    struct reason reason = {""};
    if (tls_new(https->options.tls, https->memory, https->options.where->host,
                &https->channel->tls, &reason) != ERR_OK) {
        fail(https, "cannot set up a connection ", reason.text);
        return;
    }
    https->step = STEP_HANDSHAKE;
    limit_ms(https, HTTPS_HANDSHAKE_MS);
    pump(https);
}

/* --- the way through a proxy --------------------------------------------- */

_Static_assert((int)TUNNEL_REQUEST_MAX <= (int)WRITE_SIZE, "it fits");

static void begin_tunnel(struct https *https) {
    struct channel *channel = https->channel;
    struct writer writer = writer_over(channel->output, TUNNEL_REQUEST_MAX);
    tunnel_write(https->options.where, &writer);
    https->step = STEP_TUNNEL;
    limit_ms(https, HTTPS_TUNNEL_MS);
    if (write_output(channel, writer.len) != ERR_OK) {
        fail(https, "cannot write to the proxy", "");
    }
}

/* The limit of this step stays: a proxy that says a byte now and then is not
 * waited for. */
static void take_tunnel(struct https *https, ssize_t len, struct slice bytes) {
    if (len < 0) {
        fail(https, "the proxy closed the connection: ", uv_strerror((int)len));
        return;
    }
    struct reason reason = {""};
    err_t err =
        tunnel_read(https->options.where, &https->response, bytes, &reason);
    if (err == ERR_AGAIN) {
        return;
    }
    if (err != ERR_OK) {
        fail(https, "", reason.text);
        return;
    }
    http_response_reset(&https->response);
    begin_handshake(https);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    (void)suggested;
    struct channel *channel = (struct channel *)handle;
    *ret = uv_buf_init((char *)channel->input, sizeof channel->input);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
    struct channel *channel = (struct channel *)stream;
    struct https *https = channel->owner;
    if (https == NULL || len == 0) {
        return;
    }
    if (https->step == STEP_TUNNEL) {
        take_tunnel(https, len, slice_of(buf->base, len > 0 ? (size_t)len : 0));
        return;
    }
    if (len < 0) {
        pump_end(https, len == UV_EOF ? "the server closed the connection"
                                      : uv_strerror((int)len));
        return;
    }
    tls_feed(channel->tls, slice_of(buf->base, (size_t)len));
    pump(https);
}

/* --- connecting --------------------------------------------------------- */

static void try_address(struct https *https);

static void try_next_address(struct https *https, int code) {
    if (https->address_at < https->addresses.count) {
        drop_channel(https);
        try_address(https);
        return;
    }
    https->unreached = true;
    struct reason reason;
    reason_set(&reason, ERR_NETWORK, "%s%s%s", uv_strerror(code),
               https->unresolved != NULL ? "; nor resolve the name: " : "",
               https->unresolved != NULL ? https->unresolved : "");
    fail(https, "cannot connect: ", reason.text);
}

static void on_connected(uv_connect_t *connect, int status) {
    struct channel *channel = connect->data;
    struct https *https = channel->owner;
    if (https == NULL) {
        return;
    }
    if (status != 0) {
        try_next_address(https, status);
        return;
    }
    https->unreached = false;
    socket_tune(&channel->tcp, HTTPS_UNSEEN_MS);
    if (uv_read_start((uv_stream_t *)&channel->tcp, on_alloc, on_read) != 0) {
        fail(https, "cannot set up a connection", "");
    } else if (is_proxied(https)) {
        begin_tunnel(https);
    } else {
        begin_handshake(https);
    }
}

static void try_address(struct https *https) {
    struct channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL) {
        fail(https, "no memory for a connection", "");
        return;
    }
    uv_tcp_init(https->options.loop, &channel->tcp);
    channel->owner = https;
    channel->connecting.data = channel;
    https->channel = channel;
    https->step = STEP_CONNECTING;
    limit_ms(https, HTTPS_CONNECT_MS);
    const struct sockaddr_storage *address =
        &https->addresses.addresses[https->address_at++];
    int failed = uv_tcp_connect(&channel->connecting, &channel->tcp,
                                (const struct sockaddr *)address, on_connected);
    if (failed != 0) {
        try_next_address(https, failed);
    }
}

static void try_addresses(struct https *https, uint64_t serve_ms) {
    https->look_up_ms = uv_now(https->options.loop) + serve_ms;
    https->address_at = 0;
    try_address(https);
}

/* Those that the name had before are tried instead, if it had any. */
static void look_up_failed(struct https *https, const char *why) {
    https->unresolved = why;
    if (https->addresses.count == 0) {
        fail(https, "cannot resolve the name: ", why);
        return;
    }
    try_addresses(https, HTTPS_UNNAMED_MS);
}

static void on_resolved(uv_async_t *async) {
    struct https *https = async->data;
    struct resolver_result found;
    if (https->job == NULL || resolver_result(https->job, &found) != ERR_OK) {
        return;
    }
    forget_job(https);
    if (found.failed != 0 || found.count == 0) {
        look_up_failed(https, gai_strerror(found.failed));
        return;
    }
    https->addresses = found;
    https->unresolved = NULL;
    try_addresses(https, HTTPS_ADDRESSES_MS);
}

static void begin(struct https *https) {
    http_response_reset(&https->response);
    https->sent = 0;
    if (https->unreached && uv_now(https->options.loop) < https->look_up_ms) {
        https->address_at = 0;
        try_address(https);
        return;
    }
    https->unreached = false; /* it is not known before it is resolved */
    https->step = STEP_RESOLVING;
    limit_ms(https, HTTPS_RESOLVE_MS);
    const struct endpoint *where = https->options.where;
    bool proxied = is_proxied(https);
    if (resolver_start(proxied ? where->proxy.host : where->host,
                       proxied ? where->proxy.port : where->port,
                       &https->resolved, &https->job) != ERR_OK) {
        https->job = NULL;
        fail(https, "no memory for a name look-up", "");
    }
}

/* --- the outside -------------------------------------------------------- */

err_t https_new(const struct https_options *options, struct https **ret) {
    struct https *https = calloc(1, sizeof *https);
    ENSURE(https != NULL, ERR_MEMORY);
    https->options = *options;
    if (tls_memory_new(&https->memory) != ERR_OK ||
        uv_async_init(options->loop, &https->resolved, on_resolved) != 0) {
        tls_memory_free(https->memory);
        free(https);
        return ERR_MEMORY;
    }
    uv_timer_init(options->loop, &https->timer);
    https->timer.data = https;
    https->resolved.data = https;
    https->handles_open = 2;
    *ret = https;
    return ERR_OK;
}

static void handle_closed(uv_handle_t *handle) {
    struct https *https = handle->data;
    if (--https->handles_open > 0) {
        return;
    }
    tls_memory_free(https->memory);
    http_response_reset(&https->response);
    free(https);
}

void https_close(struct https *https) {
    if (https == NULL) {
        return;
    }
    drop_channel(https);
    forget_job(https);
    uv_close((uv_handle_t *)&https->timer, handle_closed);
    uv_close((uv_handle_t *)&https->resolved, handle_closed);
}

void https_send(struct https *https, struct slice head, struct slice body) {
    assert(!https->busy);
    https->busy = true;
    https->head = head;
    https->body = body;
    if (https->step == STEP_IDLE && tls_is_stale(https->channel->tls)) {
        drop_channel(https);
    }
    if (https->step != STEP_IDLE) {
        begin(https);
        return;
    }
    http_response_reset(&https->response);
    https->sent = 0;
    begin_request(https);
    pump(https);
}

void https_look(struct https *https, struct transport_line *ret) {
    bool sends = https->step == STEP_SENDING || https->step == STEP_ANSWER;
    sending_look(&https->sending, uv_now(https->options.loop),
                 https->busy && sends ? &https->channel->tcp : NULL, ret);
}
