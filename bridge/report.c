/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static const char *link_name(enum bridge_link link) {
    static const char *const names[] = {"idle", "online", "offline", "refused",
                                        "paused"};
    assert((size_t)link < sizeof names / sizeof names[0]);
    return names[link];
}

void report_init(struct report *report, const char *stream,
                 const struct clock *clock) {
    *report = (struct report){.clock = clock};
    assert(strlen(stream) < sizeof report->status.name);
    strcpy(report->status.name, stream);
    report->status.since_us = clock->wall_us(clock->self);
}

/* The bytes after the text are zeroed: statuses are compared as bytes. */
void report_words(struct report *report, const char *text) {
    char *words = report->status.last_error;
    size_t most = sizeof report->status.last_error - 1;
    size_t len = strlen(text);
    len = len < most ? len : most;
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): below */
    memmove(words, text, len);
    memset(words + len, 0, most + 1 - len);
}

void report_trouble(struct report *report, const char *text) {
    uint64_t skipped;
    if (log_allowed(&report->log, &skipped)) {
        log_line(LOG_WARN, "bridge", "stream=%s skipped=%" PRIu64 " error=%s",
                 report->status.name, skipped, text);
    }
}

void report_link(struct report *report, enum bridge_link link) {
    struct bridge_stream_status *status = &report->status;
    enum bridge_link now = report->paused ? BRIDGE_LINK_PAUSED : link;
    if (status->link == now) {
        return;
    }
    bool bad = now == BRIDGE_LINK_OFFLINE || now == BRIDGE_LINK_REFUSED;
    log_line(bad ? LOG_WARN : LOG_INFO, "bridge",
             "stream=%s link=%s was=%s backlog=%" PRIu64 "%s%s", status->name,
             link_name(now), link_name(status->link),
             status->end - status->cursor, bad ? " error=" : "",
             bad ? status->last_error : "");
    status->link = now;
    status->since_us = report->clock->wall_us(report->clock->self);
}

void report_say(struct report *report, enum bridge_link link,
                const char *text) {
    char before[sizeof report->status.last_error];
    memcpy(before, report->status.last_error, sizeof before);
    report_words(report, text);
    bool new_words = strcmp(before, report->status.last_error) != 0;
    bool new_link = report->status.link != link;
    report_link(report, link);
    if (report->status.last_error[0] != '\0' && new_words && !new_link) {
        report_trouble(report, report->status.last_error);
    }
}

void report_pause(struct report *report, bool paused) {
    report->paused = paused;
    report_link(report, BRIDGE_LINK_IDLE);
}

void report_lost(struct report *report, uint64_t first, uint64_t end,
                 const char *why) {
    assert(first < end);
    report->status.lost += end - first;
    log_line(LOG_ERROR, "bridge",
             "stream=%s events_not_sent=%" PRIu64 " first=%" PRIu64
             " last=%" PRIu64 ": %s",
             report->status.name, end - first, first, end - 1, why);
}

void report_gap(struct report *report, const struct journal_gap *gap) {
    struct bridge_stream_status *status = &report->status;
    status->gaps[status->gap_count++ % BRIDGE_GAPS_MAX] = *gap;
}

/* A difference in the padding alone is told once too often: harmless. */
static bool is_same(const struct bridge_stream_status *a,
                    const struct bridge_stream_status *b) {
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    return memcmp(a, b, sizeof *a) == 0;
}

bool report_copy(struct report *report, struct bridge_stream_status *ret) {
    bool changed = !is_same(&report->told, &report->status);
    report->told = report->status;
    *ret = report->status;
    return changed;
}
