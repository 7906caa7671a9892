/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/plain_http.h"

#include <assert.h>
#include <stdlib.h>

enum { INPUT_SIZE = 16 * 1024 };

/* One TCP connection, which libuv closes later than it is told to; `owner` is
 * NULL from then on. */
struct channel {
    uv_tcp_t tcp; /* first: a handle is its channel */
    struct plain_http *owner;
    uv_connect_t connecting;
    uv_write_t write;
    bool connected;
    uint8_t input[INPUT_SIZE];
};

struct plain_http {
    uv_timer_t timer; /* first: it is freed when this is closed */
    uv_loop_t *loop;
    const struct credential_place *place;
    transport_done done;
    void *context;
    struct channel *channel; /* NULL: closed */
    uint32_t address_at;
    bool busy;
    bool reused; /* the connection has carried an answer */
    struct slice head;
    struct slice body;
    struct http_response response;
};

static void try_address(struct plain_http *plain, int code);
static void begin(struct plain_http *plain);

static void channel_closed(uv_handle_t *handle) {
    struct channel *channel = (struct channel *)handle;
    explicit_bzero(channel->input, sizeof channel->input);
    free(channel);
}

static void drop_channel(struct plain_http *plain) {
    struct channel *channel = plain->channel;
    plain->channel = NULL;
    plain->reused = false;
    uv_timer_stop(&plain->timer);
    if (channel != NULL) {
        channel->owner = NULL;
        uv_close((uv_handle_t *)&channel->tcp, channel_closed);
    }
}

/* The last call of a handler, as finish(): `done` may send again. */
static void fail(struct plain_http *plain, const char *what, bool unreached) {
    bool again = plain->busy && plain->reused &&
                 plain->response.state == HTTP_STATUS_LINE &&
                 plain->response.line_len == 0;
    drop_channel(plain);
    if (again) { /* a kept connection had ended */
        begin(plain);
        return;
    }
    if (!plain->busy) {
        return;
    }
    struct reason reason;
    reason_set(&reason, ERR_NETWORK, "%s: %s", plain->place->where.authority,
               what);
    plain->busy = false;
    struct transport_error error = {reason.text, unreached};
    plain->done(plain->context, NULL, &error);
}

static void finish(struct plain_http *plain) {
    uv_timer_stop(&plain->timer);
    plain->reused = plain->response.keep_alive;
    if (!plain->reused) {
        drop_channel(plain);
    }
    plain->busy = false;
    plain->done(plain->context, &plain->response, NULL);
}

static void on_timer(uv_timer_t *timer) {
    struct plain_http *plain = (struct plain_http *)timer;
    if (plain->channel != NULL && !plain->channel->connected) {
        drop_channel(plain);
        try_address(plain, UV_ETIMEDOUT);
        return;
    }
    plain->reused = false;
    fail(plain, "no answer in time", false);
}

/* --- the answer --------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    (void)suggested;
    struct channel *channel = (struct channel *)handle;
    *ret = uv_buf_init((char *)channel->input, sizeof channel->input);
}

static void on_end(struct plain_http *plain) {
    if (plain->busy && http_response_end(&plain->response) == ERR_OK) {
        plain->response.keep_alive = false;
        finish(plain);
        return;
    }
    fail(plain, "the server closed the connection", false);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
    struct channel *channel = (struct channel *)stream;
    struct plain_http *plain = channel->owner;
    if (plain == NULL || len == 0) {
        return;
    }
    if (len < 0) {
        on_end(plain);
        return;
    }
    size_t taken = 0;
    if (!plain->busy ||
        http_response_feed(&plain->response, slice_of(buf->base, (size_t)len),
                           &taken) != ERR_OK) {
        plain->reused = false;
        fail(plain, "the answer is not HTTP/1.1, or is too long", false);
        return;
    }
    if (plain->response.state == HTTP_DONE) {
        plain->response.keep_alive &= taken == (size_t)len;
        finish(plain);
    }
}

/* --- the request -------------------------------------------------------- */

static void on_written(uv_write_t *write, int status) {
    struct channel *channel = write->data;
    struct plain_http *plain = channel->owner;
    if (plain != NULL && status != 0) {
        fail(plain, uv_strerror(status), false);
    }
}

static void write_request(struct plain_http *plain) {
    struct channel *channel = plain->channel;
    uv_buf_t parts[2] = {
        {.base = (char *)(uintptr_t)plain->head.data, .len = plain->head.len},
        {.base = (char *)(uintptr_t)plain->body.data, .len = plain->body.len},
    };
    uv_timer_start(&plain->timer, on_timer, PLAIN_ANSWER_MS, 0);
    channel->write.data = channel;
    int failed = uv_write(&channel->write, (uv_stream_t *)&channel->tcp, parts,
                          plain->body.len > 0 ? 2 : 1, on_written);
    if (failed != 0) {
        fail(plain, uv_strerror(failed), false);
    }
}

static void on_connected(uv_connect_t *connect, int status) {
    struct channel *channel = connect->data;
    struct plain_http *plain = channel->owner;
    if (plain == NULL) {
        return;
    }
    if (status != 0) {
        drop_channel(plain);
        try_address(plain, status);
        return;
    }
    channel->connected = true;
    int failed = uv_read_start((uv_stream_t *)&channel->tcp, on_alloc, on_read);
    if (failed != 0) {
        fail(plain, uv_strerror(failed), false);
        return;
    }
    write_request(plain);
}

static struct channel *new_channel(struct plain_http *plain) {
    struct channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL || uv_tcp_init(plain->loop, &channel->tcp) != 0) {
        free(channel);
        return NULL;
    }
    channel->owner = plain;
    channel->connecting.data = channel;
    return channel;
}

/* The next one that can be tried; `code`: why the one before it could not. */
static void try_address(struct plain_http *plain, int code) {
    const struct credential_place *place = plain->place;
    while (plain->address_at < place->address_count) {
        const struct sockaddr_storage *address =
            &place->addresses[plain->address_at++];
        plain->channel = new_channel(plain);
        if (plain->channel == NULL) {
            code = UV_ENOMEM;
            break;
        }
        code = uv_tcp_connect(&plain->channel->connecting, &plain->channel->tcp,
                              (const struct sockaddr *)address, on_connected);
        if (code == 0) {
            uv_timer_start(&plain->timer, on_timer, PLAIN_CONNECT_MS, 0);
            return;
        }
        drop_channel(plain);
    }
    fail(plain, uv_strerror(code), true);
}

static void begin(struct plain_http *plain) {
    http_response_reset(&plain->response);
    plain->address_at = 0;
    try_address(plain, UV_EADDRNOTAVAIL);
}

static void send_request(void *self, struct slice head, struct slice body) {
    struct plain_http *plain = self;
    assert(!plain->busy);
    plain->busy = true;
    plain->head = head;
    plain->body = body;
    if (plain->channel == NULL) {
        begin(plain);
        return;
    }
    http_response_reset(&plain->response);
    write_request(plain);
}

static void timer_closed(uv_handle_t *handle) {
    struct plain_http *plain = (struct plain_http *)handle;
    http_response_reset(&plain->response);
    free(plain);
}

static void close_all(void *self) {
    struct plain_http *plain = self;
    plain->busy = false;
    drop_channel(plain);
    uv_close((uv_handle_t *)&plain->timer, timer_closed);
}

err_t plain_http_open(uv_loop_t *loop, const struct credential_place *place,
                      transport_done done, void *context,
                      struct transport *ret) {
    assert(!place->tls && place->address_count > 0);
    struct plain_http *plain = calloc(1, sizeof *plain);
    ENSURE(plain != NULL, ERR_MEMORY);
    uv_timer_init(loop, &plain->timer);
    plain->loop = loop;
    plain->place = place;
    plain->done = done;
    plain->context = context;
    *ret = (struct transport){
        .self = plain, .send = send_request, .close = close_all};
    return ERR_OK;
}
