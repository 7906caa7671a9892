/* SPDX-License-Identifier: Apache-2.0 */
/* A stream on the threads it has in the gateway, for the thread sanitizer: the
 * owner takes, ticks, notes damage and looks, while commits, snapshots and the
 * scrubber run on theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/jobs/jobs.h"
#include "gateway/stream/stream.h"
#include "tests/simulation/support.h"

enum {
    MESSAGES = 600,
    DATA = 20000,
    MIB = 1024 * 1024,
};

struct world {
    char dir[256];
    uv_loop_t loop;
    struct job_pool *pool;
    struct job_thread *thread;
    struct platform platform;
    struct config config;
    struct stream *stream;
    bool waits;
    uint32_t receipts;
    uint32_t durable;
};

static void on_receipt(void *self, struct slice device, struct slice payload) {
    (void)device;
    (void)payload;
    ((struct world *)self)->receipts++;
}

static void on_notice(void *self, struct slice device, struct slice payload) {
    (void)self;
    (void)device;
    (void)payload;
}

static void on_durable(void *self) {
    ((struct world *)self)->durable++;
}

static void on_failed(void *self, const struct reason *reason) {
    (void)self;
    fail_msg("%s", reason->text);
}

static void on_committed(void *self, err_t err, const struct reason *reason) {
    struct world *w = self;
    if (err != ERR_OK) {
        fail_msg("%s", reason->text);
    }
    w->waits = false;
}

static int setup(void **state) {
    static struct world w;
    w = (struct world){.platform = platform_real()};
    support_dir_make(w.dir, sizeof w.dir);
    assert_int_equal(uv_loop_init(&w.loop), 0);
    assert_int_equal(job_pool_new(&w.loop, &w.pool), ERR_OK);
    assert_int_equal(job_thread_start(&w.loop, "commit", &w.thread), ERR_OK);
    w.config = (struct config){
        .store = "s", .event_bytes_max = 64 * 1024, .currency = "EUR"};
    snprintf(w.config.data, sizeof w.config.data, "%s", w.dir);
    w.config.streams[0] = (struct config_stream){
        .name = "orders",
        .segment_bytes = MIB,
        .capacity = 6 * MIB,
        .keep = 2 * MIB,
        .keep_for_ms = 1,
        .when_full = CONFIG_FULL_DROP_OLDEST,
    };
    *state = &w;
    return 0;
}

static void open_stream(struct world *w) {
    const struct stream_options options = {
        .platform = &w->platform,
        .config = &w->config,
        .stream = &w->config.streams[0],
        .commit = job_thread_executor(w->thread),
        .shared = job_pool_executor(w->pool),
        .sink = {w, on_receipt, on_notice},
        .self = w,
        .durable = on_durable,
        .failed = on_failed,
    };
    struct reason reason = {""};
    if (stream_open(&options, &w->stream, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
}

static void close_stream(struct world *w) {
    stream_give_up(w->stream);
    while (w->waits || !stream_is_idle(w->stream)) {
        uv_run(&w->loop, UV_RUN_ONCE);
    }
    stream_close(w->stream);
}

static int teardown(void **state) {
    struct world *w = *state;
    job_thread_stop(w->thread);
    job_pool_free(w->pool);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    support_dir_remove(w->dir);
    return 0;
}

static void take(struct world *w, int number) {
    static char payload[DATA + 256];
    struct writer out = writer_over(payload, sizeof payload);
    writer_printf(&out,
                  "{\"specversion\":\"1.0\",\"id\":\"m-%d\",\"source\":"
                  "\"/s/meter-1\",\"type\":\"Reading\",\"data\":\"",
                  number);
    writer_fill(&out, 'x', number % 3 == 0 ? DATA : 10);
    writer_str(&out, "\"}");
    assert_false(out.full);
    const struct stream_message message = {SLICE("meter-1"),
                                           writer_slice(&out)};
    struct stream_answer answer;
    assert_int_equal(stream_take(w->stream, &message, &answer), ERR_OK);
}

/* What a page, a bridge and a tick do meanwhile. */
static void meddle(struct world *w, int number) {
    const struct journal_position *position = stream_position(w->stream);
    uint64_t end = atomic_load(&position->end);
    stream_tick(w->stream, number % 4 == 0 ? end / 2 : 0);
    if (number % 100 == 0 && end > 3) {
        const struct journal_gap gap = {end - 3, end - 2, JOURNAL_UNTOLD};
        stream_note_damage(w->stream, &gap, 1);
    }
    size_t gaps;
    (void)stream_gaps(w->stream, &gaps);
    (void)stream_full_reason(w->stream);
    (void)stream_is_settled(w->stream);
    assert_true(stream_counts(w->stream).received <= 2 * MESSAGES);
    (void)stream_journal_stats(w->stream);
}

/* Goal: the two sides share nothing that is not meant to be shared, and nobody
 * waits for ever. */
static void test_both_sides_at_once(void **state) {
    struct world *w = *state;
    for (int life = 0; life < 2; life++) {
        open_stream(w);
        int number = 0;
        while (number < MESSAGES) {
            if (!stream_is_full(w->stream)) {
                take(w, life * MESSAGES + number++);
            }
            if (!w->waits && (number % 7 == 0 || stream_is_full(w->stream))) {
                w->waits = true;
                stream_commit(w->stream, on_committed, w);
            }
            meddle(w, number);
            uv_run(&w->loop, stream_is_full(w->stream) && w->waits
                                 ? UV_RUN_ONCE
                                 : UV_RUN_NOWAIT);
        }
        close_stream(w);
    }
    assert_true(w->receipts > 10);
    assert_true(w->durable > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_sides_at_once, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
