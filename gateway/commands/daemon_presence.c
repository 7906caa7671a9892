/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/span.h"
#include "gateway/commands/daemon_state.h"

enum { US_A_MS = 1000, US_A_SECOND = 1000000 };

static struct presence_moment moment(const struct daemon *daemon) {
    const struct clock *clock = &daemon->platform.clock;
    return (struct presence_moment){
        .wall_us = clock->wall_us(clock->self),
        .mono_us = clock->mono_us(clock->self),
        .silent_after_us =
            (int64_t)daemon->reload.live.broker.silent_after_ms * US_A_MS,
    };
}

void daemon_presence_accounts(struct daemon *daemon,
                              const struct accounts *accounts) {
    if (presence_sync(&daemon->identity.presence.table, accounts,
                      moment(daemon).mono_us) != ERR_OK) {
        log_line(LOG_ERROR, "presence",
                 "not_updated reason=\"no memory: new devices are not shown\"");
    }
}

void daemon_presence_reported(struct daemon *daemon,
                              const struct report *report) {
    presence_report(&daemon->identity.presence.table, report,
                    moment(daemon).wall_us);
}

void daemon_presence_heard(void *self, struct slice device, bool rejected) {
    struct daemon *daemon = self;
    if (daemon->identity.guard != NULL) {
        const struct presence_moment now = moment(daemon);
        presence_heard(&daemon->identity.presence.table, device, rejected,
                       &now);
    }
}

void daemon_presence_fill(void *self, struct console_devices *ret) {
    const struct daemon *daemon = self;
    if (daemon->identity.guard == NULL) {
        return;
    }
    const struct guard_counts counts = guard_counts(daemon->identity.guard);
    ret->presence = &daemon->identity.presence.table;
    ret->now = moment(daemon);
    ret->known = daemon->identity.presence.table.known &&
                 publisher_is_up(daemon->publisher);
    memcpy(ret->refused, counts.refused, sizeof ret->refused);
}

const char *daemon_presence_silent(struct daemon *daemon,
                                   const struct console_devices *devices) {
    struct daemon_presence *presence = &daemon->identity.presence;
    if (devices->presence == NULL) {
        return NULL;
    }
    const struct presence_counts counts =
        presence_counts(devices->presence, &devices->now);
    if (counts.silent == 0) {
        return NULL;
    }
    char span[SPAN_SIZE];
    struct writer writer =
        writer_over(presence->silent, sizeof presence->silent - 1);
    writer_printf(&writer,
                  "nothing came for %s or longer from %u of %u "
                  "devices: ",
                  span_text(devices->now.silent_after_us / US_A_SECOND, span),
                  counts.silent, counts.registered);
    presence_name_silent(devices->presence, &devices->now, &writer);
    presence->silent[writer.len] = '\0';
    return presence->silent;
}
