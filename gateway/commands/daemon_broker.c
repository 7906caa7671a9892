/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's broker and the sessions with it: who is told when it comes up
 * or goes, what it must have, and when it may open its port. */
#include <assert.h>
#include <stdio.h>

#include "gateway/commands/daemon_state.h"
#include "gateway/mqtt/box.h"
#include "gateway/mqtt/topic.h"

enum { CLIENT_ID_MAX = BROKER_CLIENT_ID_MAX };

static void target_all(struct daemon *daemon, const char *host, uint16_t port) {
    publisher_target(daemon->publisher, host, port);
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        session_target(daemon->streams[i].session, host, port);
    }
}

static void on_broker_up(void *self, const char *socket_path) {
    struct daemon *daemon = self;
    if (!daemon->stop_asked) {
        target_all(daemon, socket_path, 0);
    }
}

static bool on_broker_said(void *self, const char *line) {
    struct daemon *daemon = self;
    return guard_line(daemon->identity.guard, line);
}

static void on_broker_down(void *self) {
    struct daemon *daemon = self;
    publisher_untarget(daemon->publisher);
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        session_untarget(daemon->streams[i].session);
    }
}

/* A broker that opened its port was found to have them. */
static void check_sessions(const struct daemon *daemon) {
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        if (broker_status(daemon->broker).open &&
            !session_was_kept(daemon->streams[i].session)) {
            log_line(
                LOG_ERROR, "session",
                "lost topic=%s reason=\"the broker did not have the "
                "session that it had saved: what it acknowledged since its "
                "start is lost unless devices send it again\"",
                daemon->sessions[i].topic);
        }
    }
}

/* A broker that started without them may be saved now, and opened. */
static void on_subscribed(void *self) {
    struct daemon *daemon = self;
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        if (!session_is_up(daemon->streams[i].session)) {
            return;
        }
    }
    if (daemon->broker != NULL) {
        check_sessions(daemon);
        broker_sessions_ready(daemon->broker);
    }
}

static void on_unreadable(void *self) {
    const struct daemon *daemon = self;
    if (daemon->broker != NULL) {
        broker_is_unreadable(daemon->broker);
    }
}

/* The publisher's client id is random: nobody takes its place. */
static bool publisher_lasts(void *self, uint64_t since_ms) {
    const struct daemon *daemon = self;
    return publisher_is_up_since(daemon->publisher, since_ms);
}

/* The journal's id and the box's own make a client id that no other gateway has
 * and that is the same at every start, so that the broker keeps the session. */
static void client_id(struct daemon *daemon, uint32_t stream,
                      const char *suffix, char ret[CLIENT_ID_MAX]) {
    const uint8_t *id = stream_journal_id(daemon->streams[stream].stream);
    int len = snprintf(ret, CLIENT_ID_MAX, "shopme-edge-");
    for (int i = 0; i < JOURNAL_ID_SIZE; i++) {
        len +=
            snprintf(ret + len, (size_t)(CLIENT_ID_MAX - len), "%02x", id[i]);
    }
    snprintf(ret + len, (size_t)(CLIENT_ID_MAX - len), "%s", suffix);
}

static bool all_are_new(const struct daemon *daemon) {
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        if (atomic_load(&stream_position(daemon->streams[i].stream)->end) > 0) {
            return false;
        }
    }
    return true;
}

/* Names the sessions: what the broker is to have of each. */
static err_t name_sessions(struct daemon *daemon, struct reason *reason) {
    char suffix[BOX_SUFFIX_SIZE];
    TRY(box_suffix(&daemon->platform.disk, daemon->config->data, BOX_MACHINE_ID,
                   all_are_new(daemon), suffix, reason));
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        struct broker_session *session = &daemon->sessions[i];
        client_id(daemon, i, suffix, session->client_id);
        topic_of_stream(daemon->config->store,
                        stream_config(daemon->streams[i].stream)->name,
                        session->topic, sizeof session->topic);
        broker_rules_add_id(&daemon->rules, session->client_id);
    }
    return ERR_OK;
}

err_t daemon_broker_sessions(struct daemon *daemon, struct reason *reason) {
    assert(daemon->stream_count <= CONFIG_STREAMS_MAX);
    TRY(name_sessions(daemon, reason));
    for (uint32_t i = 0; i < daemon->stream_count; i++) {
        const struct session_options options = {
            .loop = &daemon->loop,
            .stream = daemon->streams[i].stream,
            .store = daemon->config->store,
            .client_id = daemon->sessions[i].client_id,
            .login = &daemon->login.mqtt,
            .self = daemon,
            .failed = daemon_stream_failed,
            .subscribed = on_subscribed,
            .witness = publisher_lasts,
            .unreadable = on_unreadable,
        };
        TRY(session_new(&options, &daemon->streams[i].session));
    }
    return ERR_OK;
}

err_t daemon_broker_open(struct daemon *daemon, struct reason *reason) {
    assert(daemon->broker == NULL && daemon->publisher != NULL);
    const struct config_broker *broker = &daemon->config->broker;
    if (broker->mode == CONFIG_BROKER_EXTERNAL) {
        target_all(daemon, broker->address.host, broker->address.port);
        return ERR_OK;
    }
    const struct broker_options options = {
        .loop = &daemon->loop,
        .config = daemon->config,
        .executor = job_pool_executor(daemon->pool),
        .sessions = daemon->sessions,
        .session_count = daemon->stream_count,
        .rules = &daemon->rules,
        .login = &daemon->login.mqtt,
        .self = daemon,
        .up = on_broker_up,
        .down = on_broker_down,
        .said = on_broker_said,
        .why_no_tls = daemon_tls_first(daemon),
    };
    return broker_start(&options, &daemon->broker, reason);
}
