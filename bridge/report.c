/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void report_init(struct report *report, const char *stream,
                 const struct clock *clock) {
    *report = (struct report){.clock = clock};
    assert(strlen(stream) < sizeof report->status.name);
    strcpy(report->status.name, stream);
    report->status.since_us = clock->wall_us(clock->self);
}

/* The bytes after the text are zeroed: statuses are compared as bytes. A text
 * that is cut stays UTF-8, since it becomes JSON. */
void report_words(struct report *report, const char *text) {
    char *words = report->status.last_error;
    size_t most = sizeof report->status.last_error - 1;
    size_t len = strlen(text);
    len = len < most ? len : most;
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): below */
    memmove(words, text, len);
    memset(words + len, 0, most + 1 - len);
    str_mend_utf8(words);
}

void report_trouble(struct report *report, const char *text) {
    uint64_t skipped;
    if (log_allowed(&report->log, &skipped)) {
        log_line(LOG_WARN, "bridge", "stream=%s skipped=%" PRIu64 " error=%s",
                 report->status.name, skipped, text);
    }
}

static int64_t mono_us(const struct report *report) {
    return report->clock->mono_us(report->clock->self);
}

/* The link to show. A service that throttled just now is not trusted yet. */
static enum bridge_link link_to_show(struct report *report,
                                     enum bridge_link link) {
    if (report->paused) {
        return BRIDGE_LINK_PAUSED;
    }
    if (link == BRIDGE_LINK_THROTTLED) {
        report->throttled_us = mono_us(report);
    }
    report->eases = link == BRIDGE_LINK_ONLINE &&
                    report->status.link == BRIDGE_LINK_THROTTLED &&
                    mono_us(report) - report->throttled_us < REPORT_EASES_US;
    return report->eases ? BRIDGE_LINK_THROTTLED : link;
}

static bool is_bad(enum bridge_link link) {
    return link == BRIDGE_LINK_OFFLINE || link == BRIDGE_LINK_REFUSED ||
           link == BRIDGE_LINK_THROTTLED;
}

static bool alternates(enum bridge_link a, enum bridge_link b) {
    return (a == BRIDGE_LINK_ONLINE && b == BRIDGE_LINK_WAITING) ||
           (a == BRIDGE_LINK_WAITING && b == BRIDGE_LINK_ONLINE);
}

void report_link(struct report *report, enum bridge_link link) {
    struct bridge_stream_status *status = &report->status;
    enum bridge_link now = link_to_show(report, link);
    if (status->link == now) {
        return;
    }
    bool bad = is_bad(now);
    if (!alternates(status->link, now)) {
        log_line(bad ? LOG_WARN : LOG_INFO, "bridge",
                 "stream=%s link=%s was=%s backlog=%" PRIu64 "%s%s",
                 status->name, bridge_link_name(now),
                 bridge_link_name(status->link), status->end - status->cursor,
                 bad ? " error=" : "", bad ? status->last_error : "");
    }
    status->link = now;
    status->since_us = report->clock->wall_us(report->clock->self);
}

void report_turn(struct report *report, bool has_work, bool waits) {
    int64_t now_us = mono_us(report);
    const struct bridge_stream_status *status = &report->status;
    bool waited = report->waits;
    report->waits = has_work && waits && status->link != BRIDGE_LINK_REFUSED;
    report->waits_us = waited ? report->waits_us : now_us;
    if (!has_work && status->link == BRIDGE_LINK_WAITING) {
        report_link(report, BRIDGE_LINK_IDLE);
    }
    if (report_due_us(report) > now_us) {
        return;
    }
    if (report->waits || report->words_over) { /* what went wrong is over */
        report_words(report, "");
        report->words_over = false;
    }
    report_link(report,
                report->waits ? BRIDGE_LINK_WAITING : BRIDGE_LINK_ONLINE);
}

int64_t report_due_us(const struct report *report) {
    if (report->paused) {
        return INT64_MAX;
    }
    if (report->waits && report->status.link != BRIDGE_LINK_WAITING) {
        return report->waits_us + REPORT_WAITING_US;
    }
    return report->eases ? report->throttled_us + REPORT_EASES_US : INT64_MAX;
}

void report_say(struct report *report, enum bridge_link link,
                const char *text) {
    char before[sizeof report->status.last_error];
    memcpy(before, report->status.last_error, sizeof before);
    report_words(report, text);
    bool new_words = strcmp(before, report->status.last_error) != 0;
    bool new_link = report->status.link != link;
    report_link(report, link);
    report->words_over = report->eases && text[0] == '\0';
    if (report->words_over) { /* they belong to the link that is still shown */
        report_words(report, before);
    } else if (report->status.last_error[0] != '\0' && new_words && !new_link) {
        report_trouble(report, report->status.last_error);
    }
}

void report_lack(struct report *report, const char *why, bool expired) {
    report->status.expired = expired;
    report_say(report, BRIDGE_LINK_REFUSED, why);
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
