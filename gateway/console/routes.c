/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/routes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/console/http_request.h"
#include "gateway/console/identity_json.h"
#include "gateway/console/reply.h"
#include "gateway/console/reply_dead.h"
#include "gateway/console/reply_devices.h"
#include "gateway/console/reply_verdict.h"

static const char type_json[] = "application/json";

void route_fail(struct answer *ret, unsigned code, const char *text,
                struct writer *writer) {
    ret->code = code;
    ret->type = type_json;
    reply_error(text, writer);
}

static void read_status(const struct console_source *source,
                        struct console_status *ret) {
    memset(ret, 0, sizeof *ret);
    source->status(source->self, ret);
    assert(ret->stream_count <= CONFIG_STREAMS_MAX);
}

static void answer_status(const struct console_source *source,
                          struct slice body, struct writer *writer,
                          struct answer *ret) {
    (void)body;
    struct console_status status;
    read_status(source, &status);
    reply_status(&status, writer);
    ret->type = type_json;
}

static void answer_orders(const struct console_source *source,
                          struct slice body, struct writer *writer,
                          struct answer *ret) {
    (void)body;
    reply_orders(source, writer);
    ret->type = type_json;
}

static void answer_metrics(const struct console_source *source,
                           struct slice body, struct writer *writer,
                           struct answer *ret) {
    (void)body;
    struct console_status status;
    read_status(source, &status);
    reply_metrics(&status, writer);
    ret->type = "text/plain; version=0.0.4; charset=utf-8";
}

static void answer_health(const struct console_source *source,
                          struct slice body, struct writer *writer,
                          struct answer *ret) {
    (void)body;
    struct console_status status;
    read_status(source, &status);
    ret->code = reply_health(&status, writer);
    ret->type = "text/plain; charset=utf-8";
}

static void take_uplink(const struct console_source *source, struct slice body,
                        struct writer *writer, struct answer *ret) {
    bool paused;
    struct reason reason;
    if (reply_read_uplink(body, &paused, &reason) != ERR_OK) {
        route_fail(ret, 400, reason.text, writer);
        return;
    }
    err_t err = source->uplink(source->self, paused);
    if (err != ERR_OK) {
        snprintf(reason.text, sizeof reason.text,
                 "cannot change the uplink: %s", err_name(err));
        route_fail(ret, 503, reason.text, writer);
        return;
    }
    ret->type = type_json;
    writer_printf(writer, "{\"paused\":%s}\n", paused ? "true" : "false");
}

static void answer_identity(const struct console_source *source,
                            struct slice body, struct writer *writer,
                            struct answer *ret) {
    (void)body;
    struct console_identity identity = {.reason = ""};
    if (source->identity == NULL) {
        route_fail(ret, 404, "no accounts are kept here", writer);
        return;
    }
    source->identity(source->self, &identity);
    assert(identity.request_count <= CONSOLE_IDENTITY_REQUESTS);
    identity_json_status(&identity, writer);
    ret->type = type_json;
}

/* Empty, or `after=NAME`, which may be cut by no one: a name has 64 characters
 * at most. */
static bool read_after(struct slice query, struct slice *ret) {
    static const char key[] = "after=";
    size_t len = strlen(key);
    bool there = query.len >= len && query.len < len + ACCOUNT_NAME_MAX &&
                 memcmp(query.data, key, len) == 0;
    *ret = there ? slice_part(query, len, query.len - len) : SLICE_EMPTY;
    return there;
}

static void answer_devices(const struct console_source *source,
                           struct slice body, struct writer *writer,
                           struct answer *ret) {
    struct console_devices devices = {0};
    struct slice after;
    if (source->devices != NULL) {
        source->devices(source->self, &devices);
    }
    if (devices.presence == NULL) {
        route_fail(ret, 404, "no accounts are kept here", writer);
        return;
    }
    ret->type = type_json;
    if (body.len == 0) {
        reply_devices_first(&devices, writer);
    } else if (read_after(body, &after)) {
        reply_devices_after(&devices, after, writer);
    } else {
        route_fail(ret, 400, "expected ?after=NAME, or nothing", writer);
    }
}

static void take_identity(const struct console_source *source,
                          struct slice body, struct writer *writer,
                          struct answer *ret) {
    struct identity_change change;
    struct reason reason;
    uint64_t request;
    if (source->change == NULL) {
        route_fail(ret, 404, "no accounts are kept here", writer);
        return;
    }
    if (identity_json_read(body, &change, &reason) != ERR_OK) {
        route_fail(ret, 400, reason.text, writer);
        return;
    }
    err_t err = source->change(source->self, &change, &request, &reason);
    if (err != ERR_OK) {
        route_fail(ret, err == ERR_REFUSED ? 409 : 503, reason.text, writer);
        return;
    }
    ret->code = 202;
    ret->type = type_json;
    identity_json_request(request, writer);
}

static void take_dead(const struct console_source *source, struct slice body,
                      struct writer *writer, struct answer *ret) {
    struct dead_order order;
    struct reason reason;
    uint64_t number;
    if (source->dead == NULL) {
        route_fail(ret, 404, "no stream has a sink", writer);
        return;
    }
    if (dead_order_read(body, &order, &reason) != ERR_OK) {
        route_fail(ret, 400, reason.text, writer);
        return;
    }
    err_t err =
        source->dead(source->self, order.ask, order.ids, order.count, &number);
    if (err != ERR_OK) {
        route_fail(ret, err == ERR_NOT_FOUND ? 404 : 503,
                   err == ERR_NOT_FOUND ? "no stream has a sink"
                                        : "another order waits: ask again",
                   writer);
        return;
    }
    ret->code = 202;
    ret->type = type_json;
    writer_printf(writer, "{\"order\":%" PRIu64 "}\n", number);
}

static const struct route routes[] = {
    {.path = "/api/v1/status", .answer = answer_status},
    {.path = "/api/v1/orders", .answer = answer_orders},
    {.path = "/api/v1/devices", .answer = answer_devices, .query = true},
    {.path = "/api/v1/uplink",
     .take = take_uplink,
     .body_max = CONSOLE_BODY_MAX},
    {.path = "/api/v1/identity",
     .answer = answer_identity,
     .take = take_identity,
     .body_max = CONSOLE_IDENTITY_BODY_MAX,
     .take_local = true},
    {.path = "/api/v1/dead",
     .take = take_dead,
     .body_max = CONSOLE_DEAD_BODY_MAX,
     .take_local = true},
    {.path = "/healthz", .answer = answer_health},
    {.path = "/metrics", .answer = answer_metrics},
};

unsigned route_methods(const struct route *route) {
    enum { READS = HTTP_METHOD_GET | HTTP_METHOD_HEAD };
    if (route == NULL) { /* a file of the page */
        return READS;
    }
    return (route->answer != NULL ? READS : 0U) |
           (route->take != NULL ? HTTP_METHOD_POST : 0U);
}

const struct route *route_find(struct slice path) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (slice_eq_str(path, routes[i].path)) {
            return &routes[i];
        }
    }
    return NULL;
}
