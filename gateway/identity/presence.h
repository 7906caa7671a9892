/* SPDX-License-Identifier: Apache-2.0 */
/* Who is there: each registered device with its connections, what came from it
 * and what was refused to it, since the gateway started. All that has no
 * account, or claims a name that has none, is counted in one place, so no
 * stranger makes it grow.
 *
 * It is told, and asks nobody: what the broker's plugin reports, and each
 * message that a stream took. No I/O and no clock. About 150 bytes a device,
 * 100 more for each connection, and 450 if it was refused something. */
#ifndef GATEWAY_IDENTITY_PRESENCE_H
#define GATEWAY_IDENTITY_PRESENCE_H

#include "gateway/identity/report.h"

enum {
    PRESENCE_CONNECTIONS_MAX = 65536, /* in all; who comes later is not seen */
    PRESENCE_WORDS_MAX = 129,         /* of what was refused, cut */
};

/* A device that was refused something so recently is worth a look. */
#define PRESENCE_RECENT_US ((int64_t)60 * 60 * 1000 * 1000)

struct presence_connection {
    uint64_t key; /* of its client id and its beginning */
    uint64_t round;
    int64_t since_us; /* wall time */
    int64_t certificate_ends_us;
    enum report_by by;
    char address[64];
};

/* Wall times; 0 = never. */
struct presence_refused {
    uint64_t count[REFUSAL_COUNT];
    int64_t last_us[REFUSAL_COUNT];
    enum refusal last;
    char last_words[PRESENCE_WORDS_MAX]; /* the topic or the name claimed */
};

struct presence_device {
    char name[ACCOUNT_NAME_MAX]; /* "" = all that have no account */
    bool password;               /* may come by these */
    bool certificate;
    int64_t heard_us; /* monotonic: its last message, or when it became known */
    int64_t last_event_us; /* wall time; 0 = none since the start */
    int64_t gone_us;       /* wall time of the last connection's end, or 0 */
    uint64_t events;       /* messages taken, the rejected ones, too */
    uint64_t rejected;
    uint32_t connection_count;
    struct presence_connection *connections; /* the newest one last */
    struct presence_refused *refused;        /* NULL = nothing ever */
};

/* Zeroed is empty. */
struct presence {
    struct presence_device **list; /* by name */
    uint32_t count;
    struct presence_device others;
    uint32_t connections;
    uint64_t round;
    bool known; /* who is connected, as far as the broker was heard */
};

/* When one looks, and after how long a device that says nothing is silent (0:
 * never). */
struct presence_moment {
    int64_t wall_us;
    int64_t mono_us;
    int64_t silent_after_us;
};

/* In the order in which they need a look. */
enum presence_state {
    PRESENCE_SILENT,
    PRESENCE_REFUSED, /* recently */
    PRESENCE_OFFLINE,
    PRESENCE_ONLINE,
    PRESENCE_STATES,
};

struct presence_counts {
    uint32_t registered;
    uint32_t online;
    uint32_t silent;
    uint32_t strangers; /* connections that have no account */
};

void presence_free(struct presence *presence); /* leaves an empty one */

/* Other accounts: who stays keeps its figures. ERR_MEMORY: as it was. */
err_t presence_sync(struct presence *presence, const struct accounts *accounts,
                    int64_t mono_us) MUST_USE;
/* The broker is about to be asked for all that are connected (REPORT_HELLO);
 * who is not named until REPORT_ALL is not there any more. */
void presence_ask(struct presence *presence);
/* Without memory it is not seen. */
void presence_report(struct presence *presence, const struct report *report,
                     int64_t wall_us);
/* A stream took a message of this device. */
void presence_heard(struct presence *presence, struct slice device,
                    bool rejected, const struct presence_moment *now);

/* NULL if it is not registered. */
const struct presence_device *presence_find(const struct presence *presence,
                                            struct slice name);
/* The place of the first name behind this one. */
uint32_t presence_after(const struct presence *presence, struct slice name);
enum presence_state presence_state(const struct presence_device *device,
                                   const struct presence_moment *now);
const char *presence_state_name(enum presence_state state);
struct presence_counts presence_counts(const struct presence *presence,
                                       const struct presence_moment *now);
/* "till-1, till-2 and 7 more": the silent ones. */
void presence_name_silent(const struct presence *presence,
                          const struct presence_moment *now,
                          struct writer *writer);
/* Of the connected devices the one whose certificate ends first, before this
 * wall time; NULL if none does. `*ret_count` of them do. */
const struct presence_device *presence_expiring(const struct presence *presence,
                                                int64_t before_us,
                                                int64_t *ret_ends_us,
                                                uint32_t *ret_count);

#endif
