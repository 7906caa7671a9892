/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/explain.h"

#include <inttypes.h>
#include <stdio.h>

/* How far the clock must have been wrong to blame it for a refusal (AWS SDK for
 * JavaScript, clock skew correction). */
#define SKEW_US ((int64_t)240 * 1000 * 1000)

static void add_advice(struct answer *answer) {
    static const char advice[] = " (check the AWS credentials and rights)";
    size_t len = strlen(answer->text);
    size_t most = sizeof answer->text - sizeof advice;
    len = len < most ? len : most;
    memcpy(answer->text + len, advice, sizeof advice);
}

static void name_target(const struct sink *sink,
                        const struct sink_target *target,
                        struct answer *answer) {
    snprintf(answer->text, sizeof answer->text,
             "%s %.80s does not exist in region %.40s: create it or fix %s",
             sink->what, target->stream->sink_name,
             target->config->cloud.region, sink->setting);
}

static bool was_skewed(const struct exchange_result *result) {
    int64_t moved_us = result->offset_us - result->signed_offset_us;
    return result->answer.call == CALL_REFUSED && result->has_offset &&
           (moved_us >= SKEW_US || moved_us <= -SKEW_US);
}

void explain_result(const struct sink *sink, const struct sink_target *target,
                    struct exchange_result *result) {
    struct answer *answer = &result->answer;
    if (was_skewed(result)) {
        answer->call = CALL_AGAIN;
        snprintf(answer->text, sizeof answer->text,
                 "this box's clock is wrong by %" PRId64
                 " s: signing with the server's time instead",
                 result->offset_us / 1000000);
    } else if (answer->not_found) {
        name_target(sink, target, answer);
    } else if (answer->call == CALL_REFUSED) {
        add_advice(answer);
    }
}

enum bridge_link explain_link(enum forwarder_call call, uint32_t entries,
                              enum bridge_link before) {
    switch (call) {
    case CALL_ANSWERED:
    case CALL_THROTTLED:
    case CALL_TOO_LARGE:
        return BRIDGE_LINK_ONLINE;
    case CALL_FAILED:
    case CALL_OFFLINE:
        return BRIDGE_LINK_OFFLINE;
    case CALL_REFUSED:
        return BRIDGE_LINK_REFUSED;
    case CALL_INVALID: /* many entries: one is the cause, and the request is
                          halved next */
        return entries > 1 ? before : BRIDGE_LINK_REFUSED;
    case CALL_AGAIN:
        return before;
    }
    return before;
}
