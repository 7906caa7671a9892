/* SPDX-License-Identifier: Apache-2.0 */
/* What a box's streams share: its line, and how often its account is asked.
 * Pure.
 *
 * Where answers take long nobody waits for anybody. Where the line is the limit
 * (the network does not take what is sent, or `bandwidth` says so) a stream
 * goes before those of lower priority, and each of those keeps a tenth.
 * Requests that count against an account's limit have a budget: it is halved
 * when the service throttles, and rises again within a minute. */
#ifndef BRIDGE_SHARE_H
#define BRIDGE_SHARE_H

#include "config/config.h"

/* A stream that pressed against the line so long ago still does. */
#define SHARE_PRESS_US ((int64_t)1000 * 1000)
/* When to look again whether a higher one still does. */
#define SHARE_LOOK_US ((int64_t)50 * 1000)
enum {
    SHARE_LEAST = 10,             /* one part in so many is for each */
    SHARE_REQUEST_MAX = 64 << 10, /* of a stream that yields */
    SHARE_RISE_S = 60,
};

struct share_stream {
    uint32_t priority;
    bool has_work;
    int64_t press_until_us;
    uint64_t recent; /* bytes; halved each second */
};

struct share {
    uint64_t bandwidth; /* bytes a second; 0: no cap */
    uint32_t requests;  /* a second; 0: no budget */
    int64_t at_us;      /* the rest is as of then */
    int64_t bytes_left; /* below 0: a debt */
    double requests_left;
    double requests_now; /* a second */
    int64_t throttled_us;
    int64_t halved_us; /* `recent` */
    struct share_stream streams[CONFIG_STREAMS_MAX];
    uint32_t count;
};

void share_init(struct share *share, uint64_t bandwidth, uint32_t requests,
                int64_t now_us);
/* The number of a new stream. */
uint32_t share_add(struct share *share, uint32_t priority);

/* Has it something to send, and does the network not take it? */
void share_press(struct share *share, uint32_t i, bool has_work, bool stalled,
                 int64_t now_us);
/* Does it stand back for a stream of higher priority? Its requests are small
 * then. */
bool share_yields(const struct share *share, uint32_t i, int64_t now_us);
/* When it may send a request, `counted` or not: `now_us` or later. */
int64_t share_due_us(struct share *share, uint32_t i, bool counted,
                     int64_t now_us);
void share_sent(struct share *share, uint32_t i, uint64_t bytes, bool counted);
/* The service said that a counted one was too much. */
void share_throttled(struct share *share, int64_t now_us);

#endif
