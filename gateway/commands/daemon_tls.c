/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>
#include <stdlib.h>

#include "gateway/commands/daemon_state.h"
#include "gateway/identity/identity_set.h"
#include "gateway/journal/reader.h"

enum {
    LOOK_TICKS = 5,
    BEHIND_S = 3600, /* a clock without a battery is further behind */
};

#define US_PER_S INT64_C(1000000)

/* --- The job -------------------------------------------------------------- */

static void check_file(const char *data, const char *name,
                       struct reason *files) {
    uint8_t *bytes = NULL;
    size_t len = 0;
    struct reason why = {""};
    if (files->text[0] != '\0') {
        return;
    }
    err_t err = identity_set_read(data, name, &bytes, &len, &why);
    if (err == ERR_NOT_FOUND) {
        (void)reason_set(files, err,
                         "%s is not in the set of identity files: see "
                         "broker.tls, or make one with shopme-edge pki",
                         name);
    } else if (err != ERR_OK) {
        *files = why;
    }
    if (err == ERR_OK) {
        explicit_bzero(bytes, len);
        free(bytes);
    }
}

/* When the newest record was journaled; 0 if there is none. */
static int64_t newest_of(const struct daemon *daemon, struct stream *stream) {
    const struct disk *disk = &daemon->platform.disk;
    uint64_t end = atomic_load(&stream_position(stream)->end);
    struct journal_reader *reader;
    struct journal_record record;
    int64_t newest_us = 0;
    if (end == 0 || journal_reader_open(disk, stream_dir(stream), end - 1,
                                        &reader, NULL) != ERR_OK) {
        return 0;
    }
    if (journal_reader_next(reader, end, &record) == ERR_OK) {
        newest_us = record.wall_us;
    }
    journal_reader_close(reader);
    return newest_us;
}

static void look(void *self) {
    struct daemon *daemon = self;
    struct daemon_tls *tls = &daemon->tls;
    const struct config *config = daemon->config;
    tls->files = (struct reason){""};
    check_file(config->data, "server.pem", &tls->files);
    check_file(config->data, "server.key", &tls->files);
    if (config_broker_has_certificates(&config->broker)) {
        check_file(config->data, "ca.pem", &tls->files);
    }
    for (uint32_t i = 0; !tls->looked && i < daemon->stream_count; i++) {
        int64_t us = newest_of(daemon, daemon->streams[i].stream);
        tls->newest_us = us > tls->newest_us ? us : tls->newest_us;
    }
}

/* --- The clock ------------------------------------------------------------ */

/* The cloud answered lately, and its clock says the same. */
static bool cloud_agrees(const struct daemon *daemon) {
    struct bridge_status bridge = {0};
    if (daemon->bridge != NULL) {
        bridge_status(daemon->bridge, &bridge);
    }
    int64_t off_ms = bridge.clock_offset_ms;
    return off_ms != 0 && off_ms < VERDICT_CLOCK_OFF_MS &&
           off_ms > -VERDICT_CLOCK_OFF_MS;
}

/* An event that was journaled under a clock in the future does not keep the
 * devices away once the cloud says what time it is. */
static bool clock_is_right(const struct daemon *daemon, struct reason *why) {
    const struct clock *clock = &daemon->platform.clock;
    int64_t now_us = clock->wall_us(clock->self);
    int64_t behind_s = (daemon->tls.newest_us - now_us) / US_PER_S;
    if (now_us < VERDICT_CLOCK_MIN_US) {
        (void)reason_set(why, ERR_AGAIN, "the clock was never set");
        return false;
    }
    if (behind_s >= BEHIND_S && !cloud_agrees(daemon)) {
        (void)reason_set(why, ERR_AGAIN,
                         "the clock is %" PRId64 " s behind the newest event "
                         "of the journal: set it",
                         behind_s);
        return false;
    }
    return true;
}

/* --- On the loop ---------------------------------------------------------- */

static void judge(struct daemon *daemon, struct reason *why) {
    struct daemon_tls *tls = &daemon->tls;
    const struct reason *unusable = &daemon->identity.tls.unusable;
    bool known = tls->files.text[0] != '\0' && unusable->text[0] != '\0';
    *why = known ? *unusable : tls->files; /* why they did not get there */
    tls->usable = why->text[0] == '\0' && clock_is_right(daemon, why);
    if (tls->usable) {
        *why = (struct reason){""};
    }
}

static void tell(struct daemon *daemon) {
    struct reason why;
    judge(daemon, &why);
    broker_use_tls(daemon->broker, why.text);
}

const char *daemon_tls_first(struct daemon *daemon) {
    struct daemon_tls *tls = &daemon->tls;
    if (config_broker_has_tls(&daemon->config->broker)) {
        look(daemon);
        tls->looked = true;
        judge(daemon, &tls->first);
    }
    return tls->first.text;
}

static void done(void *self) {
    struct daemon *daemon = self;
    struct daemon_tls *tls = &daemon->tls;
    tls->runs = false;
    tls->looked = true;
    tls->ticks = 0;
    if (!daemon->stop_asked) {
        tell(daemon);
    }
}

static void submit(struct daemon *daemon) {
    struct daemon_tls *tls = &daemon->tls;
    struct executor executor = job_pool_executor(daemon->pool);
    tls->runs = true;
    tls->job = (struct job){.self = daemon, .work = look, .done = done};
    executor.submit(executor.self, &tls->job);
}

void daemon_tls_tick(struct daemon *daemon) {
    struct daemon_tls *tls = &daemon->tls;
    if (daemon->broker == NULL || daemon->stop_asked || tls->usable ||
        tls->runs || !config_broker_has_tls(&daemon->config->broker)) {
        return;
    }
    if (!tls->looked || ++tls->ticks >= LOOK_TICKS) {
        submit(daemon);
    }
}

void daemon_tls_changed(struct daemon *daemon, bool withdrawn) {
    if (daemon->broker == NULL) {
        return;
    }
    daemon->tls.usable = false; /* until it was looked at again */
    broker_reload(daemon->broker, withdrawn);
    daemon->tls.ticks = LOOK_TICKS;
    daemon_tls_tick(daemon);
}

bool daemon_tls_is_busy(const struct daemon *daemon) {
    return daemon->tls.runs;
}
