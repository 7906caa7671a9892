/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's door: who is let in, what each may do, who is cut when the
 * accounts change, and what the gateway is told of all that. Knows the broker
 * as a table of three functions; plugin.c is the real one's.
 *
 * It decides from memory: the files are read when it is made and when it is
 * told to reload. If a reload fails, what was in force stays so.
 *
 * At most PLACES_MAX sessions of clients without a name are kept (places.h).
 *
 * Reports. CONNECTED, DISCONNECTED, for devices and anonymous clients; both
 * have the `since_us` of the connection, so that one that was taken over is
 * told from its successor. REFUSED, at most as many as limiter.h says. A
 * refusal of REFUSAL_NONE is a connection that ended before its CONNECT was
 * read: a failed handshake, a port scan; the broker's log has what is known.
 * SURPLUS, of a session that the gateway is to end. */
#ifndef GATEWAY_PLUGIN_DOOR_H
#define GATEWAY_PLUGIN_DOOR_H

#include "gateway/plugin/loaded.h"
#include "gateway/plugin/login.h"

struct door_broker {
    void *self;
    /* Sends a report to the gateway; later, not from within. */
    void (*report)(void *self, struct slice bytes);
    /* Ends connections, and door_gone() is called for each from within: all
     * with the user name, or the one with the client id. */
    void (*kick_name)(void *self, const char *name, bool with_will);
    void (*kick_id)(void *self, const char *client_id, bool with_will);
    /* Is there a session of this id? Asked only of one whose connection ended.
     */
    bool (*has_session)(void *self, const char *client_id);
};

struct door_options {
    const struct clock *clock; /* outlives it, as what the next one names */
    struct loaded_place place;
    struct door_broker broker;
};

struct door;

/* Reads what is in force. Errors as loaded_read(). */
err_t door_new(const struct door_options *options, struct door **ret,
               struct reason *reason) MUST_USE;
void door_free(struct door *door); /* takes NULL */

/* A CONNECT. Is it let in? `*ret_name` is whom the broker must take it for;
 * NULL: as it says itself. It lives until the client's end. Who has no user
 * name is given one, `anonymous`. While the broker asks again for all it has
 * (door_hangup), the answer is yes, for who may stay no more is cut already,
 * and the broker (2.0.11) would keep a pointer to a session that is refused
 * while it is offline, after its end. */
bool door_enter(struct door *door, const void *key, const struct login *login,
                const char **ret_name);

/* What a client is about to do, or to be told. */
struct door_use {
    const void *key;
    enum rules_action action;
    const char *topic;
    bool retain;
    uint8_t qos;
    struct slice payload; /* of a publish */
    /* For one that is not connected: what the broker knows of the session. */
    const char *user;
    const char *address;
    const char *client_id;
};
bool door_allows(struct door *door, const struct door_use *use);

/* A connection ended. */
struct door_end {
    const void *key;
    const char *client_id; /* these three NULL if unknown */
    const char *user;
    const char *address;
};
void door_gone(struct door *door, const struct door_end *end);

/* A command of the gateway's (report.h). */
void door_command(struct door *door, struct slice bytes);
/* The broker reloads, and asks again for all clients until the next tick. */
void door_hangup(struct door *door);
/* Often. */
void door_tick(struct door *door);

uint32_t door_count(const struct door *door); /* who is connected */

#endif
