/* SPDX-License-Identifier: Apache-2.0 */
/* EventBridge on a simulated network, or Kinesis with aggregates: requests take
 * time on many connections at a time, and every way of failing is left to
 * chance. It knows what it has taken and whether that came in order per key:
 * event n has key n % keys. */
#ifndef TESTS_SIMULATION_FAKE_CLOUD_H
#define TESTS_SIMULATION_FAKE_CLOUD_H

#include "bridge/transport.h"
#include "tests/simulation/support.h"

enum {
    CLOUD_EVENTS_MAX = 8192,
    CLOUD_LINES_MAX = 64,
    CLOUD_RECORDS_MAX = 20,
};

/* Taken whole or not at all: events [first, end) of the request. */
struct cloud_record {
    uint32_t first;
    uint32_t end;
};

struct cloud_line {
    struct fake_cloud *cloud;
    transport_done done;
    void *context;
    bool open;
    bool busy;
    bool arrived; /* the answer is under way */
    bool probe;
    int64_t due_us;
    uint64_t seqs[CLOUD_EVENTS_MAX];
    uint32_t count;
    struct cloud_record records[CLOUD_RECORDS_MAX];
    uint32_t record_count;
    uint32_t status; /* of the answer; 0: the connection breaks */
    char body[2048];
};

struct fake_cloud {
    struct support_random random;
    int64_t now_us;
    int64_t trip_us;
    uint32_t keys;
    uint32_t lanes;  /* the keys are divided among */
    bool aggregated; /* it is Kinesis */
    bool away;       /* no connection is taken */
    uint32_t fails;  /* of 100 requests, in one way or another */
    uint32_t poison; /* each n-th event makes its request fail; 0: none */
    bool taken[CLOUD_EVENTS_MAX];
    bool dead[CLOUD_EVENTS_MAX]; /* settled as a dead letter */
    int64_t taken_us[CLOUD_EVENTS_MAX];
    uint64_t taken_count;
    uint64_t again; /* taken more than once */
    uint64_t out_of_order;
    uint64_t together; /* an event sent while one of its key was under way */
    uint64_t beside;   /* the same, of its lane */
    uint64_t mixed;    /* an aggregate of two lanes, or two of one */
    uint64_t requests;
    uint64_t faults;
    struct cloud_line lines[CLOUD_LINES_MAX];
};

struct connector fake_cloud_connector(struct fake_cloud *cloud);
/* When something happens next; INT64_MAX: never by itself. */
int64_t fake_cloud_due_us(const struct fake_cloud *cloud);
/* Lets the next thing happen that is due; false if none is. */
bool fake_cloud_step(struct fake_cloud *cloud);
/* The box is gone: some of what is under way arrives nevertheless. */
void fake_cloud_cut(struct fake_cloud *cloud);
uint32_t fake_cloud_lane(const struct fake_cloud *cloud, uint64_t seq);
bool fake_cloud_is_poison(const struct fake_cloud *cloud, uint64_t seq);

#endif
