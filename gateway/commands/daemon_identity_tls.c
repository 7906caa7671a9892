/* SPDX-License-Identifier: Apache-2.0 */
/* When the broker's listeners with TLS may be used: with their files in the
 * set, and a clock by which certificates can be judged. */
#include <sys/timex.h>

#include "gateway/commands/daemon_state.h"
#include "gateway/event/event.h"
#include "gateway/journal/reader.h"

/* A clock that is set back by less was right enough. */
#define BEHIND_MAX_US ((int64_t)60 * 1000 * 1000)

static int64_t newest_of(const struct daemon *daemon,
                         const struct stream *stream) {
    const struct journal_position *position = stream_position(stream);
    uint64_t end = atomic_load(&position->end);
    struct journal_reader *reader;
    struct journal_record record;
    if (end == atomic_load(&position->start) ||
        journal_reader_open(&daemon->platform.disk, stream_dir(stream), end - 1,
                            &reader, NULL) != ERR_OK) {
        return 0;
    }
    bool found = journal_reader_next(reader, end, &record) == ERR_OK;
    journal_reader_close(reader);
    return found ? record.wall_us : 0;
}

void daemon_identity_look_at_clock(struct daemon *daemon) {
    int64_t *newest_us = &daemon->identity.newest_us;
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        int64_t us = newest_of(daemon, daemon->streams[i].stream);
        *newest_us = us > *newest_us ? us : *newest_us;
    }
}

/* By NTP. Then the records were made while it was wrong. */
static bool is_synchronized(void) {
    struct timex timex = {.modes = 0};
    return adjtimex(&timex) >= 0 && (timex.status & STA_UNSYNC) == 0;
}

/* False if certificates cannot be judged by the clock; then `why` says so. */
static bool check_clock(const struct daemon *daemon, struct reason *why) {
    const struct clock *clock = &daemon->platform.clock;
    int64_t now_us = clock->wall_us(clock->self);
    int64_t newest_us = daemon->identity.newest_us;
    char now[EVENT_TIME_SIZE];
    char newest[EVENT_TIME_SIZE];
    event_time_format(now_us, now);
    if (now_us < VERDICT_CLOCK_MIN_US) {
        (void)reason_set(why, ERR_AGAIN,
                         "the clock says %s: no certificate can be checked by "
                         "it; set the clock",
                         now);
        return false;
    }
    if (now_us + BEHIND_MAX_US < newest_us && !is_synchronized()) {
        event_time_format(newest_us, newest);
        (void)reason_set(why, ERR_AGAIN,
                         "the clock says %s, and an event was recorded at %s: "
                         "no certificate can be checked by it; set the clock",
                         now, newest);
        return false;
    }
    return true;
}

/* Once the clock is right it stays so: the broker keeps what it has. True if
 * the answer is another than the last. */
static bool judge(struct daemon *daemon) {
    struct daemon_identity *identity = &daemon->identity;
    const struct identity_tls *tls = &identity->tls;
    struct reason why = {""};
    bool could = identity->tls_told && identity->tls_said.text[0] == '\0';
    if (!tls->in_set) {
        why = tls->unusable;
    } else if (!could) {
        (void)check_clock(daemon, &why);
    }
    bool can = why.text[0] == '\0';
    /* (A clock that is waited for says another time each second.) */
    bool same =
        identity->tls_told && can == could &&
        (can || tls->in_set || strcmp(why.text, identity->tls_said.text) == 0);
    identity->tls_said = same ? identity->tls_said : why;
    identity->tls_told = true;
    return !same;
}

const char *daemon_identity_why_no_tls(struct daemon *daemon) {
    if (config_broker_has_tls(&daemon->config->broker)) {
        (void)judge(daemon);
    }
    return daemon->identity.tls_said.text;
}

void daemon_identity_use_tls(struct daemon *daemon) {
    if (daemon->broker != NULL &&
        config_broker_has_tls(&daemon->config->broker) && judge(daemon)) {
        broker_use_tls(daemon->broker, daemon->identity.tls_said.text);
    }
}
