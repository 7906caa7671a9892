/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions that the broker keeps for clients that are gone and that are no
 * device by name: of those without a user name at most PLACES_MAX. Any number
 * of client ids could leave one each otherwise, with 64 MiB in each.
 *
 * Who says at its CONNECT that it keeps a session (clean session off in 3.1.1,
 * clean start off in 5) needs a place: its own, or a free one. With MQTT 5 a
 * session may also stay behind a clean start, by an expiry, which the broker
 * (2.0.11) shows no plugin: after the end of such a connection the broker is
 * asked whether there is a session. One for which there is no place gets
 * nothing queued, and is ended by the gateway, to which it is named. The
 * same holds for what an account leaves under another id than its name, which
 * nobody could ever use: there is no place for it.
 *
 * Loaded at the broker's start, it is known of the rules (rules.h). One that is
 * not known is found when something is to be queued for it. */
#ifndef GATEWAY_PLUGIN_PLACES_H
#define GATEWAY_PLUGIN_PLACES_H

#include "gateway/identity/rules.h"
#include "gateway/plugin/clients.h"

enum {
    PLACES_MAX = 16,
    /* That wait for their end; above that MQTT 5 is refused, whose clients may
     * leave more. */
    PLACES_SURPLUS_MAX = 64,
    /* Queued in each since its client was there; the rest is dropped. */
    PLACES_BYTES_MAX = 4 * 1024 * 1024,
};

/* Does a connection leave a session behind? */
enum places_wish { PLACES_NO, PLACES_YES, PLACES_MAYBE };

struct place {
    char id[CLIENT_ID_MAX];
    bool granted;    /* else it is a surplus */
    bool nobodys;    /* and shall get none */
    bool in_doubt;   /* its connection ended just now */
    bool loaded;     /* by the broker, and not in use since */
    int64_t ends_s;  /* of that: since 1970 */
    uint64_t bytes;  /* queued */
    int64_t told_us; /* monotonic; when it was named last; 0 = never */
};

/* Zeroed is empty. */
struct places {
    struct place *list; /* owned */
    uint32_t count;
    uint32_t cap;
    uint32_t doubts;
    int64_t swept_us; /* monotonic */
};

struct places_now {
    const struct clients *clients;
    int64_t wall_s;
    int64_t mono_us;
    /* Has the broker a session of this id, whose client is gone? Asked only if
     * that was seen to go. */
    bool (*has)(void *self, const char *id);
    void *self;
};

void places_free(struct places *places);
void places_load(struct places *places, const struct rules *rules);

/* A CONNECT that is let in otherwise. `named`: by an account, under another id.
 * Is there room for what it may leave? */
bool places_enter(struct places *places, const struct places_now *now,
                  const char *id, enum places_wish wish, bool named);
/* A connection ended that was let in with that. */
void places_left(struct places *places, const char *id, enum places_wish wish,
                 bool named);
/* The session is no more. */
void places_ended(struct places *places, const char *id);
/* May so many bytes be queued for one that is offline, of no user name? */
bool places_queue(struct places *places, const struct places_now *now,
                  const char *id, size_t len);
/* What was in doubt. NULL if nothing is left; else one that turns out to be a
 * surplus, until the next call. */
const char *places_settle(struct places *places, const struct places_now *now);
/* The next one that the gateway should be asked to end now, or NULL: each
 * again after a while, if it is still there. */
const char *places_surplus(struct places *places, const struct places_now *now);

#endif
