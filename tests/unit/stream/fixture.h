/* SPDX-License-Identifier: Apache-2.0 */
/* A real stream over a simulated disk, clock and entropy, whose jobs run when
 * the test says so; and what left it.
 *
 * A stream may call the disk while it is opened or closed and from its jobs: a
 * call from anywhere else fails the test. */
#ifndef TESTS_UNIT_STREAM_FIXTURE_H
#define TESTS_UNIT_STREAM_FIXTURE_H

#include "config/config.h"
#include "gateway/stream/stream.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/fake_executor.h"

enum {
    FIXTURE_EVENT_BYTES = 64 * 1024,
    FIXTURE_SEGMENT = 1024 * 1024,
    FIXTURE_LARGE = 56 * 1024, /* bytes of data: some 14 in a segment */
    FIXTURE_LIST_MAX = 16384,
};
#define FIXTURE_DATA "/data"
#define FIXTURE_DIR FIXTURE_DATA "/orders"

struct fixture_answer {
    char device[32];
    char id[64];
    uint64_t seq;     /* of an accepted event */
    char reason[256]; /* of a rejected one */
};

struct fixture_notice {
    char device[32];
    char payload[640];
};

/* What left it. */
struct fixture_seen {
    struct fixture_answer accepted[FIXTURE_LIST_MAX];
    struct fixture_answer rejected[256];
    struct fixture_notice notices[1024];
    uint32_t accepted_count;
    uint32_t rejected_count;
    uint32_t notice_count;
    uint32_t durable_calls;
    uint32_t failed_calls;
    struct reason failed;
};
/* The door that waits for its commit. */
struct fixture_door {
    bool waits;
    uint32_t told;
    err_t err;
    struct reason reason;
};

/* A record of the journal. */
struct fixture_record {
    uint64_t seq;
    int64_t wall_us;
    char type[32];
    char id[64];
    char data[256]; /* its beginning */
};

struct fixture {
    struct fake_disk *fake;
    struct disk disk; /* the fake's, for the test itself */
    struct platform platform;
    struct support_random random;
    int64_t wall_us;
    int64_t mono_us;
    int64_t mono_step_us; /* it goes on by itself, each time it is read */
    struct config config; /* one stream, "orders"; may be changed before an
                             opening */
    struct config_stream *settings; /* of it */
    uint64_t known_end;
    bool cursor_known;
    struct fake_executor commit;
    struct fake_executor shared;
    uint32_t commit_jobs; /* that ran since it was opened */
    struct stream *stream;
    bool crashing;    /* what leaves now leaves nothing */
    bool may_fail;    /* taking may: it is no failure of the test */
    bool take_failed; /* the last time */
    struct fixture_seen seen;
    struct fixture_door door;
    struct fixture_record records[FIXTURE_LIST_MAX];
    size_t record_count;
};

/* For cmocka: `*state` is a struct fixture with nothing open. The second closes
 * a stream that is left open. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* The same with another seed, for a test that needs more than one. */
struct fixture *fixture_new(uint64_t seed);
void fixture_free(struct fixture *f);

void fixture_open(struct fixture *f);
err_t fixture_try_open(struct fixture *f, struct reason *reason);
/* Lets all jobs end, and closes it in order. */
void fixture_close(struct fixture *f);
/* Ends it here and now; jobs that did not run never happened. Cuts the power,
 * or with `process_only` leaves the disk as it was seen. */
void fixture_crash(struct fixture *f, enum fake_fate fate);
void fixture_kill(struct fixture *f);

/* --- Messages --- */

/* An event of `device` as it came; what it holds is up to the test. */
struct stream_answer fixture_take_payload(struct fixture *f, const char *device,
                                          const char *payload);
struct stream_answer fixture_take(struct fixture *f, const char *device,
                                  const char *id, const char *type,
                                  const char *data);
/* A reading of the device "meter-1" with an id of the number, small or with
 * FIXTURE_LARGE bytes of data. Any stream takes these. */
struct stream_answer fixture_small(struct fixture *f, uint64_t number);
struct stream_answer fixture_large(struct fixture *f, uint64_t number);
/* An order of the device "till-1" that asks the terminal "card-1" for payment:
 * four records and, once durable, a notice each for the two. */
struct stream_answer fixture_order(struct fixture *f, uint64_t number);
/* One paid in cash that takes some 80 KB of the journal, in five records. */
struct stream_answer fixture_large_order(struct fixture *f, uint64_t number);

/* --- Commits --- */

/* The door asks; no job runs by this. */
void fixture_ask(struct fixture *f);
/* Runs one job of the journal's own thread; false if there is none. */
bool fixture_work(struct fixture *f);
/* Tells of the end of one. */
bool fixture_done(struct fixture *f);
/* Both. */
bool fixture_run(struct fixture *f);
/* One job of the shared threads, work and end. */
bool fixture_run_shared(struct fixture *f);
/* All jobs of both, and what follows from them; fails after too many. */
void fixture_settle(struct fixture *f);
/* Asks and settles; fails unless the door is told ERR_OK. */
void fixture_commit(struct fixture *f);
/* Commits large readings numbered from `first` on, one by one. */
void fixture_commit_large(struct fixture *f, uint64_t first, uint64_t count);
void fixture_commit_orders(struct fixture *f, uint64_t first, uint64_t count);

uint64_t fixture_start(const struct fixture *f);
uint64_t fixture_end(const struct fixture *f); /* durable */

#define FIXTURE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
