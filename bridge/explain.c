/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "gateway/base/log.h"

/* How far the clock must have been wrong to blame it for a refusal (AWS SDK for
 * JavaScript, clock skew correction). */
#define SKEW_US ((int64_t)240 * 1000 * 1000)

/* So often in a row at once; a server whose clock jumps on is a refusal. */
enum { SKEW_RETRIES_MAX = 2, AGAIN_MAX = 3 };

/* What is missing is a right to send this event, not a good event. */
static bool is_denial(const char *code) {
    static const char *const begins[] = {"AccessDenied", "NotAuthorized",
                                         "InvalidAccountId"};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        if (strncmp(code, begins[i], strlen(begins[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void add_advice(struct answer *answer, const char *advice) {
    size_t size = strlen(advice) + 1;
    size_t len = strlen(answer->text);
    size_t most = sizeof answer->text - size;
    len = len < most ? len : most;
    memcpy(answer->text + len, advice, size);
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
    bool refused = answer->call == CALL_REFUSED;
    bool skewed = was_skewed(result) && result->corrected < SKEW_RETRIES_MAX;
    result->corrected = skewed    ? result->corrected + 1
                        : refused ? result->corrected
                                  : 0;
    if (skewed) {
        answer->call = CALL_AGAIN;
        snprintf(answer->text, sizeof answer->text,
                 "this box's clock is wrong by %" PRId64
                 " s: signing with the server's time instead",
                 result->offset_us / 1000000);
    } else if (answer->not_found) {
        name_target(sink, target, answer);
    } else if (answer->call == CALL_REFUSED) {
        add_advice(answer, answer->expired
                               ? " (renew the AWS credentials)"
                               : " (check the AWS credentials and rights)");
    } else if (answer->call == CALL_ANSWERED && is_denial(answer->code)) {
        add_advice(answer, " (check the AWS rights, such as events:source)");
    }
}

bool explain_throttled(const struct answer *answer, uint32_t entries) {
    bool throttled = answer->call == CALL_THROTTLED;
    for (uint32_t i = 0; answer->call == CALL_ANSWERED && i < entries; i++) {
        throttled |= answer->outcomes[i] == ENTRY_THROTTLED;
    }
    return throttled;
}

enum bridge_link explain_link(enum forwarder_call call, uint32_t entries,
                              enum bridge_link before) {
    switch (call) {
    case CALL_ANSWERED:
    case CALL_TOO_LARGE:
        return BRIDGE_LINK_ONLINE;
    case CALL_THROTTLED:
        return BRIDGE_LINK_THROTTLED;
    case CALL_FAILED:
    case CALL_OFFLINE:
    case CALL_UNREACHED:
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

void explain_again(struct answer *answer, uint32_t *again) {
    if (answer->call != CALL_AGAIN) {
        *again = 0;
    } else if (++*again > AGAIN_MAX) {
        answer->call = CALL_REFUSED;
    }
}

void explain_probe(const struct sink *sink, const struct config_stream *stream,
                   struct answer *answer) {
    if (answer->not_ours) {
        log_line(LOG_WARN, "bridge",
                 "stream=%s cannot check that %s %s exists: %s; if it does "
                 "not, its events are lost",
                 stream->name, sink->what, stream->sink_name, answer->text);
        *answer = (struct answer){.call = CALL_ANSWERED};
    }
}
