/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters on the bridge's loop, with a simulated disk and an executor that
 * waits: an event is settled once its letter is durable, and not before. As a
 * negative control the same is built to settle early, and this must see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/dead.h"
#include "gateway/event/event.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/fake_executor.h"
#include "tests/unit/bridge/dice.h"
#include "tests/unit/bridge/fake_network.h"

#define SECOND_US ((int64_t)1000 * 1000)

enum { SETTLED_MAX = 64 };

struct bench {
    struct fake_disk *fake;
    struct fake_executor executor;
    struct dice dice;
    struct platform platform;
    struct config config;
    struct sender_context context;
    struct credentials credentials;
    struct fake_network network;
    struct dead *dead;
    int64_t mono_us;
    int64_t wrong_us;  /* the box's clock is ahead by that, */
    int64_t offset_us; /* and the service has said so */
    uint64_t taken;
    uint64_t seqs[SETTLED_MAX];
    enum settle hows[SETTLED_MAX];
    uint32_t settled;
    uint32_t turns;
    bool only_read;
    uint8_t event[512];
    struct slice bytes;
};

static int64_t read_wall(void *self) {
    const struct bench *bench = self;
    return 1795432440000000 + bench->mono_us + bench->wrong_us;
}

static int64_t read_mono(void *self) {
    const struct bench *bench = self;
    return bench->mono_us;
}

static void on_settle(void *self, uint32_t stream, uint64_t seq,
                      enum settle how) {
    struct bench *bench = self;
    assert_int_equal(stream, 0);
    assert_true(bench->settled < SETTLED_MAX);
    bench->seqs[bench->settled] = seq;
    bench->hows[bench->settled++] = how;
    dead_work(bench->dead, 0); /* each settled event gives the bridge a turn */
}

static void on_turn(void *self) {
    struct bench *bench = self;
    bench->turns++;
}

static const uint8_t ID[JOURNAL_ID_SIZE] = "a journal's id.";

static void start(struct bench *bench) {
    struct dead_options options = {
        .context = &bench->context,
        .streams = {{&bench->config.streams[0], "/data/orders", ID}},
        .stream_count = 1,
        .only_read = bench->only_read,
        .offset_us = &bench->offset_us,
        .settle = on_settle,
        .turn = on_turn,
        .self = bench,
    };
    assert_int_equal(dead_new(&options, &bench->dead), ERR_OK);
}

static void make_event(struct bench *bench, const char *type) {
    const struct event event = {
        .id = SLICE("e1"),
        .source = SLICE("/store-7/till"),
        .type = slice_from_str(type),
        .datacontenttype = SLICE("application/json"),
        .data_kind = EVENT_DATA_JSON,
        .data = SLICE("{}"),
    };
    struct writer writer = writer_over(bench->event, sizeof bench->event);
    event_store(&event, &writer);
    assert_false(writer.full);
    bench->bytes = writer_slice(&writer);
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->dice = (struct dice){7};
    bench->mono_us = 3600 * SECOND_US;
    bench->fake = fake_disk_new(7);
    bench->platform = (struct platform){
        .disk = fake_disk_table(bench->fake),
        .clock = {bench, read_wall, read_mono},
        .entropy = dice_entropy(&bench->dice),
    };
    strcpy(bench->config.store, "store-7");
    strcpy(bench->config.data, "/data");
    bench->config.stream_count = 1;
    bench->config.dead_capacity = (uint64_t)64 << 20;
    strcpy(bench->config.streams[0].name, "orders");
    strcpy(bench->config.streams[0].sink_name, "bus");
    bench->config.streams[0].sink = CONFIG_SINK_EVENTBRIDGE;
    strcpy(bench->credentials.access_key, "AKID");
    strcpy(bench->credentials.secret_key, "secret");
    strcpy(bench->config.cloud.region, "eu-central-1");
    strcpy(bench->config.cloud.source_prefix, "com.shopme");
    strcpy(bench->config.cloud.endpoint, "https://localhost:1");
    fake_network_init(&bench->network);
    bench->context = (struct sender_context){
        .platform = &bench->platform,
        .credentials = &bench->credentials,
        .connector = fake_network_connector(&bench->network),
        .config = &bench->config,
        .executor = fake_executor(&bench->executor),
    };
    const struct disk *disk = &bench->platform.disk;
    assert_int_equal(disk->make_dir(disk->self, "/data"), ERR_OK);
    assert_int_equal(disk->sync_dir(disk->self, ""), ERR_OK);
    make_event(bench, "ReadingTaken");
    start(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    fake_executor_settle(&bench->executor);
    dead_free(bench->dead);
    fake_network_free(&bench->network);
    fake_disk_free(bench->fake);
    free(bench);
    return 0;
}

static void look(struct bench *bench) {
    const struct dead_facts facts = {bench->taken, 0, 0, false};
    dead_look(bench->dead, 0, &facts);
    dead_work(bench->dead, 0);
}

static void refuse(struct bench *bench, uint64_t seq, const char *code) {
    const struct dead_letter letter = {
        .stream = "orders",
        .seq = seq,
        .bytes = bench->bytes,
        .code = code,
        .words = "no",
        .tries = 1,
        .kind = LETTER_ENTRY,
    };
    dead_take(bench->dead, 0, &letter, bench->taken);
    look(bench);
}

static struct dead_status status(const struct bench *bench) {
    struct dead_status ret;
    dead_status(bench->dead, &ret);
    return ret;
}

/* Goal: nothing is settled until the letter is durable and the loop knows it;
 * what comes while a job runs is in the next one. */
static void test_settled_once_durable(void **state) {
    struct bench *bench = *state;
    refuse(bench, 3, "MalformedDetail");
    refuse(bench, 4, "MalformedDetail");
#ifdef EDGE_CONTROL_DEAD_EARLY
    assert_true(bench->settled > 0); /* the control is seen */
    return;
#endif
    assert_int_equal(bench->settled, 0);
    assert_true(fake_executor_work(&bench->executor));
    assert_int_equal(bench->settled, 0);
    assert_true(fake_executor_done(&bench->executor));
    assert_int_equal(bench->settled, 1);
    assert_int_equal(bench->seqs[0], 3);
    assert_int_equal(bench->hows[0], SETTLE_DEAD);
    look(bench);
    fake_executor_settle(&bench->executor);
    assert_int_equal(bench->settled, 2);
    assert_int_equal(bench->seqs[1], 4);
    assert_int_equal(status(bench).letters, 2);
    assert_int_equal(status(bench).streams[0].letters, 2);
}

#ifndef EDGE_CONTROL_DEAD_EARLY
static void turns(struct bench *bench, int count) {
    for (int i = 0; i < count; i++) {
        look(bench);
        fake_executor_settle(&bench->executor);
    }
}

/* Goal: many at once, each settled once, though each settling gives a turn. */
static void test_each_once(void **state) {
    struct bench *bench = *state;
    for (uint64_t seq = 0; seq < 40; seq++) {
        refuse(bench, seq, "MalformedDetail");
    }
    for (int i = 0; i < 10; i++) {
        look(bench);
        fake_executor_settle(&bench->executor);
    }
    assert_int_equal(bench->settled, 40);
    for (uint64_t seq = 0; seq < 40; seq++) {
        assert_int_equal(bench->seqs[seq], seq);
    }
    assert_int_equal(status(bench).letters, 40);
}

/* Goal: a disk that fails settles nothing and says so; the letters are written
 * when it is tried again. */
static void test_a_disk_that_fails(void **state) {
    struct bench *bench = *state;
    fake_disk_fail_at(bench->fake, FAKE_SYNC, 1, ERR_IO);
    refuse(bench, 3, "MalformedDetail");
    fake_executor_settle(&bench->executor);
    assert_int_equal(bench->settled, 0);
    assert_true(status(bench).full[0] != '\0');
    look(bench);
    assert_int_equal(bench->executor.given_count, 0); /* not at once */
    bench->mono_us += 60 * SECOND_US;
    assert_true(dead_due_us(bench->dead) <= bench->mono_us);
    look(bench);
    fake_executor_settle(&bench->executor);
    assert_int_equal(bench->settled, 1);
    assert_string_equal(status(bench).full, "");
}

/* Goal: upkeep that is due waits for the disk, too: the loop does not turn for
 * it meanwhile. */
static void test_upkeep_waits_for_the_disk(void **state) {
    struct bench *bench = *state;
    refuse(bench, 3, "MalformedDetail");
    turns(bench, 3);
    bench->mono_us = dead_due_us(bench->dead) - 1; /* of the next upkeep */
    fake_disk_fail_at(bench->fake, FAKE_SYNC, 1, ERR_IO);
    refuse(bench, 4, "MalformedDetail");
    fake_executor_settle(&bench->executor);
    bench->mono_us += SECOND_US;
    turns(bench, 3);
    assert_int_equal(bench->settled, 1);
    assert_true(dead_due_us(bench->dead) > bench->mono_us);
    bench->mono_us = dead_due_us(bench->dead);
    turns(bench, 3);
    assert_int_equal(bench->settled, 2);
}

/* Goal: a stream that holds has no letters. */
static void test_on_refused_hold(void **state) {
    struct bench *bench = *state;
    bench->config.streams[0].on_refused = CONFIG_REFUSED_HOLD;
    refuse(bench, 3, "MalformedDetail");
    assert_int_equal(bench->settled, 1);
    assert_int_equal(bench->hows[0], SETTLE_HOLD);
    assert_int_equal(bench->executor.given_count, 0);
}

/* Goal: a denial while nothing is taken waits, and is sent again. */
static void test_a_denial_waits(void **state) {
    struct bench *bench = *state;
    refuse(bench, 3, "AccessDeniedException");
    assert_int_equal(bench->settled, 0);
    assert_int_equal(status(bench).streams[0].held, DEAD_HOLD_DENIED);
    assert_int_equal(status(bench).streams[0].waiting, 1);
    bench->mono_us += DEAD_PROBE_US;
    look(bench);
    assert_int_equal(bench->settled, 1);
    assert_int_equal(bench->hows[0], SETTLE_RETRY);
}

/* Goal: what became letters is news until it was told, also after a start; an
 * EventDeadLettered that is refused itself is none. */
static void test_news(void **state) {
    struct bench *bench = *state;
    refuse(bench, 3, "MalformedDetail");
    refuse(bench, 9, "InvalidArgument");
    make_event(bench, "EventDeadLettered");
    refuse(bench, 11, "MalformedDetail");
    for (int i = 0; i < 3; i++) {
        look(bench);
        fake_executor_settle(&bench->executor);
    }
    assert_int_equal(bench->settled, 3);
    struct dead_news news = status(bench).streams[0].news;
    assert_int_equal(news.letters.first, 3);
    assert_int_equal(news.letters.last, 9);
    assert_int_equal(news.letters.count, 2);
    assert_string_equal(news.code, "InvalidArgument");
    fake_executor_settle(&bench->executor);
    dead_free(bench->dead);
    start(bench);
    assert_int_equal(status(bench).streams[0].news.letters.count, 2);
    dead_told(bench->dead, 0, news.end);
    dead_told(bench->dead, 0, news.end);
    turns(bench, 3);
    assert_int_equal(status(bench).streams[0].news.letters.count, 0);
    assert_int_equal(status(bench).streams[0].news.told, news.end);
    dead_free(bench->dead);
    start(bench);
    assert_int_equal(status(bench).streams[0].news.letters.count, 0);
    assert_int_equal(status(bench).letters, 3);
}

/* Goal: an order is done when its marks are durable; a start knows what they
 * say. */
static void test_orders(void **state) {
    struct bench *bench = *state;
    refuse(bench, 3, "MalformedDetail");
    fake_executor_settle(&bench->executor);
    static const uint64_t ids[] = {0, 500};
    assert_int_equal(dead_order(bench->dead, DEAD_ASK_DROP, ids, 2, 1), ERR_OK);
    look(bench);
    assert_int_equal(status(bench).asks_done, 0);
    fake_executor_settle(&bench->executor);
    assert_int_equal(status(bench).asks_done, 1);
    assert_int_equal(status(bench).letters, 0);
    fake_executor_settle(&bench->executor);
    dead_free(bench->dead);
    start(bench);
    assert_int_equal(status(bench).letters, 0);
}

/* Of one letter; its id is 0. */
static void retry_one(struct bench *bench) {
    static const uint64_t ids[] = {0};
    refuse(bench, 3, "MalformedDetail");
    fake_executor_settle(&bench->executor);
    assert_int_equal(dead_order(bench->dead, DEAD_ASK_RETRY, ids, 1, 1),
                     ERR_OK);
    look(bench);
}

/* Goal: a letter that is to be sent again is, and is none once it is taken. */
static void test_sent_again(void **state) {
    struct bench *bench = *state;
    retry_one(bench);
    turns(bench, 4);
    assert_true(fake_network_asks(&bench->network, "AWSEvents.PutEvents"));
    assert_int_equal(status(bench).letters, 1);
    fake_network_take(&bench->network);
    turns(bench, 2);
    assert_int_equal(status(bench).letters, 0);
    assert_int_equal(status(bench).sent, 1);
}

/* Goal: a letter that the disk has lost since is asked for now and then: the
 * loop does not turn for it. */
static void test_a_letter_that_is_gone(void **state) {
    struct bench *bench = *state;
    refuse(bench, 3, "MalformedDetail");
    fake_executor_settle(&bench->executor);
    fake_disk_spoil(bench->fake, "/data/dead/00000000000000000000.seg", 4096);
    static const uint64_t ids[] = {0};
    assert_int_equal(dead_order(bench->dead, DEAD_ASK_RETRY, ids, 1, 1),
                     ERR_OK);
    turns(bench, 20);
    assert_int_equal(status(bench).retried, 1);
    assert_int_equal(bench->network.requests, 0);
    assert_true(dead_due_us(bench->dead) > bench->mono_us);
    uint32_t jobs = bench->turns;
    turns(bench, 5);
    assert_int_equal(bench->turns, jobs);
}

/* Goal: a clock that is wrong, at the start too, makes no letter old. */
static void test_a_wrong_clock(void **state) {
    struct bench *bench = *state;
    const int64_t day_us = 86400 * SECOND_US;
    bench->config.dead_keep_ms = 30 * (uint64_t)86400 * 1000;
    bench->wrong_us = -20000 * day_us; /* 1977 */
    bench->offset_us = 20000 * day_us;
    refuse(bench, 3, "MalformedDetail");
    turns(bench, 3);
    dead_free(bench->dead);
    bench->wrong_us = 400 * day_us;
    bench->offset_us = 0; /* nobody has answered yet */
    start(bench);
    turns(bench, 3);
    assert_int_equal(status(bench).letters, 1);
    bench->offset_us = -400 * day_us;
    bench->mono_us += 2 * 60 * SECOND_US;
    turns(bench, 3);
    assert_int_equal(status(bench).letters, 1);
    bench->mono_us += 31 * day_us;
    turns(bench, 3);
    assert_int_equal(status(bench).letters, 0);
}

/* Goal: one that only reads knows what is there, though it can neither lock nor
 * write it, and asks for no job. */
static void test_only_reads(void **state) {
    struct bench *bench = *state;
    const struct disk *disk = &bench->platform.disk;
    int lock;
    retry_one(bench);
    fake_executor_settle(&bench->executor);
    dead_free(bench->dead);
    assert_int_equal(disk->lock(disk->self, "/data/dead/lock", &lock), ERR_OK);
    fake_disk_fail_at(bench->fake, FAKE_CREATE, 1, ERR_IO);
    fake_disk_fail_at(bench->fake, FAKE_WRITE, 1, ERR_IO);
    bench->only_read = true;
    start(bench);
    turns(bench, 3);
    assert_string_equal(status(bench).full, "");
    assert_int_equal(status(bench).letters, 1);
    assert_int_equal(bench->network.requests, 0);
    disk->close(disk->self, lock);
}

/* Goal: letters of a stream whose sink was taken away wait for it. */
static void test_a_sink_that_is_gone(void **state) {
    struct bench *bench = *state;
    retry_one(bench);
    fake_executor_settle(&bench->executor);
    dead_free(bench->dead);
    bench->config.streams[0].sink = CONFIG_SINK_NONE;
    start(bench);
    turns(bench, 3);
    assert_int_equal(status(bench).letters, 1);
    assert_int_equal(bench->network.requests, 0);
}
#endif

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_settled_once_durable),
#ifndef EDGE_CONTROL_DEAD_EARLY
        TEST(test_each_once),
        TEST(test_a_disk_that_fails),
        TEST(test_upkeep_waits_for_the_disk),
        TEST(test_on_refused_hold),
        TEST(test_a_denial_waits),
        TEST(test_news),
        TEST(test_orders),
        TEST(test_sent_again),
        TEST(test_a_letter_that_is_gone),
        TEST(test_a_wrong_clock),
        TEST(test_only_reads),
        TEST(test_a_sink_that_is_gone),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
