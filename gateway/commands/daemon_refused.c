/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/daemon_refused.h"

#include "gateway/commands/daemon_state.h"
#include "gateway/stream/refuse.h"

/* Of the stream that it was meant for; of the first one if it was meant for
 * none and was an event. */
static struct stream *stream_of(const struct daemon *daemon,
                                const struct report *report) {
    const char *slash = strrchr(report->text, '/');
    const char *leaf = slash == NULL ? report->text : slash + 1;
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        struct stream *stream = daemon->streams[i].stream;
        if (strcmp(stream_config(stream)->name, leaf) == 0) {
            return stream;
        }
    }
    return report->event_id[0] != '\0' && daemon->stream_count > 0
               ? daemon->streams[0].stream
               : NULL;
}

/* The broker acknowledges a publish that it refuses: the device would take its
 * event for delivered. What cannot be answered now is counted all the same, and
 * the device repeats it. */
static void answer(struct daemon *daemon, const struct report *report) {
    struct stream *stream = stream_of(daemon, report);
    if (!report->publish || report->device[0] == '\0' || stream == NULL ||
        daemon->stop_asked) {
        return;
    }
    const struct stream_refusal refusal = {
        .device = slice_from_str(report->device),
        .id = slice_from_str(report->event_id),
        .why = refusal_text(report->refusal),
        .encoding = report->cbor ? EVENT_ENCODING_CBOR : EVENT_ENCODING_JSON,
    };
    err_t err = stream_refuse(stream, &refusal);
    if (err != ERR_OK) {
        log_line(LOG_DEBUG, "identity", "no_receipt device=%s class=%s",
                 report->device, err_name(err));
    }
}

/* A topic below shopme/ that no stream takes: probably mistyped. */
static bool is_foreign(const struct report *report) {
    return report->publish && (report->refusal == REFUSAL_OTHER_STORE ||
                               report->refusal == REFUSAL_NO_STREAM);
}

void daemon_refused(struct daemon *daemon, const struct report *report) {
    if (is_foreign(report)) {
        watch_refused(daemon->unheard, report->text, report->count);
    }
    answer(daemon, report);
}
