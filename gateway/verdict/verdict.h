/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on the whole gateway: one level, and the reasons for it. All that
 * anybody is told of its health (page, API, `status`, /healthz, metrics, log)
 * comes from here. The daemon gathers facts, about once a second, of which
 * verdict_judge() makes the verdict, without I/O or a clock. What a condition
 * is, and what to do about it, is one line of condition_list.h. */
#ifndef GATEWAY_VERDICT_VERDICT_H
#define GATEWAY_VERDICT_VERDICT_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/verdict/condition_list.h"
#include "gateway/verdict/verdict_dead.h"
#include "gateway/verdict/verdict_limits.h"
#include "gateway/verdict/verdict_tls.h"

enum {
    VERDICT_TEXT_MAX = 256,
    VERDICT_UNKNOWN = -1, /* of a time that is none or not known */
};

enum verdict_level { VERDICT_OK, VERDICT_DEGRADED, VERDICT_FAILING };

enum verdict_condition {
#define X(name, ...) CONDITION_##name,
    CONDITION_LIST(X)
#undef X
        CONDITION_COUNT
};

/* One line of the table. */
struct verdict_about {
    const char *code;
    enum verdict_level level;
    bool of_stream; /* else of the whole box */
    bool restart_helps;
    int64_t raise_us;
    int64_t hold_us;
    const char *action;
};

/* How a stream's link to the cloud stands. */
enum verdict_link {
    VERDICT_LINK_FINE, /* or there is none, or it is not known */
    VERDICT_LINK_OFFLINE,
    VERDICT_LINK_THROTTLED,
    VERDICT_LINK_REFUSED,
    VERDICT_LINK_EXPIRED, /* refused, because the credentials are expired */
};

/* What is known of a stream. Zeroed, with both times unknown, is well. */
struct verdict_stream_facts {
    const char *name;
    int64_t hangs_us;    /* how long the oldest job waits for the disk, */
    const char *hanging; /* and what it is: "a commit" */
    const char *full;    /* why it accepts nothing; NULL if it does */
    enum verdict_link link;
    const char *link_error; /* the cloud's words; NULL or empty if none */
    uint64_t backlog;       /* events not in the cloud */
    uint64_t held;          /* events that the cloud refuses */
    enum verdict_refusals refusals;
    const char *refusal;  /* the cloud's words; NULL or empty if none */
    uint64_t waiting;     /* events that wait because of that */
    uint64_t damaged;     /* events that the disk has lost */
    uint64_t too_old;     /* events refused, since they may be repeats */
    int64_t oldest_age_s; /* of the backlog; VERDICT_UNKNOWN */
    int64_t full_in_s;    /* VERDICT_UNKNOWN */
};

/* What is known of the box. Strings are borrowed for the call. */
struct verdict_facts {
    struct verdict_stream_facts streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    bool broker_down;          /* a session with it is missing */
    bool broker_external;      /* it is the site's */
    bool broker_closed;        /* our own one runs not, or without its port */
    const char *broker_reason; /* why it is down; NULL or empty: not known */
    uint64_t broker_dropped;   /* messages, by it, since our start */
    uint64_t broker_takeovers; /* another box took our sessions: how often, */
    bool broker_contended;     /* and it goes on */
    uint64_t broker_rival;     /* receipts of another gateway of this store */
    const char *broker_file;   /* the last of its files that was set aside, */
    uint32_t broker_files;     /* and how many were since the start */
    uint64_t foreign;          /* messages on a topic that no stream takes, */
    const char *foreign_topic; /* and the last kind of such a topic */
    const char *tls_away; /* why no device that may comes by TLS; NULL, "" */
    const char *listener_away; /* one's, while others are open; "" */
    struct verdict_tls_facts tls;
    struct verdict_dead_facts dead;
    const char *accounts_damaged; /* why they are of no use; NULL: they are */
    const char *silent;           /* which devices are, in words; NULL: none */
    const char *page_away;   /* why the page is not served; NULL if it is */
    const char *socket_away; /* the same of the control socket */
    int64_t clock_offset_ms; /* the cloud's clock minus ours; 0: not known */
    uint64_t log_dropped;    /* lines that nobody read */
};

struct verdict_slot { /* a condition of one stream, or of the box */
    bool raised;
    bool held_before;  /* the fact held at the last look, */
    int64_t first_us;  /* without a break since then */
    int64_t last_us;   /* the fact last held */
    int64_t raised_us; /* monotonic */
    uint64_t counted;  /* of a fact that is a counter: as last seen */
    char text[VERDICT_TEXT_MAX];
};

/* Zeroed is the verdict `ok` on a box that nobody has looked at. */
struct verdict {
    enum verdict_level level;
    int64_t since_us;     /* monotonic: when the level last changed */
    uint64_t changes;     /* of the level or of the set of reasons */
    int64_t wall_zero_us; /* the wall clock at the monotonic clock's 0 */
    char names[CONFIG_STREAMS_MAX][CONFIG_NAME_MAX];
    struct verdict_slot slots[CONDITION_COUNT][CONFIG_STREAMS_MAX];
};

/* An active reason, as the places that show it need it. */
struct verdict_reason {
    const struct verdict_about *about;
    const char *stream; /* empty: it is of the whole box */
    const char *text;   /* what is so, with the figures */
    int64_t since_us;   /* monotonic */
};

const struct verdict_about *verdict_about(enum verdict_condition condition);
const char *verdict_level_name(enum verdict_level level);

/* Makes the next verdict of the last one. `now_us` is monotonic. */
void verdict_judge(struct verdict *verdict, const struct verdict_facts *facts,
                   int64_t now_us, int64_t wall_us);

/* The wall clock then: whole seconds, alike at each look until it is set. */
int64_t verdict_wall_us(const struct verdict *verdict, int64_t mono_us);

/* The reasons one after another, failing ones first; `*at` begins at 0. False
 * after the last. They live until the next verdict_judge(). */
bool verdict_next(const struct verdict *verdict, uint32_t *at,
                  struct verdict_reason *ret);
/* Is it failing with a condition that a restart helps against? */
bool verdict_wants_restart(const struct verdict *verdict);
/* "ok", or "degraded: cloud-offline(orders) page-away": for /healthz and the
 * log. */
void verdict_line(const struct verdict *verdict, struct writer *writer);

#endif
