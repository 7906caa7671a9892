/* SPDX-License-Identifier: Apache-2.0 */
/* For each condition a function that says whether its fact holds now, and in
 * which words; one function that turns that into raised or not. */
#include "gateway/verdict/verdict.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "gateway/base/span.h"

enum { US_PER_S = 1000000, CLOCK_SET_US = US_PER_S / 2 };

/* What a judge may look at. */
struct look {
    const struct verdict_facts *facts;
    const struct verdict_stream_facts *stream; /* NULL for the box */
    int64_t wall_us;
    struct verdict_slot *slot;
};

static bool say(const struct look *look, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* Always true: the fact holds, in these words. */
static bool say(const struct look *look, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(look->slot->text, sizeof look->slot->text, format, arguments);
    va_end(arguments);
    str_mend_utf8(look->slot->text); /* it may have been cut */
    return true;
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* A counter that went up since the last look. One that went down was set back:
 * it counts from there. */
static bool rose(const struct look *look, uint64_t count) {
    bool up = count > look->slot->counted;
    look->slot->counted = count;
    return up;
}

/* --- One function a condition -------------------------------------------- */

static bool judge_disk_hangs(const struct look *look) {
    const struct verdict_stream_facts *stream = look->stream;
    return stream->hangs_us >= VERDICT_HANGS_US &&
           say(look, "%s has waited for the disk for %" PRId64 " s",
               stream->hanging != NULL ? stream->hanging : "a job",
               stream->hangs_us / US_PER_S);
}

static bool say_broker(const struct look *look, const char *otherwise) {
    const char *why = look->facts->broker_reason;
    bool known = why != NULL && why[0] != '\0';
    return say(look, "no events can arrive: %s", known ? why : otherwise);
}

static bool judge_broker_closed(const struct look *look) {
    return look->facts->broker_closed &&
           say_broker(look, "the broker is not open");
}

static bool judge_broker_down(const struct look *look) {
    const struct verdict_facts *facts = look->facts;
    return facts->broker_down && !facts->broker_external &&
           !facts->broker_closed &&
           say_broker(look, "there is no session with the broker");
}

static bool judge_broker_unreachable(const struct look *look) {
    return look->facts->broker_down && look->facts->broker_external &&
           say_broker(look, "there is no session with the site's broker");
}

static bool judge_stream_full(const struct look *look) {
    return look->stream->full != NULL &&
           say(look, "no new events are accepted: %s", look->stream->full);
}

static bool say_link(const struct look *look, const char *what) {
    const struct verdict_stream_facts *stream = look->stream;
    bool words = stream->link_error != NULL && stream->link_error[0] != '\0';
    return say(look, "%s, %" PRIu64 " event%s wait%s%s%s", what,
               stream->backlog, plural(stream->backlog),
               stream->backlog == 1 ? "s" : "", words ? ": " : "",
               words ? stream->link_error : "");
}

static bool judge_credentials_expired(const struct look *look) {
    return look->stream->link == VERDICT_LINK_EXPIRED &&
           say_link(look, "the AWS credentials are expired");
}

static bool judge_cloud_refused(const struct look *look) {
    return look->stream->link == VERDICT_LINK_REFUSED &&
           say_link(look, "the cloud refuses what this stream sends");
}

static bool judge_cloud_offline(const struct look *look) {
    return look->stream->link == VERDICT_LINK_OFFLINE &&
           say_link(look, "the cloud does not answer");
}

static bool judge_cloud_throttled(const struct look *look) {
    return look->stream->link == VERDICT_LINK_THROTTLED &&
           say_link(look, "the cloud takes less than the store sends");
}

static bool say_refusals(const struct look *look, const char *what) {
    const struct verdict_stream_facts *stream = look->stream;
    bool words = stream->refusal != NULL && stream->refusal[0] != '\0';
    return say(look, "%s: %" PRIu64 " event%s held%s%s", what, stream->waiting,
               stream->waiting == 1 ? " is" : "s are", words ? ": " : "",
               words ? stream->refusal : "");
}

static bool judge_sink_denies_all(const struct look *look) {
    return look->stream->refusals == VERDICT_REFUSALS_DENIED &&
           say_refusals(look, "the sink denies everything");
}

static bool judge_sink_refuses_many(const struct look *look) {
    return look->stream->refusals == VERDICT_REFUSALS_MANY &&
           say_refusals(look, "the sink refuses too many to be right");
}

static bool judge_dead_full(const struct look *look) {
    const char *why = look->facts->dead.full;
    return why != NULL && why[0] != '\0' &&
           say(look,
               "no dead letter can be written, so that what the cloud refuses "
               "holds its stream: %s",
               why);
}

static bool judge_dead_letters(const struct look *look) {
    const struct verdict_dead_facts *dead = &look->facts->dead;
    char age[SPAN_SIZE];
    char soon[64] = "";
    char lost[64] = "";
    if (dead->ageing > 0) {
        snprintf(soon, sizeof soon, "; %" PRIu64 " go soon, by dead.keep",
                 dead->ageing);
    }
    if (dead->lost > 0) {
        snprintf(lost, sizeof lost, "; the disk has lost %" PRIu64 " records",
                 dead->lost);
    }
    return (dead->letters > 0 || dead->lost > 0) &&
           say(look,
               "the cloud refused %" PRIu64 " event%s for good, the first %s "
               "ago%s%s",
               dead->letters, plural(dead->letters),
               span_text(dead->oldest_age_s, age), soon, lost);
}

static bool judge_events_held(const struct look *look) {
    const struct verdict_stream_facts *stream = look->stream;
    bool words = stream->link_error != NULL && stream->link_error[0] != '\0';
    return stream->held > 0 &&
           say(look, "%" PRIu64 " event%s held, since the cloud refuses %s%s%s",
               stream->held, stream->held == 1 ? " is" : "s are",
               stream->held == 1 ? "it" : "them", words ? ": " : "",
               words ? stream->link_error : "");
}

static bool judge_room_short(const struct look *look) {
    char text[SPAN_SIZE];
    int64_t left_s = look->stream->full_in_s;
    return left_s != VERDICT_UNKNOWN && left_s < VERDICT_DAY_S &&
           say(look, "at this rate it is full in %s", span_text(left_s, text));
}

static bool judge_backlog_old(const struct look *look) {
    char text[SPAN_SIZE];
    int64_t age_s = look->stream->oldest_age_s;
    return age_s != VERDICT_UNKNOWN && age_s > VERDICT_DAY_S &&
           say(look, "the oldest of %" PRIu64 " waiting event%s is %s old",
               look->stream->backlog, plural(look->stream->backlog),
               span_text(age_s, text));
}

static bool judge_journal_damaged(const struct look *look) {
    uint64_t damaged = look->stream->damaged;
    return damaged > 0 &&
           say(look, "the disk has lost %" PRIu64 " event%s of the journal",
               damaged, plural(damaged));
}

static bool judge_events_too_old(const struct look *look) {
    uint64_t events = look->stream->too_old;
    return rose(look, events) &&
           say(look,
               "%" PRIu64 " event%s refused as too old to tell from a repeat",
               events, events == 1 ? " was" : "s were");
}

static bool judge_broker_drops(const struct look *look) {
    uint64_t dropped = look->facts->broker_dropped;
    return rose(look, dropped) && say(look,
                                      "the broker has dropped %" PRIu64
                                      " message%s since the gateway started",
                                      dropped, plural(dropped));
}

static bool judge_broker_takeover(const struct look *look) {
    uint64_t takeovers = look->facts->broker_takeovers;
    uint64_t rival = look->facts->broker_rival;
    if (rival > 0) {
        return rose(look, takeovers + rival) &&
               say(look,
                   "another gateway serves the same store at the broker: "
                   "everything is done twice (%" PRIu64
                   " receipts and notices)",
                   rival);
    }
    return (rose(look, takeovers) || look->facts->broker_contended) &&
           say(look,
               "another gateway has taken our session at the broker %" PRIu64
               " time%s",
               takeovers, plural(takeovers));
}

static bool judge_broker_file_aside(const struct look *look) {
    return rose(look, look->facts->broker_files) &&
           say(look, "the broker could not use a file, which is now %s",
               look->facts->broker_file);
}

static bool judge_topic_unknown(const struct look *look) {
    uint64_t foreign = look->facts->foreign;
    return rose(look, foreign) &&
           say(look,
               "%" PRIu64 " message%s on a topic that no stream takes, such as "
               "%s: acknowledged by the broker, and kept by nobody",
               foreign, plural(foreign), look->facts->foreign_topic);
}

static bool judge_accounts_damaged(const struct look *look) {
    const char *why = look->facts->accounts_damaged;
    return why != NULL &&
           say(look, "no device can newly connect by the accounts: %s", why);
}

static bool judge_device_silent(const struct look *look) {
    return look->facts->silent != NULL && say(look, "%s", look->facts->silent);
}

static bool judge_page_away(const struct look *look) {
    const struct verdict_facts *facts = look->facts;
    if (facts->page_away != NULL) {
        return say(look, "the page is not served: %s", facts->page_away);
    }
    return facts->socket_away != NULL &&
           say(look, "the control socket is not served: %s",
               facts->socket_away);
}

static bool is_said(const char *text) {
    return text != NULL && text[0] != '\0';
}

static bool judge_listener_away(const struct look *look) {
    return is_said(look->facts->listener_away) &&
           say(look, "the other listeners are open: %s",
               look->facts->listener_away);
}

static bool judge_tls_unusable(const struct look *look) {
    const char *not_taken = look->facts->tls.not_taken;
    if (is_said(look->facts->tls_away)) {
        return say(look, "no device can connect by TLS: %s",
                   look->facts->tls_away);
    }
    return is_said(not_taken) &&
           say(look, "the files of before stay in use: %s", not_taken);
}

/* Adds the certificate of `name` if it ends soon, or has. A clock that was
 * never set says nothing of that. */
static void add_ending(const struct look *look, struct writer *out,
                       const char *of, const char *name, int64_t ends_us) {
    char text[SPAN_SIZE];
    int64_t left_s = (ends_us - look->wall_us) / US_PER_S;
    if (ends_us == 0 || left_s >= VERDICT_ENDING_S ||
        look->wall_us < VERDICT_CLOCK_MIN_US) {
        return;
    }
    bool ended = ends_us <= look->wall_us;
    span_text(ended ? -left_s : left_s, text);
    writer_printf(out, "%sthe certificate of %s%s %s%s%s",
                  out->len > 0 ? "; " : "", of, name,
                  ended ? "ended " : "ends in ", text, ended ? " ago" : "");
}

static bool judge_certificate_expires(const struct look *look) {
    const struct verdict_tls_facts *tls = &look->facts->tls;
    char text[VERDICT_TEXT_MAX];
    struct writer out = writer_over(text, sizeof text - 1);
    add_ending(look, &out, "the gateway", "", tls->server_ends_us);
    add_ending(look, &out, "the CA ", tls->ca, tls->ca_ends_us);
    add_ending(look, &out, "the device ", tls->device, tls->device_ends_us);
    assert(out.len < sizeof text);
    text[out.len] = '\0';
    return out.len > 0 && say(look, "%s", text);
}

static bool judge_crl_expired(const struct look *look) {
    const struct verdict_tls_facts *tls = &look->facts->tls;
    char text[SPAN_SIZE];
    if (tls->crl_ends_us == 0 || look->wall_us < tls->crl_ends_us) {
        return false;
    }
    span_text((look->wall_us - tls->crl_ends_us) / US_PER_S, text);
    return say(look, "the revocation list ended %s ago: %s", text,
               tls->crl_refuses
                   ? "nobody can connect by certificate (tls.crl_expired)"
                   : "what was revoked since then is not known");
}

static bool judge_crl_unusable(const struct look *look) {
    const char *why = look->facts->tls.crl_unusable;
    return is_said(why) &&
           say(look, "what is revoked from now on is not known: %s", why);
}

static bool judge_ca_file_unusable(const struct look *look) {
    const char *why = look->facts->tls.cloud_ca;
    return is_said(why) &&
           say(look, "the cloud's authorities of before stay in use: %s", why);
}

static bool judge_clock_unset(const struct look *look) {
    int64_t off_ms = look->facts->clock_offset_ms;
    int64_t limit_ms =
        look->slot->raised ? VERDICT_CLOCK_NEAR_MS : VERDICT_CLOCK_OFF_MS;
    if (look->wall_us < VERDICT_CLOCK_MIN_US) {
        return say(look, "the clock was never set: it says a time before 2025");
    }
    return (off_ms >= limit_ms || off_ms <= -limit_ms) &&
           say(look, "the clock is %" PRId64 " s %s the cloud's",
               (off_ms < 0 ? -off_ms : off_ms) / 1000,
               off_ms < 0 ? "ahead of" : "behind");
}

static bool judge_log_drops(const struct look *look) {
    uint64_t dropped = look->facts->log_dropped;
    return rose(look, dropped) &&
           say(look, "%" PRIu64 " log line%s dropped: nobody reads them",
               dropped, dropped == 1 ? " was" : "s were");
}

/* --- The table ------------------------------------------------------------ */

#define STREAM true
#define BOX false
#define FAILING VERDICT_FAILING
#define DEGRADED VERDICT_DEGRADED

static const struct verdict_about abouts[CONDITION_COUNT] = {
#define X(name, judge, code, level, scope, restart_helps, raise_s, hold_s, \
          action)                                                          \
    {code,                                                                 \
     level,                                                                \
     scope,                                                                \
     restart_helps,                                                        \
     (int64_t)(raise_s)*US_PER_S,                                          \
     (int64_t)(hold_s)*US_PER_S,                                           \
     action},
    CONDITION_LIST(X)
#undef X
};

static bool (*const judges[CONDITION_COUNT])(const struct look *look) = {
#define X(name, judge, ...) judge_##judge,
    CONDITION_LIST(X)
#undef X
};

const struct verdict_about *verdict_about(enum verdict_condition condition) {
    assert(condition < CONDITION_COUNT);
    return &abouts[condition];
}

const char *verdict_level_name(enum verdict_level level) {
    static const char *const names[] = {"ok", "degraded", "failing"};
    assert((size_t)level < sizeof names / sizeof *names);
    return names[level];
}

/* --- Judging -------------------------------------------------------------- */

/* True if the condition was raised or cleared. */
static bool settle(struct verdict_slot *slot, const struct verdict_about *about,
                   bool holds, int64_t now_us) {
    if (holds) {
        slot->first_us = slot->held_before ? slot->first_us : now_us;
        slot->last_us = now_us;
    }
    slot->held_before = holds;
    bool was = slot->raised;
    if (holds && now_us - slot->first_us >= about->raise_us) {
        slot->raised = true;
        slot->raised_us = was ? slot->raised_us : slot->first_us;
    } else if (!holds && now_us - slot->last_us >= about->hold_us) {
        slot->raised = false;
    }
    return slot->raised != was;
}

static bool judge_one(struct verdict *verdict, enum verdict_condition condition,
                      uint32_t i, const struct look *look, int64_t now_us) {
    struct look with_slot = *look;
    with_slot.slot = &verdict->slots[condition][i];
    bool holds = judges[condition](&with_slot);
    return settle(with_slot.slot, &abouts[condition], holds, now_us);
}

static bool judge_condition(struct verdict *verdict,
                            enum verdict_condition condition, struct look *look,
                            int64_t now_us) {
    bool changed = false;
    if (!abouts[condition].of_stream) {
        look->stream = NULL;
        return judge_one(verdict, condition, 0, look, now_us);
    }
    for (uint32_t i = 0; i < look->facts->stream_count; i++) {
        look->stream = &look->facts->streams[i];
        changed |= judge_one(verdict, condition, i, look, now_us);
    }
    return changed;
}

static enum verdict_level worst(const struct verdict *verdict) {
    enum verdict_level level = VERDICT_OK;
    struct verdict_reason reason;
    for (uint32_t at = 0; verdict_next(verdict, &at, &reason);) {
        level = reason.about->level > level ? reason.about->level : level;
    }
    return level;
}

static void keep_name(struct verdict *verdict, uint32_t i, const char *name) {
    err_t err = slice_to_str(slice_from_str(name), verdict->names[i],
                             sizeof verdict->names[i]);
    assert(err == ERR_OK);
}

/* Some time passes between the readings of two clocks, now more and now less;
 * only what is more than that is a clock that was set. */
static void keep_wall(struct verdict *verdict, int64_t zero_us) {
    int64_t moved_us = zero_us - verdict->wall_zero_us;
    if (verdict->since_us == 0 || moved_us > CLOCK_SET_US ||
        moved_us < -CLOCK_SET_US) {
        verdict->wall_zero_us = zero_us;
    }
}

void verdict_judge(struct verdict *verdict, const struct verdict_facts *facts,
                   int64_t now_us, int64_t wall_us) {
    assert(facts->stream_count <= CONFIG_STREAMS_MAX);
    for (uint32_t i = 0; i < facts->stream_count; i++) {
        keep_name(verdict, i, facts->streams[i].name);
    }
    keep_wall(verdict, wall_us - now_us);
    struct look look = {.facts = facts, .wall_us = wall_us};
    bool changed = verdict->since_us == 0;
    for (int i = 0; i < CONDITION_COUNT; i++) {
        changed |=
            judge_condition(verdict, (enum verdict_condition)i, &look, now_us);
    }
    enum verdict_level level = worst(verdict);
    if (level != verdict->level || verdict->since_us == 0) {
        verdict->level = level;
        verdict->since_us = now_us;
    }
    verdict->changes += changed ? 1 : 0;
}

/* --- Looking at it -------------------------------------------------------- */

int64_t verdict_wall_us(const struct verdict *verdict, int64_t mono_us) {
    int64_t wall_us = verdict->wall_zero_us + mono_us;
    return wall_us - wall_us % US_PER_S;
}

bool verdict_next(const struct verdict *verdict, uint32_t *at,
                  struct verdict_reason *ret) {
    for (; *at < CONDITION_COUNT * CONFIG_STREAMS_MAX; (*at)++) {
        uint32_t condition = *at / CONFIG_STREAMS_MAX;
        uint32_t i = *at % CONFIG_STREAMS_MAX;
        const struct verdict_slot *slot = &verdict->slots[condition][i];
        if (slot->raised) {
            const struct verdict_about *about = &abouts[condition];
            *ret = (struct verdict_reason){
                .about = about,
                .stream = about->of_stream ? verdict->names[i] : "",
                .text = slot->text,
                .since_us = slot->raised_us,
            };
            (*at)++;
            return true;
        }
    }
    return false;
}

bool verdict_wants_restart(const struct verdict *verdict) {
    struct verdict_reason reason;
    for (uint32_t at = 0; verdict_next(verdict, &at, &reason);) {
        if (reason.about->level == VERDICT_FAILING &&
            reason.about->restart_helps) {
            return true;
        }
    }
    return false;
}

void verdict_line(const struct verdict *verdict, struct writer *writer) {
    struct verdict_reason reason;
    writer_str(writer, verdict_level_name(verdict->level));
    const char *before = ": ";
    for (uint32_t at = 0; verdict_next(verdict, &at, &reason);) {
        writer_str(writer, before);
        writer_str(writer, reason.about->code);
        if (reason.stream[0] != '\0') {
            writer_printf(writer, "(%s)", reason.stream);
        }
        before = " ";
    }
}
