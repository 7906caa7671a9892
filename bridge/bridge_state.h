/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge's parts, only for the files that connect them. */
#ifndef BRIDGE_BRIDGE_STATE_H
#define BRIDGE_BRIDGE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bridge/bridge_options.h"
#include "bridge/bundle.h"
#include "bridge/credential_keeper.h"
#include "bridge/credential_web.h"
#include "bridge/dead.h"
#include "bridge/heartbeat.h"
#include "bridge/https.h"
#include "bridge/sender.h"
#include "bridge/way.h"
#include "gateway/base/log.h"
#include "gateway/jobs/jobs.h"

/* About dead letters; count 0: none waits. */
struct order {
    enum dead_ask ask;
    uint32_t count;
    uint64_t number;
    uint64_t ids[DEAD_ASK_MAX];
};

struct bridge {
    struct bridge_options options;
    struct credential_keeper *keeper; /* NULL: no stream has a sink */
    struct tls_context *tls;
    struct bundle bundle; /* where its authorities come from */
    struct https_connector https;
    struct job_pool *pool;
    struct sender_context context; /* constant once set up */
    struct share share;            /* the loop's own */
    struct heartbeat *heartbeat;   /* NULL: no stream has a sink */
    struct sender *senders[CONFIG_STREAMS_MAX];
    uint32_t by_priority[CONFIG_STREAMS_MAX]; /* indices into senders */
    struct dead *dead;

    /* The loop's own. */
    int64_t clock_offset_us; /* server's clock less ours, from any answer */
    uv_loop_t loop;
    uv_async_t woken;
    uv_timer_t due;
    uv_timer_t telling;
    uv_timer_t grace;
    uv_timer_t beat;
    bool turning;
    bool turn_again;
    bool stopping;
    bool paused;
    bool closed;
    atomic_uint_fast64_t turns; /* any thread may look */

    pthread_t thread;
    pthread_mutex_t mutex;
    struct bridge_status told; /* below the mutex, all of these */
    uint64_t dead_told[DEAD_TOLD_DAMAGE + 1];
    struct order order;
    uint64_t orders; /* that were given */
    bool want_paused;
    bool want_stop;
};

/* --- bridge_dead.c: the senders' letters, and who settles them --- */

err_t bridge_set_up_dead(struct bridge *bridge,
                         void (*turn)(void *self)) MUST_USE;
void bridge_take_letter(void *self, const struct dead_letter *letter);
/* Behind the streams' turns; when it wants another. */
int64_t bridge_turn_dead(struct bridge *bridge);
/* What another thread has ordered. */
void bridge_take_order(struct bridge *bridge);

#endif
