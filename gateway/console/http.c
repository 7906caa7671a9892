/* SPDX-License-Identifier: Apache-2.0 */
/* One request at a time on each connection: the headers are checked, a body is
 * collected up to its limit, the route writes its answer into a buffer, and the
 * socket takes all of it. Only a request without a body may be followed by
 * another on the same connection. */
#include "gateway/console/http.h"

#include <assert.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/console/http_request.h"
#include "gateway/console/page.h"
#include "gateway/console/routes.h"

enum {
    ANSWER_BYTES_MAX = 96 * 1024,
    QUERY_MAX = 256,
    READ_BYTES = 4096,               /* read or sent at once */
    DISCARD_BYTES_MAX = 1024 * 1024, /* of a refused request's body */
    HEADER_BYTES_MAX = 1024,
    REQUEST_HEADER_BYTES_MAX = 4096,
    CONNECTIONS_MAX = CONSOLE_CONNECTIONS_MAX + CONSOLE_LOCAL_CONNECTIONS_MAX,
    HEADER_POOL = CONNECTIONS_MAX, /* half a request blocks no other */
    TIMEOUT_S = 10,
    KEEPALIVE_S = 15,
    CLOSING_TURNS_MAX = 100,
};

struct http {
    struct lws_context *context;
    struct lws_vhost *vhosts[2]; /* by enum http_door */
    const struct console_source *source;
    uint32_t connections[2]; /* by enum http_door */
    enum http_door adopting; /* where the next one comes from */
};

static const uint32_t connections_max[] = {
    [HTTP_TCP] = CONSOLE_CONNECTIONS_MAX,
    [HTTP_UNIX] = CONSOLE_LOCAL_CONNECTIONS_MAX,
};

/* The state of a connection; zeroed by libwebsockets. */
struct session {
    const struct route *route; /* of a POST whose body is awaited */
    uint8_t body[CONSOLE_IDENTITY_BODY_MAX];
    size_t body_len;
};

static const struct page_file *find_page(struct slice path) {
    for (size_t i = 0; i < PAGE_FILE_COUNT; i++) {
        if (slice_eq_str(path, page_files[i].path)) {
            return &page_files[i];
        }
    }
    return NULL;
}

/* What marks a peer that came by TCP. The virtual host does not say it, since
 * libwebsockets may choose the other one by the Host header. */
static void *mark_of(const struct http *http, enum http_door door) {
    return door == HTTP_TCP ? http->context : NULL;
}

static bool is_by_tcp(struct lws *wsi) {
    return lws_get_opaque_user_data(wsi) != NULL;
}

/* For a POST to `route`, or for a refused one if that is NULL. One time limit
 * for the whole body: libwebsockets restarts its own with each byte. */
static int await_body(struct lws *wsi, struct session *session,
                      const struct route *route) {
    session->route = route;
    session->body_len = 0;
    lws_set_timer_usecs(wsi, TIMEOUT_S * LWS_USEC_PER_SEC);
    return 0;
}

static const struct {
    const char *name;
    const char *value;
} fixed_headers[] = {
    {"content-security-policy:",
     "default-src 'self'; base-uri 'none'; form-action 'none'; "
     "frame-ancestors 'none'"},
    {"x-content-type-options:", "nosniff"},
    {"referrer-policy:", "no-referrer"},
    {"cache-control:", "no-store"},
};

static int add_header(struct lws *wsi, const char *name, const char *value,
                      uint8_t **at, uint8_t *end) {
    return lws_add_http_header_by_name(wsi, (const uint8_t *)name,
                                       (const uint8_t *)value,
                                       (int)strlen(value), at, end);
}

static int send_head(struct lws *wsi, const struct answer *answer) {
    uint8_t buf[LWS_PRE + HEADER_BYTES_MAX];
    uint8_t *start = buf + LWS_PRE;
    uint8_t *at = start;
    uint8_t *end = buf + sizeof buf - 1;
    if (lws_add_http_common_headers(wsi, answer->code, answer->type,
                                    answer->body.len, &at, end) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof fixed_headers / sizeof *fixed_headers; i++) {
        if (add_header(wsi, fixed_headers[i].name, fixed_headers[i].value, &at,
                       end) != 0) {
            return -1;
        }
    }
    if (answer->allow != NULL &&
        add_header(wsi, "allow:", answer->allow, &at, end) != 0) {
        return -1;
    }
    if (answer->closes &&
        add_header(wsi, "connection:", "close", &at, end) != 0) {
        return -1;
    }
    return lws_finalize_write_http_header(wsi, start, &at, end) != 0 ? -1 : 0;
}

/* libwebsockets keeps what the socket does not accept. */
static int send_body(struct lws *wsi, struct slice body) {
    if (body.len == 0) {
        return 0;
    }
    uint8_t *buf = malloc(LWS_PRE + body.len);
    if (buf == NULL) {
        return -1;
    }
    memcpy(buf + LWS_PRE, body.data, body.len);
    int sent = lws_write(wsi, buf + LWS_PRE, body.len, LWS_WRITE_HTTP_FINAL);
    free(buf);
    return sent < (int)body.len ? -1 : 0;
}

/* Nonzero closes the connection, as in every function here that returns an int.
 *
 * If earlier answers have filled the socket, the connection is closed: with
 * more input waiting, libwebsockets would turn the loop at full speed until the
 * peer reads. An idle socket takes any answer whole, and what it has taken
 * still reaches the peer. If libwebsockets cuts an answer, the rest never does.
 */
static int send_answer(struct lws *wsi, const struct answer *answer,
                       bool with_body) {
    if (send_head(wsi, answer) != 0 ||
        (with_body && send_body(wsi, answer->body) != 0)) {
        return -1;
    }
    if (lws_partial_buffered(wsi)) {
        shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
    }
    if (answer->closes || lws_send_pipe_choked(wsi)) {
        return -1;
    }
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static int send_route(struct lws *wsi, const struct http *http,
                      struct session *session, const struct route *route,
                      enum http_method method) {
    uint8_t *buf = malloc(ANSWER_BYTES_MAX);
    if (buf == NULL) {
        return -1;
    }
    struct writer writer = writer_over(buf, ANSWER_BYTES_MAX);
    struct answer answer = {.code = 200, .closes = method == HTTP_METHOD_POST};
    answer_fn *write = answer.closes ? route->take : route->answer;
    assert(write != NULL && session->body_len <= sizeof session->body);
    write(http->source, slice_of(session->body, session->body_len), &writer,
          &answer);
    assert(!writer.full);
    answer.body = writer_slice(&writer);
    int closed = send_answer(wsi, &answer, method != HTTP_METHOD_HEAD);
    free(buf);
    return closed;
}

static int send_page(struct lws *wsi, const struct page_file *page,
                     enum http_method method) {
    struct answer answer = {.code = 200,
                            .type = page->type,
                            .body = slice_of(page->data, page->len)};
    return send_answer(wsi, &answer, method != HTTP_METHOD_HEAD);
}

/* A refused request's body is not read, and the connection ends after it, since
 * a body must not be taken for the next request. If the body's length is known
 * and small it is read and discarded first: otherwise a peer that is still
 * sending would see a reset before it reads the answer. */
static int refuse(struct lws *wsi, struct session *session, unsigned code,
                  const char *text, const char *allow) {
    uint8_t buf[CONSOLE_BODY_MAX];
    struct writer writer = writer_over(buf, sizeof buf);
    struct answer answer = {.allow = allow,
                            .closes = http_request_may_have_body(wsi)};
    route_fail(&answer, code, text, &writer);
    assert(!writer.full);
    answer.body = writer_slice(&writer);
    int closed =
        send_answer(wsi, &answer, http_request_method(wsi) != HTTP_METHOD_HEAD);
    size_t len;
    if (answer.closes &&
        http_request_body_length(wsi, DISCARD_BYTES_MAX, &len) == ERR_OK) {
        return await_body(wsi, session, NULL);
    }
    return closed;
}

static int begin_post(struct lws *wsi, struct session *session,
                      const struct route *route) {
    size_t len;
    if (!http_request_is_json(wsi)) {
        return refuse(wsi, session, 415, "send Content-Type: application/json",
                      NULL);
    }
    err_t err = http_request_body_length(wsi, route->body_max, &len);
    if (err == ERR_NOT_FOUND) {
        return refuse(wsi, session, 411, "send a body with a Content-Length",
                      NULL);
    }
    if (err != ERR_OK) {
        return refuse(wsi, session, 413, "the body is empty or too long", NULL);
    }
    return await_body(wsi, session, route);
}

static int refuse_method(struct lws *wsi, struct session *session,
                         unsigned methods) {
    if (methods == HTTP_METHOD_POST) {
        return refuse(wsi, session, 405, "use POST here", "POST");
    }
    bool post = (methods & HTTP_METHOD_POST) != 0;
    return refuse(wsi, session, 405,
                  post ? "use GET or POST here" : "use GET here",
                  post ? "GET, HEAD, POST" : "GET, HEAD");
}

/* A request without a body. */
static int begin_get(struct lws *wsi, const struct http *http,
                     struct session *session, const struct route *route,
                     enum http_method method) {
    session->body_len = 0;
    if (route->query && http_request_query(wsi, session->body, QUERY_MAX,
                                           &session->body_len) != ERR_OK) {
        return refuse(wsi, session, 414, "what is behind the ? is too long",
                      NULL);
    }
    return send_route(wsi, http, session, route, method);
}

static int on_request(struct lws *wsi, const struct http *http,
                      struct session *session, struct slice path) {
    if (is_by_tcp(wsi) && !http_request_is_ours(wsi)) {
        return refuse(wsi, session, 403,
                      "the Host header must be localhost or a loopback address",
                      NULL);
    }
    enum http_method method = http_request_method(wsi);
    const struct page_file *page = find_page(path);
    const struct route *route = route_find(path);
    if (page == NULL && route == NULL) {
        return refuse(wsi, session, 404, "not found; see /api/v1/status", NULL);
    }
    unsigned methods = route_methods(route);
    if ((methods & method) == 0) {
        return refuse_method(wsi, session, methods);
    }
    if (method == HTTP_METHOD_POST && route->take_local && is_by_tcp(wsi)) {
        return refuse(wsi, session, 403,
                      "accounts are changed on the control socket only: use "
                      "shopme-edge device",
                      NULL);
    }
    if (method == HTTP_METHOD_POST) {
        return begin_post(wsi, session, route);
    }
    if (http_request_may_have_body(wsi)) {
        return refuse(wsi, session, 400, "send no body with GET or HEAD", NULL);
    }
    return page != NULL ? send_page(wsi, page, method)
                        : begin_get(wsi, http, session, route, method);
}

static int on_body(struct session *session, struct slice part) {
    if (session->route == NULL) {
        return 0; /* refused already; the rest is ignored */
    }
    if (part.len > session->route->body_max - session->body_len) {
        return -1;
    }
    memcpy(session->body + session->body_len, part.data, part.len);
    session->body_len += part.len;
    return 0;
}

/* A connection ends with its first request that has a body. While the callback
 * returns 0 and more input is waiting, libwebsockets reports again and again
 * that a body is complete, without turning the loop in between. And if a second
 * request came in the same read, libwebsockets takes its head for the body. */
static int on_body_complete(struct lws *wsi, const struct http *http,
                            struct session *session) {
    if (session->route == NULL) {
#ifdef EDGE_CONTROL_REPEAT_BODY
        return 0;
#endif
        return -1;
    }
    return send_route(wsi, http, session, session->route, HTTP_METHOD_POST);
}

static int on_created(struct lws *wsi, struct http *http) {
    lws_set_opaque_user_data(wsi, mark_of(http, http->adopting));
    http->connections[http->adopting]++;
    return 0;
}

static int on_destroyed(struct lws *wsi, struct http *http) {
    enum http_door door = is_by_tcp(wsi) ? HTTP_TCP : HTTP_UNIX;
    assert(http->connections[door] > 0);
    http->connections[door]--;
    return 0;
}

static int on_callback(struct lws *wsi, enum lws_callback_reasons reason,
                       void *user, void *in, size_t len) {
    struct session *session = user;
    struct http *http = lws_context_user(lws_get_context(wsi));
    /* libwebsockets has some eighty reasons; the others do not concern us. */
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(wsi, http, session, slice_of(in, len));
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(session, slice_of(in, len));
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_complete(wsi, http, session);
    case LWS_CALLBACK_TIMER:                /* a body that is too slow */
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: /* to WebSocket or HTTP/2 */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return -1;
    case LWS_CALLBACK_WSI_CREATE:
        return on_created(wsi, http);
    case LWS_CALLBACK_WSI_DESTROY:
        return on_destroyed(wsi, http);
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "http",
     .callback = on_callback,
     .per_session_data_size = sizeof(struct session),
     .tx_packet_size = ANSWER_BYTES_MAX},
    {.name = NULL},
};

static void on_log(int level, const char *line) {
    size_t len = strcspn(line, "\n");
    log_line(level == LLL_ERR ? LOG_ERROR : LOG_WARN, "console",
             "libwebsockets=\"%.*s\"", (int)len, line);
}

static struct lws_vhost *make_vhost(struct lws_context *context,
                                    const char *name, uint64_t options) {
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.vhost_name = name;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.server_string = "shopme-edge";
    info.timeout_secs = TIMEOUT_S;
    info.keepalive_timeout = KEEPALIVE_S;
    info.options = options;
    return lws_create_vhost(context, &info);
}

err_t http_start(uv_loop_t *loop, const struct console_source *source,
                 struct http **ret, struct reason *reason) {
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for the console");
    }
    http->source = source;
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    void *loops[] = {loop};
    info.foreign_loops = loops;
    info.user = http;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN;
    info.fd_limit_per_thread = CONNECTIONS_MAX + 8;
    info.max_http_header_pool = HEADER_POOL;
    info.max_http_header_data = REQUEST_HEADER_BYTES_MAX;
    info.pt_serv_buf_size = READ_BYTES;
    http->context = lws_create_context(&info);
    if (http->context != NULL) {
        http->vhosts[HTTP_TCP] = make_vhost(http->context, "tcp", 0);
        http->vhosts[HTTP_UNIX] =
            make_vhost(http->context, "unix", LWS_SERVER_OPTION_UNIX_SOCK);
    }
    if (http->vhosts[HTTP_TCP] == NULL || http->vhosts[HTTP_UNIX] == NULL) {
        http_stop(http, loop);
        return reason_set(reason, ERR_UNSUPPORTED,
                          "libwebsockets did not start; install the package "
                          "libwebsockets-evlib-uv and restart the gateway");
    }
    /* From now on it would log what peers send, a line or two for each: they
     * must not fill the log, or block the loop while it is written. */
    lws_set_log_level(0, on_log);
    *ret = http;
    return ERR_OK;
}

void http_adopt(struct http *http, enum http_door door, int fd) {
    if (http->connections[door] >= connections_max[door]) {
        close(fd);
        return;
    }
    http->adopting = door;
    const lws_adopt_desc_t peer = {
        .vh = http->vhosts[door],
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
        .fd.sockfd = fd,
        .opaque = mark_of(http, door),
    };
    /* Closes the descriptor itself if it fails. */
    (void)lws_adopt_descriptor_vhost_via_info(&peer);
}

uint32_t http_connections(const struct http *http) {
    return http->connections[HTTP_TCP] + http->connections[HTTP_UNIX];
}

/* libwebsockets closes its handles through the loop and frees its context only
 * on a second call, after those closes have been seen. */
void http_stop(struct http *http, uv_loop_t *loop) {
    if (http == NULL) {
        return;
    }
    if (http->context != NULL) {
        lws_context_destroy(http->context);
        for (int i = 0; i < CLOSING_TURNS_MAX; i++) {
            uv_run(loop, UV_RUN_NOWAIT);
        }
        lws_context_destroy(http->context);
    }
    free(http);
}
