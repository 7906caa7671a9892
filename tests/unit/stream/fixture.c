/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/stream/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

enum { JOBS_A_SETTLE = 10000, MIB = 1024 * 1024 };

/* --- The machine ---------------------------------------------------------- */

static int64_t clock_wall_us(void *self) {
    return ((struct fixture *)self)->wall_us;
}

static int64_t clock_mono_us(void *self) {
    struct fixture *f = self;
    f->mono_us += f->mono_step_us;
    return f->mono_us;
}

static void entropy_fill(void *self, void *buf, size_t len) {
    struct fixture *f = self;
    struct writer writer = writer_over(buf, len);
    while (writer.len < len) {
        writer_u8(&writer, (uint8_t)support_next(&f->random));
    }
}

/* In the place of the disk while the owner's thread runs. */
static err_t no_open(void *self, const char *path, enum disk_open how,
                     int *ret_fd) {
    (void)self;
    (void)how;
    (void)ret_fd;
    fail_msg("the owner's thread opened %s", path);
    return ERR_IO;
}

static err_t no_write(void *self, int fd, uint64_t offset, struct slice bytes) {
    (void)self;
    (void)fd;
    (void)offset;
    (void)bytes;
    fail_msg("the owner's thread wrote");
    return ERR_IO;
}

static err_t no_read(void *self, int fd, uint64_t offset, void *buf, size_t len,
                     size_t *ret_len) {
    (void)self;
    (void)fd;
    (void)offset;
    (void)buf;
    (void)len;
    (void)ret_len;
    fail_msg("the owner's thread read");
    return ERR_IO;
}

static err_t no_sync(void *self, int fd) {
    (void)self;
    (void)fd;
    fail_msg("the owner's thread synced");
    return ERR_IO;
}

static err_t no_list(void *self, const char *path,
                     void (*each)(void *context, const char *name),
                     void *context) {
    (void)self;
    (void)each;
    (void)context;
    fail_msg("the owner's thread listed %s", path);
    return ERR_IO;
}

static void disk_allow(struct fixture *f) {
    f->platform.disk = f->disk;
}

static void disk_forbid(struct fixture *f) {
    f->platform.disk.open = no_open;
    f->platform.disk.write = no_write;
    f->platform.disk.read = no_read;
    f->platform.disk.sync = no_sync;
    f->platform.disk.list = no_list;
}

/* In the place of log_line(), by the linker's --wrap: failures are made by the
 * hundred here. */
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) PRINTF_LIKE(3, 4);
void __wrap_log_line(enum log_level level, const char *module,
                     const char *format, ...) {
    (void)level;
    (void)module;
    (void)format;
}

/* --- What leaves ---------------------------------------------------------- */

static void copy_text(char *ret, size_t size, struct slice text) {
    snprintf(ret, size, "%.*s", SLICE_ARG(text));
}

static void copy_member(char *ret, size_t size, json_t *of, const char *name) {
    const char *text = json_string_value(json_object_get(of, name));
    snprintf(ret, size, "%s", text != NULL ? text : "");
}

static void see_accepted(struct fixture *f, struct slice device, json_t *each) {
    struct fixture_seen *seen = &f->seen;
    assert_true(seen->accepted_count < FIXTURE_LIST_MAX);
    struct fixture_answer *answer = &seen->accepted[seen->accepted_count++];
    *answer = (struct fixture_answer){
        .seq = (uint64_t)json_integer_value(json_object_get(each, "seq")),
    };
    copy_text(answer->device, sizeof answer->device, device);
    copy_member(answer->id, sizeof answer->id, each, "id");
    /* The promise that everything else is for. */
    assert_true(answer->seq < fixture_end(f));
}

static void see_rejected(struct fixture *f, struct slice device, json_t *each) {
    struct fixture_seen *seen = &f->seen;
    assert_true(seen->rejected_count < 256);
    struct fixture_answer *answer = &seen->rejected[seen->rejected_count++];
    *answer = (struct fixture_answer){.seq = 0};
    copy_text(answer->device, sizeof answer->device, device);
    copy_member(answer->id, sizeof answer->id, each, "id");
    copy_member(answer->reason, sizeof answer->reason, each, "reason");
}

static void on_receipt(void *self, struct slice device, struct slice payload) {
    struct fixture *f = self;
    if (f->crashing) {
        return;
    }
    json_t *receipt =
        json_loadb((const char *)payload.data, payload.len, 0, NULL);
    assert_non_null(receipt);
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(receipt, "accepted"), i, each) {
        see_accepted(f, device, each);
    }
    json_array_foreach(json_object_get(receipt, "rejected"), i, each) {
        see_rejected(f, device, each);
    }
    json_decref(receipt);
}

static void on_notice(void *self, struct slice device, struct slice payload) {
    struct fixture *f = self;
    if (f->crashing) {
        return;
    }
    assert_true(f->seen.notice_count < 1024);
    struct fixture_notice *notice = &f->seen.notices[f->seen.notice_count++];
    copy_text(notice->device, sizeof notice->device, device);
    copy_text(notice->payload, sizeof notice->payload, payload);
}

static void on_durable(void *self) {
    struct fixture *f = self;
    if (f->crashing) {
        return;
    }
    f->seen.durable_calls++;
}

static void on_failed(void *self, const struct reason *reason) {
    struct fixture *f = self;
    f->seen.failed_calls += !f->crashing;
    f->seen.failed = *reason;
}

static void on_committed(void *self, err_t err, const struct reason *reason) {
    struct fixture *f = self;
    assert_true(f->door.waits);
    f->door.waits = false;
    f->door.told++;
    f->door.err = err;
    f->door.reason = *reason;
}

/* --- Its life ------------------------------------------------------------- */

struct fixture *fixture_new(uint64_t seed) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->random.state = seed;
    f->wall_us = 1700000000000000;
    f->mono_us = 1000000;
    f->fake = fake_disk_new(seed ^ 0x5eed);
    f->disk = fake_disk_table(f->fake);
    assert_int_equal(f->disk.make_dir(f->disk.self, FIXTURE_DATA), ERR_OK);
    assert_int_equal(f->disk.sync_dir(f->disk.self, ""), ERR_OK);
    f->platform = (struct platform){
        .disk = f->disk,
        .clock = {f, clock_wall_us, clock_mono_us},
        .entropy = {f, entropy_fill},
    };
    f->config = (struct config){
        .store = "s",
        .data = FIXTURE_DATA,
        .event_bytes_max = FIXTURE_EVENT_BYTES,
        .currency = "EUR",
        .payment_deadline_ms = 90 * 1000,
        .stream_count = 1,
    };
    f->settings = &f->config.streams[0];
    *f->settings = (struct config_stream){
        .name = "orders",
        .segment_bytes = FIXTURE_SEGMENT,
        .capacity = 64 * MIB,
        .keep = 64 * MIB,
    };
    return f;
}

void fixture_free(struct fixture *f) {
    assert_null(f->stream);
    fake_disk_free(f->fake);
    free(f);
}

int fixture_setup(void **state) {
    *state = fixture_new(11);
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    if (f->stream != NULL) {
        fixture_close(f);
    }
    fixture_free(f);
    return 0;
}

err_t fixture_try_open(struct fixture *f, struct reason *reason) {
    assert_null(f->stream);
    const struct stream_options options = {
        .platform = &f->platform,
        .config = &f->config,
        .stream = f->settings,
        .known_end = f->known_end,
        .cursor_known = f->cursor_known,
        .commit = fake_executor(&f->commit),
        .shared = fake_executor(&f->shared),
        .sink = {f, on_receipt, on_notice},
        .self = f,
        .durable = on_durable,
        .failed = on_failed,
    };
    *reason = (struct reason){""};
    err_t err = stream_open(&options, &f->stream, reason);
    if (err == ERR_OK) {
        disk_forbid(f);
        f->commit_jobs = 0;
    }
    return err;
}

void fixture_open(struct fixture *f) {
    struct reason reason;
    if (fixture_try_open(f, &reason) != ERR_OK) {
        fail_msg("open: %s", reason.text);
    }
}

static void close_stream(struct fixture *f) {
    assert_false(f->door.waits); /* else the process never stops */
    assert_true(stream_is_idle(f->stream));
    disk_allow(f);
    stream_close(f->stream);
    f->stream = NULL;
    f->door = (struct fixture_door){0};
}

void fixture_close(struct fixture *f) {
    fixture_settle(f);
    stream_give_up(f->stream);
    fixture_settle(f);
    close_stream(f);
}

static void stop(struct fixture *f) {
    f->crashing = true;
    stream_give_up(f->stream);
    fake_disk_stop(f->fake);
    fixture_settle(f);
    close_stream(f);
    f->crashing = false;
}

void fixture_crash(struct fixture *f, enum fake_fate fate) {
    stop(f);
    fake_disk_power_cut(f->fake, fate);
}

void fixture_kill(struct fixture *f) {
    stop(f);
    fake_disk_process_gone(f->fake);
}

/* --- Messages ------------------------------------------------------------- */

struct stream_answer fixture_take_payload(struct fixture *f, const char *device,
                                          const char *payload) {
    const struct stream_message message = {
        .device = slice_from_str(device),
        .payload = slice_from_str(payload),
    };
    struct stream_answer answer = {0};
    err_t err = stream_take(f->stream, &message, &answer);
    f->take_failed = err != ERR_OK && f->may_fail;
    assert_true(err == ERR_OK || f->take_failed);
    return answer;
}

struct stream_answer fixture_take(struct fixture *f, const char *device,
                                  const char *id, const char *type,
                                  const char *data) {
    static char payload[FIXTURE_EVENT_BYTES];
    int len = snprintf(payload, sizeof payload,
                       "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":"
                       "\"/s/%s\",\"type\":\"%s\",\"data\":%s}",
                       id, device, type, data);
    assert_true(len > 0 && (size_t)len < sizeof payload);
    return fixture_take_payload(f, device, payload);
}

static struct stream_answer reading(struct fixture *f, uint64_t number,
                                    size_t fill) {
    static char data[FIXTURE_EVENT_BYTES];
    char id[32];
    snprintf(id, sizeof id, "m-%d", (int)number);
    struct writer out = writer_over(data, sizeof data - 1);
    writer_printf(&out, "{\"n\":%d,\"fill\":\"", (int)number);
    writer_fill(&out, 'x', fill);
    writer_str(&out, "\"}");
    assert_false(out.full);
    data[out.len] = '\0';
    return fixture_take(f, "meter-1", id, "Reading", data);
}

struct stream_answer fixture_small(struct fixture *f, uint64_t number) {
    return reading(f, number, 8);
}

struct stream_answer fixture_large(struct fixture *f, uint64_t number) {
    return reading(f, number, FIXTURE_LARGE);
}

struct stream_answer fixture_order(struct fixture *f, uint64_t number) {
    char id[32];
    char data[256];
    snprintf(id, sizeof id, "e-%d", (int)number);
    snprintf(data, sizeof data,
             "{\"orderId\":\"o-%d\",\"customerId\":7,\"items\":[\"tea\"],"
             "\"total\":\"12.50\",\"paymentDetails\":{\"paymentMethod\":"
             "\"CARD\",\"terminal\":\"card-1\"}}",
             (int)number);
    return fixture_take(f, "till-1", id, "OrderPlaced", data);
}

struct stream_answer fixture_large_order(struct fixture *f, uint64_t number) {
    static char data[FIXTURE_EVENT_BYTES];
    char id[32];
    snprintf(id, sizeof id, "e-%d", (int)number);
    struct writer out = writer_over(data, sizeof data - 1);
    writer_printf(&out,
                  "{\"orderId\":\"o-%d\",\"customerId\":7,\"items\":[\"tea\"],"
                  "\"total\":\"12.50\",\"paymentDetails\":{\"paymentMethod\":"
                  "\"CASH\"},\"shippingDetails\":{\"fill\":\"",
                  (int)number);
    writer_fill(&out, 'x', 40000);
    writer_str(&out, "\"}}");
    assert_false(out.full);
    data[out.len] = '\0';
    return fixture_take(f, "till-1", id, "OrderPlaced", data);
}

/* --- Commits -------------------------------------------------------------- */

void fixture_ask(struct fixture *f) {
    assert_false(f->door.waits);
    f->door.waits = true;
    stream_commit(f->stream, on_committed, f);
}

static bool work_of(struct fixture *f, struct fake_executor *executor) {
    disk_allow(f);
    bool ran = fake_executor_work(executor);
    disk_forbid(f);
    return ran;
}

bool fixture_work(struct fixture *f) {
    bool ran = work_of(f, &f->commit);
    f->commit_jobs += ran;
    return ran;
}

bool fixture_done(struct fixture *f) {
    return fake_executor_done(&f->commit);
}

bool fixture_run(struct fixture *f) {
    return fixture_work(f) && fixture_done(f);
}

bool fixture_run_shared(struct fixture *f) {
    return work_of(f, &f->shared) && fake_executor_done(&f->shared);
}

static bool run_any(struct fixture *f) {
    bool ran = fixture_work(f);
    ran |= fixture_done(f);
    ran |= work_of(f, &f->shared);
    ran |= fake_executor_done(&f->shared);
    return ran;
}

void fixture_settle(struct fixture *f) {
    int jobs = 0;
    while (run_any(f)) {
        assert_true(++jobs < JOBS_A_SETTLE); /* else it never comes to rest */
    }
}

void fixture_commit(struct fixture *f) {
    fixture_ask(f);
    fixture_settle(f);
    if (f->door.waits || f->door.err != ERR_OK) {
        fail_msg("not committed: %s", f->door.waits
                                          ? stream_full_reason(f->stream)
                                          : f->door.reason.text);
    }
}

void fixture_commit_large(struct fixture *f, uint64_t first, uint64_t count) {
    for (uint64_t number = first; number < first + count; number++) {
        if (stream_is_full(f->stream)) {
            fixture_commit(f); /* finds room */
        }
        fixture_large(f, number);
        fixture_commit(f);
    }
}

void fixture_commit_orders(struct fixture *f, uint64_t first, uint64_t count) {
    for (uint64_t number = first; number < first + count; number++) {
        if (stream_is_full(f->stream)) {
            fixture_commit(f); /* finds room */
        }
        fixture_large_order(f, number);
        fixture_commit(f);
    }
}

/* --- Where it stands ----------------------------------------------------- */

uint64_t fixture_start(const struct fixture *f) {
    return atomic_load(&stream_position(f->stream)->start);
}

uint64_t fixture_end(const struct fixture *f) {
    return atomic_load(&stream_position(f->stream)->end);
}
