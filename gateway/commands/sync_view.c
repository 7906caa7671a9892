/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/sync_view.h"

#include <stdio.h>

#include "gateway/commands/client.h"
#include "gateway/event/json.h"

static void add(struct sync_view *view, const struct sync_stream *stream) {
    if (view->count == CONFIG_STREAMS_MAX) {
        return; /* no gateway has more */
    }
    view->streams[view->count++] = *stream;
    view->left += stream->left;
    view->sent += stream->sent;
    view->held += stream->held;
    view->lost += stream->lost;
}

static void read_stream(struct slice from, struct sync_view *view) {
    struct sync_stream stream = {.lost = 0};
    client_text(from, "name", stream.name, sizeof stream.name);
    client_text(from, "link", stream.link, sizeof stream.link);
    client_text(from, "last_error", stream.error, sizeof stream.error);
    stream.left = client_uint(from, "backlog");
    stream.sent = client_uint(from, "cursor");
    stream.held = client_uint(from, "refused");
    if (strcmp(stream.link, "none") != 0) {
        add(view, &stream);
    }
}

err_t sync_view_read(struct slice status, struct sync_view *ret,
                     struct reason *reason) {
    *ret = (struct sync_view){.count = 0};
    struct slice streams;
    struct slice stream;
    struct slice dead;
    size_t at = 0;
    if (json_get(status, "streams", &streams) != ERR_OK ||
        json_kind(streams) != JSON_ARRAY) {
        return reason_set(reason, ERR_PARSE,
                          "the gateway's status lists no streams; is it "
                          "another version?");
    }
    while (json_element(streams, &at, &stream) == ERR_OK) {
        if (json_kind(stream) == JSON_OBJECT) {
            read_stream(stream, ret);
        }
    }
    if (json_get(status, "dead", &dead) == ERR_OK &&
        json_kind(dead) == JSON_OBJECT) {
        ret->letters = client_uint(dead, "letters");
    }
    return ERR_OK;
}

void sync_view_of_bridge(const struct bridge_status *status,
                         struct sync_view *ret) {
    *ret = (struct sync_view){.letters = status->dead.letters};
    for (uint32_t i = 0; i < status->stream_count; i++) {
        const struct bridge_stream_status *from = &status->streams[i];
        struct sync_stream stream = {
            .left = from->end > from->cursor ? from->end - from->cursor : 0,
            .sent = from->cursor,
            .held = from->refused,
            .lost = from->lost,
        };
        snprintf(stream.name, sizeof stream.name, "%s", from->name);
        snprintf(stream.link, sizeof stream.link, "%s",
                 bridge_link_name(from->link));
        snprintf(stream.error, sizeof stream.error, "%s", from->last_error);
        add(ret, &stream);
    }
}

const struct sync_stream *sync_view_waiting(const struct sync_view *view) {
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->streams[i].left > 0) {
            return &view->streams[i];
        }
    }
    return NULL;
}
