/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/sink_rules.h"

#include "gateway/event/json.h"

/* EventBridge's Detail is an object; an event without data sends an empty one.
 */
static bool is_detail(struct slice data) {
    enum json_kind kind = json_kind(data);
    return kind == JSON_OBJECT || kind == JSON_NULL;
}

err_t sink_rules_check(const struct config_stream *stream, struct slice data,
                       struct reason *reason) {
    if (stream->sink != CONFIG_SINK_EVENTBRIDGE ||
        stream->detail != CONFIG_DETAIL_DATA || is_detail(data)) {
        return ERR_OK;
    }
    return reason_set(
        reason, ERR_REFUSED,
        "data must be a JSON object, or be left out: this stream "
        "sends its data alone to EventBridge, which takes nothing "
        "else (sink.eventbridge.detail)");
}
