/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a stream fills and drains, and when it will be full or drained if
 * that goes on. It is given one sample about once a second, reads no clock and
 * does no I/O.
 *
 * What comes in is averaged over five minutes, what goes out over half a
 * minute: sales and readings come unevenly, while a line that is cut should
 * show at once. Nothing is said before it was watched for ten seconds.
 *
 * Space is counted as the journal takes it, in whole pages, because that is
 * what fills a disk; bytes in and out are those of the events alone. The space
 * of a backlog is an estimate: its events times what one takes on average. */
#ifndef GATEWAY_VERDICT_FORECAST_H
#define GATEWAY_VERDICT_FORECAST_H

#include "gateway/base/base.h"

#define FORECAST_UNKNOWN ((int64_t)-1)

enum {
    FORECAST_IN_S = 300, /* time constants of the averages */
    FORECAST_OUT_S = 30,
    FORECAST_FIRST_S = 10, /* what it must have watched */
    FORECAST_LEAST_S = 10, /* a backlog of less than this much of what comes
                              in is what is just being sent */
};

/* Counters only grow; positions are sequence numbers. */
struct forecast_sample {
    int64_t now_us; /* monotonic */
    uint64_t start; /* the journal has the records [start, end) */
    uint64_t end;
    uint64_t cursor;   /* the cloud has those before; 0 without a sink */
    uint64_t sent;     /* events that the cloud took since some time */
    uint64_t space;    /* bytes of the journal that [start, end) take */
    uint64_t payload;  /* bytes of the events appended since some time */
    uint64_t frames;   /* bytes of the journal that those took */
    uint64_t written;  /* bytes given to the disk since some time, for frames,
                          headers, snapshots and cursors */
    bool bounded;      /* else `capacity` is not used */
    uint64_t capacity; /* bytes of the journal that events may take at most */
};

/* An average over time: exponentially weighted, and exact from the first
 * sample on (the weights are divided out). */
struct forecast_rate {
    double sum;
    double weight; /* seconds */
};

/* Zeroed is ready. */
struct forecast {
    bool begun;
    struct forecast_sample last;
    double watched_s;
    struct forecast_rate payload;
    struct forecast_rate frames;
    struct forecast_rate written;
    struct forecast_rate sent; /* events */
};

/* All zero and unknown until it was watched long enough. */
struct forecast_view {
    uint64_t bytes_in_per_s;
    uint64_t bytes_out_per_s;
    int64_t full_in_s;    /* FORECAST_UNKNOWN: it does not fill, or not known */
    int64_t drained_in_s; /* FORECAST_UNKNOWN: nothing waits, it does not get
                             less, or not known */
    uint64_t flash_bytes_per_day;
};

/* A sample that is not later than the last one is passed over; a counter that
 * went back begins anew. */
void forecast_add(struct forecast *forecast,
                  const struct forecast_sample *sample);
struct forecast_view forecast_view(const struct forecast *forecast);
/* Bytes a second by which what waits grows; 0 if it gets less. */
uint64_t forecast_growth(const struct forecast_view *view);
/* What of `room`, which streams share, is left for the one that grows by `own`
 * of `all`. All of it for one that does not grow. */
uint64_t forecast_share(uint64_t room, uint64_t own, uint64_t all);

#endif
