/* SPDX-License-Identifier: Apache-2.0 */
/* A door into a stream: one persistent MQTT 5 session, subscribed at QoS 1 to
 * shopme/{store}/+/{stream}, that holds its acknowledgements until the commit.
 *
 * It strictly alternates: read until the socket is empty and the stream's
 * commit_delay is over, or until the batch is full; commit; acknowledge; read
 * again. */
#ifndef GATEWAY_MQTT_SESSION_H
#define GATEWAY_MQTT_SESSION_H

#include <uv.h>

#include "gateway/stream/stream.h"

struct session;

struct session_options {
    uv_loop_t *loop;
    struct stream *stream; /* outlives the session */
    const char *store;     /* copied */
    const char *client_id; /* copied; must never change: the session's name */
    const struct mqtt_login *login; /* outlives it; see link.h */
    void *self;
    /* The stream failed; nothing more is acknowledged. The process must stop.
     */
    void (*failed)(void *self, const struct reason *reason);
    /* The broker has the subscription. From within libmosquitto: the session
     * must not be touched. May be NULL. */
    void (*subscribed)(void *self);
    /* As a link's (link.h), each. May be NULL. */
    bool (*witness)(void *self, uint64_t since_ms);
    void (*unreadable)(void *self);
};

err_t session_new(const struct session_options *options,
                  struct session **ret) MUST_USE;
void session_target(struct session *session, const char *host, uint16_t port);
/* A batch that waits to fill is committed. */
void session_untarget(struct session *session);
/* Connected and subscribed: it hears devices. */
bool session_is_up(const struct session *session);
/* The broker had the session when it was last connected. */
bool session_was_kept(const struct session *session);
/* As mqtt_link_takeovers() and mqtt_link_contended(). */
uint64_t session_takeovers(const struct session *session);
const char *session_contended(const struct session *session);
/* A batch is between its first message and its acknowledgements. */
bool session_is_busy(const struct session *session);
/* Drops the connection. Messages not committed are not acknowledged, and the
 * broker sends them again at the next start. Not while busy. Takes NULL. */
void session_free(struct session *session);

#endif
