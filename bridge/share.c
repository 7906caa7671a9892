/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/share.h"

#include <assert.h>

#define SECOND_US ((int64_t)1000 * 1000)

void share_init(struct share *share, uint64_t bandwidth, uint32_t requests,
                int64_t now_us) {
    *share = (struct share){
        .bandwidth = bandwidth,
        .requests = requests,
        .at_us = now_us,
        .requests_left = requests,
        .requests_now = requests,
        .throttled_us = now_us - SECOND_US,
        .halved_us = now_us,
    };
}

uint32_t share_add(struct share *share, uint32_t priority) {
    assert(share->count < CONFIG_STREAMS_MAX);
    share->streams[share->count].priority = priority;
    return share->count++;
}

/* --- time --------------------------------------------------------------- */

static void forget(struct share *share, int64_t now_us) {
    while (now_us - share->halved_us >= SECOND_US) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < share->count; i++) {
            share->streams[i].recent /= 2;
            sum += share->streams[i].recent;
        }
        share->halved_us = sum > 0 ? share->halved_us + SECOND_US : now_us;
    }
}

static double lower(double a, double b) {
    return a < b ? a : b;
}

/* A second's worth is kept of what was not used. */
static void refill(struct share *share, int64_t now_us) {
    double seconds = (double)(now_us - share->at_us) / (double)SECOND_US;
    double bytes = (double)share->bytes_left +
                   lower(seconds, 3600) * (double)share->bandwidth;
    share->bytes_left = (int64_t)lower(bytes, (double)share->bandwidth / 4);
    share->requests_now =
        lower(share->requests_now + seconds * share->requests / SHARE_RISE_S,
              share->requests);
    share->requests_left =
        lower(share->requests_left + seconds * share->requests_now,
              share->requests_now < 1 ? 1 : share->requests_now);
    share->at_us = now_us;
    forget(share, now_us);
}

/* --- the line ----------------------------------------------------------- */

void share_press(struct share *share, uint32_t i, bool has_work, bool stalled,
                 int64_t now_us) {
    assert(i < share->count);
    struct share_stream *stream = &share->streams[i];
    stream->has_work = has_work;
    if (stalled ||
        (has_work && share->bandwidth > 0 && share->bytes_left < 0)) {
        stream->press_until_us = now_us + SHARE_PRESS_US;
    }
}

bool share_yields(const struct share *share, uint32_t i, int64_t now_us) {
    assert(i < share->count);
    for (uint32_t j = 0; j < share->count; j++) {
        if (share->streams[j].priority < share->streams[i].priority &&
            share->streams[j].press_until_us > now_us) {
            return true;
        }
    }
    return false;
}

/* It had less than its tenth. */
static bool is_owed(const struct share *share, uint32_t i) {
    uint64_t sum = 0;
    for (uint32_t j = 0; j < share->count; j++) {
        sum += share->streams[j].recent;
    }
    return share->streams[i].recent * SHARE_LEAST < sum;
}

/* With a cap a lower one that is owed its tenth goes before. */
static bool owes(const struct share *share, uint32_t i) {
    for (uint32_t j = 0; j < share->count; j++) {
        if (share->streams[j].priority > share->streams[i].priority &&
            share->streams[j].has_work && is_owed(share, j)) {
            return true;
        }
    }
    return false;
}

static int64_t line_due_us(const struct share *share, uint32_t i,
                           int64_t now_us) {
    if (share_yields(share, i, now_us) && !is_owed(share, i)) {
        return now_us + SHARE_LOOK_US;
    }
    if (share->bandwidth == 0) {
        return now_us;
    }
    if (share->bytes_left < 0) {
        return now_us + 1 +
               -share->bytes_left * SECOND_US / (int64_t)share->bandwidth;
    }
    bool presses = share->streams[i].press_until_us > now_us;
    return presses && owes(share, i) ? now_us + SHARE_LOOK_US : now_us;
}

/* --- both --------------------------------------------------------------- */

int64_t share_due_us(struct share *share, uint32_t i, bool counted,
                     int64_t now_us) {
    refill(share, now_us);
    int64_t due_us = line_due_us(share, i, now_us);
    if (!counted || share->requests == 0 || share->requests_left >= 1) {
        return due_us;
    }
    double wait_s = (1 - share->requests_left) / share->requests_now;
    int64_t budget_us = now_us + 1 + (int64_t)(wait_s * (double)SECOND_US);
    return budget_us > due_us ? budget_us : due_us;
}

void share_sent(struct share *share, uint32_t i, uint64_t bytes, bool counted) {
    assert(i < share->count);
    share->streams[i].recent += bytes;
    share->bytes_left -= share->bandwidth > 0 ? (int64_t)bytes : 0;
    share->requests_left -= counted && share->requests > 0 ? 1 : 0;
}

/* Requests under way together are throttled together: that counts once. */
void share_throttled(struct share *share, int64_t now_us) {
    if (share->requests == 0 || now_us - share->throttled_us < SECOND_US) {
        return;
    }
    refill(share, now_us);
    share->throttled_us = now_us;
    share->requests_now = share->requests_now > 2 ? share->requests_now / 2 : 1;
    share->requests_left = lower(share->requests_left, 0);
}
