/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's facts, as the verdict wants them, and what the log is told. */
#include <assert.h>
#include <inttypes.h>

#include "gateway/commands/daemon_state.h"

enum { US_A_SECOND = 1000000, LINE_MAX_BYTES = 1024 };

/* A start takes a moment: until all is well, or for so long, its verdict is not
 * worth a line. */
#define STARTING_US ((int64_t)10 * US_A_SECOND)

static enum verdict_link link_of(const struct bridge_stream_status *bridge) {
    switch (bridge->link) {
    case BRIDGE_LINK_OFFLINE:
        return VERDICT_LINK_OFFLINE;
    case BRIDGE_LINK_REFUSED:
        return bridge->expired ? VERDICT_LINK_EXPIRED : VERDICT_LINK_REFUSED;
    case BRIDGE_LINK_THROTTLED:
        return VERDICT_LINK_THROTTLED;
    case BRIDGE_LINK_IDLE:
    case BRIDGE_LINK_ONLINE:
    case BRIDGE_LINK_PAUSED:
    case BRIDGE_LINK_WAITING:
        return VERDICT_LINK_FINE;
    }
    return VERDICT_LINK_FINE;
}

/* Damage is a reason until the record that announces it is trimmed, too: by
 * then whoever follows the store's events knows of it for long. */
static uint64_t damaged(const struct console_stream *stream) {
    uint64_t events = 0;
    for (size_t i = 0; i < stream->gap_count; i++) {
        const struct journal_gap *gap = &stream->gaps[i];
        events += gap->told_at >= stream->start ? gap->end - gap->first : 0;
    }
    return events;
}

/* Not of an event that was recorded before the clock was set. */
static int64_t oldest_age_s(const struct console_status *status,
                            const struct console_stream *stream) {
    int64_t oldest_us = stream->oldest_us;
    if (oldest_us < VERDICT_CLOCK_MIN_US || status->now_us < oldest_us) {
        return VERDICT_UNKNOWN;
    }
    return (status->now_us - oldest_us) / US_A_SECOND;
}

static enum verdict_refusals refusals_of(
    const struct dead_stream_status *dead) {
    switch (dead->held) {
    case DEAD_HOLD_NONE:
        return VERDICT_REFUSALS_FINE;
    case DEAD_HOLD_DENIED:
        return VERDICT_REFUSALS_DENIED;
    case DEAD_HOLD_IN_ROW:
    case DEAD_HOLD_FLOOD:
        return VERDICT_REFUSALS_MANY;
    }
    return VERDICT_REFUSALS_FINE;
}

static struct verdict_dead_facts facts_of_dead(
    const struct console_status *status) {
    const struct dead_status *dead = &status->dead;
    int64_t age_us = status->now_us - dead->oldest_us;
    return (struct verdict_dead_facts){
        .letters = dead->letters - dead->retried,
        .ageing = dead->ageing,
        .oldest_age_s =
            dead->oldest_us > 0 && age_us > 0 ? age_us / US_A_SECOND : 0,
        .lost = dead->lost,
        .full = dead->full,
    };
}

static struct verdict_stream_facts facts_of_stream(
    const struct console_status *status, const struct console_stream *stream) {
    struct verdict_stream_facts facts = {
        .name = stream->name,
        .hangs_us = stream->disk_job_us,
        .hanging = stream->disk_job,
        .full = stream->full,
        .damaged = damaged(stream),
        .too_old = stream->too_old,
        .oldest_age_s = VERDICT_UNKNOWN,
        .full_in_s = stream->forecast.full_in_s,
    };
    if (stream->has_sink) {
        facts.link = link_of(&stream->bridge);
        facts.link_error = stream->bridge.last_error;
        facts.backlog = stream->end > stream->bridge.cursor
                            ? stream->end - stream->bridge.cursor
                            : 0;
        facts.held = stream->holds_refused ? stream->bridge.refused : 0;
        facts.refusals = refusals_of(&stream->dead);
        facts.refusal = stream->dead.words;
        facts.waiting = stream->dead.waiting;
        facts.oldest_age_s = oldest_age_s(status, stream);
    }
    return facts;
}

/* What a connected device has shown: a company's CA tells nothing of what it
 * issues, and a renewed one may not be in use yet. */
static void add_connected(const struct daemon *daemon, int64_t now_us,
                          struct verdict_tls_facts *facts) {
    int64_t before_us = now_us + VERDICT_ENDING_S * US_A_SECOND;
    int64_t ends_us;
    uint32_t count;
    const struct presence_device *device = presence_expiring(
        &daemon->identity.presence.table, before_us, &ends_us, &count);
    if (device != NULL &&
        (facts->device_ends_us == 0 || ends_us < facts->device_ends_us)) {
        facts->device = device->name;
        facts->device_ends_us = ends_us;
    }
}

/* Of files that cannot be used nothing is known, and those of before go on. */
static struct verdict_tls_facts facts_of_tls(const struct daemon *daemon,
                                             int64_t now_us) {
    const struct identity_tls *tls = &daemon->identity.tls;
    const struct tls_facts *known = &tls->facts;
    struct verdict_tls_facts facts = {
        .server_ends_us = known->server_ends_us,
        .ca = known->ca_name,
        .ca_ends_us = known->ca_ends_us,
        .device = known->device,
        .device_ends_us = known->device_ends_us,
        .crl_ends_us = known->crl_ends_us,
        .crl_refuses =
            daemon->config->broker.tls.crl_expired == CONFIG_CRL_REFUSE,
        .crl_unusable = tls->crl_unusable.text,
        .not_taken = tls->in_set ? tls->unusable.text : "",
    };
    add_connected(daemon, now_us, &facts);
    return facts;
}

static struct verdict_facts facts_of(const struct daemon *daemon,
                                     const struct console_status *status) {
    struct verdict_facts facts = {
        .stream_count = status->stream_count,
        .broker_down = !status->broker_up,
        .broker_external =
            daemon->config->broker.mode == CONFIG_BROKER_EXTERNAL,
        .broker_closed =
            daemon->broker != NULL && !broker_status(daemon->broker).open,
        .broker_reason = status->broker_reason,
        .broker_dropped = status->broker_dropped_seen,
        .broker_takeovers = status->broker_takeovers,
        .broker_rival = status->broker_rival,
        .broker_contended = status->broker_contended,
        .broker_file = status->broker_set_aside,
        .broker_files = status->broker_set_aside_count,
        .foreign = status->foreign_messages,
        .foreign_topic = status->foreign_topic,
        .clock_offset_ms = status->clock_offset_ms,
        .dead = facts_of_dead(status),
        .tls_away = daemon->broker != NULL
                        ? broker_status(daemon->broker).tls_reason
                        : NULL,
        .listener_away = daemon->broker != NULL
                             ? broker_status(daemon->broker).away_reason
                             : NULL,
        .tls = status->tls,
        .accounts_damaged = daemon_identity_damaged(daemon),
        .page_away = console_page_away(daemon->console),
        .socket_away = console_socket_away(daemon->console),
        .log_dropped = log_dropped(),
    };
    for (uint32_t i = 0; i < status->stream_count; i++) {
        facts.streams[i] = facts_of_stream(status, &status->streams[i]);
    }
    return facts;
}

static bool is_starting(const struct daemon *daemon, int64_t now_us) {
    return daemon->verdict_told == 0 && daemon->verdict.level != VERDICT_OK &&
           now_us - daemon->started_us < STARTING_US;
}

/* One line a change, at most one a second: with how many changes it stands
 * for. A stop takes the sessions down on purpose, which is no alarm. */
static void tell(struct daemon *daemon, int64_t now_us) {
    static const enum log_level levels[] = {
        [VERDICT_OK] = LOG_INFO,
        [VERDICT_DEGRADED] = LOG_WARN,
        [VERDICT_FAILING] = LOG_ERROR,
    };
    const struct verdict *verdict = &daemon->verdict;
    uint64_t changes = verdict->changes - daemon->verdict_told;
    bool first = daemon->verdict_told == 0;
    uint64_t skipped;
    if (changes == 0 || daemon->stop_asked || is_starting(daemon, now_us) ||
        !log_allowed(&daemon->verdict_log, &skipped)) {
        return;
    }
    daemon->verdict_told = verdict->changes;
    if (first && verdict->level == VERDICT_OK) {
        return; /* as it should be */
    }
    char line[LINE_MAX_BYTES];
    struct writer writer = writer_over(line, sizeof line - 1);
    verdict_line(verdict, &writer);
    line[writer.len] = '\0';
    log_line(levels[verdict->level], "verdict", "changes=%" PRIu64 " %s",
             changes, line);
    daemon_watch_status(daemon, line);
}

void daemon_verdict_make(struct daemon *daemon, struct console_status *status) {
    status->tls = facts_of_tls(daemon, status->now_us);
    status->tls.cloud_ca = status->authorities;
    struct verdict_facts facts = facts_of(daemon, status);
    facts.silent = daemon_presence_silent(daemon, &status->devices);
    verdict_judge(&daemon->verdict, &facts, status->mono_us, status->now_us);
    status->verdict = &daemon->verdict;
    tell(daemon, status->mono_us);
}
