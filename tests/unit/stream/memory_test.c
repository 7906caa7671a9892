/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of a stream fails in turn, while it starts and while it takes
 * and commits: it says so or goes on without, and what a door was told is
 * durable is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/stream/opening.h"
#include "gateway/stream/replay.h"
#include "gateway/stream/stream.h"
#include "tests/simulation/fake_executor.h"
#include "tests/simulation/support.h"

enum { DATA = 56000, EVENTS = 40, MIB = 1024 * 1024 };

/* The n-th allocation from now fails; 0: none does. */
static uint64_t fail_in;

static bool fails(void) {
    return fail_in > 0 && --fail_in == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails() ? NULL : __real_realloc(memory, size);
}

void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) PRINTF_LIKE(3, 4);
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) {
    (void)level;
    (void)module;
    (void)format;
}

struct world {
    char dir[256];
    struct platform platform;
    struct config config;
    struct fake_executor commit;
    struct fake_executor shared;
    struct stream *stream;
    uint64_t acknowledged; /* the journal's end, as a door was told */
    bool told;
    err_t err;
};

static void on_message(void *self, struct slice device, struct slice payload) {
    (void)self;
    (void)device;
    (void)payload;
}

static void on_durable(void *self) {
    (void)self;
}

static void on_failed(void *self, const struct reason *reason) {
    (void)self;
    assert_true(reason->text[0] != '\0');
}

static uint64_t durable_end(const struct world *w) {
    return atomic_load(&stream_position(w->stream)->end);
}

static void on_committed(void *self, err_t err, const struct reason *reason) {
    struct world *w = self;
    w->told = true;
    w->err = err;
    assert_true(err == ERR_OK || reason->text[0] != '\0');
    if (err == ERR_OK) {
        w->acknowledged = durable_end(w);
    }
}

static err_t try_open(struct world *w, struct reason *reason) {
    const struct stream_options options = {
        .platform = &w->platform,
        .config = &w->config,
        .stream = &w->config.streams[0],
        .commit = fake_executor(&w->commit),
        .shared = fake_executor(&w->shared),
        .sink = {w, on_message, on_message},
        .self = w,
        .durable = on_durable,
        .failed = on_failed,
    };
    *reason = (struct reason){""};
    return stream_open(&options, &w->stream, reason);
}

static void open_stream(struct world *w) {
    struct reason reason;
    assert_int_equal(try_open(w, &reason), ERR_OK);
}

static void settle(struct world *w) {
    fake_executor_settle(&w->commit);
    fake_executor_settle(&w->shared);
    fake_executor_settle(&w->commit);
}

static err_t take(struct world *w, int number) {
    static char payload[DATA + 512];
    struct writer out = writer_over(payload, sizeof payload);
    writer_printf(&out,
                  "{\"specversion\":\"1.0\",\"id\":\"e-%d\",\"source\":"
                  "\"/s/scanner-%d\",\"type\":\"StockReceived\",\"subject\":"
                  "\"x\",\"data\":{\"items\":[{\"sku\":\"a\",\"quantity\":1}],"
                  "\"fill\":\"",
                  number, number);
    writer_fill(&out, 'x', DATA);
    writer_str(&out, "\"}}");
    assert_false(out.full);
    char device[32];
    snprintf(device, sizeof device, "scanner-%d", number);
    const struct stream_message message = {slice_from_str(device),
                                           writer_slice(&out)};
    struct stream_answer answer;
    return stream_take(w->stream, &message, &answer);
}

static void commit(struct world *w) {
    w->told = false;
    stream_commit(w->stream, on_committed, w);
    settle(w);
    assert_true(w->told);
}

static void close_stream(struct world *w) {
    stream_give_up(w->stream);
    settle(w);
    stream_close(w->stream);
    w->stream = NULL;
}

static int setup(void **state) {
    static struct world w;
    w = (struct world){.platform = platform_real()};
    support_dir_make(w.dir, sizeof w.dir);
    w.config = (struct config){
        .store = "s", .event_bytes_max = 64 * 1024, .currency = "EUR"};
    snprintf(w.config.data, sizeof w.config.data, "%s", w.dir);
    w.config.streams[0] = (struct config_stream){
        .name = "orders",
        .shop = true,
        .segment_bytes = MIB,
        .keep = 64 * MIB,
    };
    open_stream(&w);
    for (int i = 0; i < EVENTS; i++) {
        if (stream_is_full(w.stream)) {
            commit(&w);
        }
        assert_int_equal(take(&w, i), ERR_OK);
        commit(&w);
    }
    close_stream(&w);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    support_dir_remove(((struct world *)*state)->dir);
    return 0;
}

/* Goal: a start that finds no memory says so and leaves nothing behind; the
 * next one finds everything. */
static void test_starting(void **state) {
    struct world *w = *state;
    uint64_t failures = 0;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct reason reason;
        fail_in = n;
        err_t err = try_open(w, &reason);
        failed = fail_in == 0;
        fail_in = 0;
        if (err != ERR_OK) {
            assert_true(failed);
            assert_true(reason.text[0] != '\0');
            failures++;
            open_stream(w);
        }
        /* ConfigChanged, and of each a StockChanged. */
        assert_int_equal(durable_end(w), 1 + 2 * EVENTS);
        assert_int_equal(shop_counts(stream_shop(w->stream)).skus, 1);
        close_stream(w);
    }
    assert_true(failures > 20);
}

/* Goal: the same of repair, and of a replay beside the gateway. */
static void test_looking_at_it(void **state) {
    struct world *w = *state;
    char dir[300];
    snprintf(dir, sizeof dir, "%s/orders", w->dir);
    const struct replay_options replay = {.disk = &w->platform.disk,
                                          .dir = dir,
                                          .config = &w->config,
                                          .end = UINT64_MAX,
                                          .before = UINT64_MAX};
    const struct opening_options repair = {.platform = &w->platform,
                                           .config = &w->config,
                                           .stream = &w->config.streams[0],
                                           .dir = dir};
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct replay replayed = {0};
        struct journal *journal = NULL;
        struct reason reason = {""};
        fail_in = n;
        err_t err = replay_run(&replay, &replayed, &reason);
        failed = fail_in == 0;
        assert_true(err == ERR_OK || reason.text[0] != '\0');
        state_free(replayed.state);
        reason = (struct reason){""};
        fail_in = n;
        err = opening_repair(&repair, &journal, &reason);
        failed |= fail_in == 0;
        fail_in = 0;
        assert_true(err == ERR_OK || reason.text[0] != '\0');
        journal_close(journal);
    }
}

/* One life in which the n-th allocation fails; false if there were fewer. */
static bool lives(struct world *w, uint64_t n, int *number) {
    open_stream(w);
    w->acknowledged = durable_end(w);
    fail_in = n;
    err_t err = ERR_OK;
    for (int i = 0; i < 3 && err == ERR_OK; i++) {
        err = stream_is_full(w->stream) ? ERR_OK : take(w, (*number)++);
        const struct journal_gap gap = {(uint64_t)*number % EVENTS,
                                        (uint64_t)*number % EVENTS + 1,
                                        JOURNAL_UNTOLD};
        stream_note_damage(w->stream, &gap, 1);
        if (err == ERR_OK) {
            commit(w);
            err = w->err;
        }
    }
    bool failed = fail_in == 0;
    fail_in = 0;
    assert_true(err == ERR_OK || failed);
    close_stream(w);
    open_stream(w);
    assert_true(durable_end(w) >= w->acknowledged);
    close_stream(w);
    return failed;
}

/* Goal: taking and committing without memory ends the process, or goes on
 * without what it was for; what was acknowledged is there. */
static void test_taking_and_committing(void **state) {
    struct world *w = *state;
    int number = EVENTS;
    uint64_t n = 1;
    while (lives(w, n, &number)) {
        n++;
    }
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_starting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_looking_at_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taking_and_committing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
