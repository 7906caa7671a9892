/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: of what Mosquitto saved it is known what will not be delivered, and
 * which sessions are of no user name; of a sound file nothing is said to be
 * lost. Each kind of damage is one changed field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/mqtt/broker_lost.h"
#include "gateway/mqtt/broker_unnamed.h"

enum { NOW_S = 1800000000, DAY_S = 24 * 3600 };

static char path[64];
static const struct broker_session session = {"gw-orders",
                                              "shopme/s1/+/orders"};

/* --- A file --- */

struct file {
    uint8_t bytes[64 * 1024];
    struct writer writer;
};

static void begin(struct file *file) {
    file->writer = writer_over(file->bytes, sizeof file->bytes);
    writer_slice_add(&file->writer, slice_of("\0\xB5\0mosquitto db", 16));
    file->writer.len = 15;
    writer_u32(&file->writer, 0);
    writer_u32(&file->writer, 6);
}

static void native(struct writer *writer, const void *value, size_t len) {
    writer_slice_add(writer, slice_of(value, len));
}

static void zeros(struct writer *writer, int count) {
    for (int i = 0; i < count; i++) {
        writer_u8(writer, 0);
    }
}

static void head(struct file *file, uint32_t type, size_t len) {
    writer_u32(&file->writer, type);
    writer_u32(&file->writer, (uint32_t)len);
}

static void stored(struct file *file, uint64_t number, const char *topic,
                   int64_t ends_s) {
    struct writer *w = &file->writer;
    head(file, 2, 8 + 8 + 4 + 2 + 2 + 2 + 2 + 4 + strlen(topic) + 5);
    native(w, &number, sizeof number);
    native(w, &ends_s, sizeof ends_s);
    writer_u32(w, 5);
    zeros(w, 2 + 2 + 2);
    writer_u16(w, (uint16_t)strlen(topic));
    zeros(w, 4);
    writer_str(w, topic);
    writer_str(w, "hello");
}

static void waiting(struct file *file, uint64_t number, const char *id,
                    uint8_t qos, uint8_t direction) {
    struct writer *w = &file->writer;
    head(file, 3, 8 + 2 + 2 + 4 + strlen(id));
    native(w, &number, sizeof number);
    writer_u16(w, 1);
    writer_u16(w, (uint16_t)strlen(id));
    writer_u8(w, qos);
    zeros(w, 2);
    writer_u8(w, direction);
    writer_str(w, id);
}

static void client(struct file *file, const char *id, const char *user,
                   int64_t ends_s, uint32_t expiry_s) {
    struct writer *w = &file->writer;
    head(file, 6, 8 + 4 + 2 + 2 + 2 + 2 + 4 + strlen(id) + strlen(user));
    native(w, &ends_s, sizeof ends_s);
    writer_u32(w, expiry_s);
    writer_u16(w, 1);
    writer_u16(w, (uint16_t)strlen(id));
    writer_u16(w, 1883);
    writer_u16(w, (uint16_t)strlen(user));
    zeros(w, 4);
    writer_str(w, id);
    writer_str(w, user);
}

static void put(struct file *file) {
    assert_false(file->writer.full);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(file->bytes, 1, file->writer.len, out),
                     file->writer.len);
    assert_int_equal(fclose(out), 0);
}

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/broker-left-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int teardown(void **state) {
    (void)state;
    return unlink(path);
}

static void subscription(struct file *file, const char *id, const char *topic) {
    struct writer *w = &file->writer;
    head(file, 5, 4 + 2 + 2 + 4 + strlen(id) + strlen(topic));
    writer_u32(w, 0);
    writer_u16(w, (uint16_t)strlen(id));
    writer_u16(w, (uint16_t)strlen(topic));
    writer_u8(w, 1);
    zeros(w, 3);
    writer_str(w, id);
    writer_str(w, topic);
}

/* --- What will not come --- */

struct damage {
    const char *what;
    const char *session; /* what it is called in the file */
    const char *topic;
    uint64_t number;
    const char *waits_for;
    uint8_t qos;
    uint8_t direction;
    int64_t ends_s;
    uint64_t lost;
    uint64_t expired;
};

static const struct damage damages[] = {
    {"none", "gw-orders", "shopme/s1/a/orders", 7, "gw-orders", 1, 1, 0, 0, 0},
    {"about to be sent", "gw-orders", "shopme/s1/a/orders", 7, "gw-orders", 0,
     1, 0, 0, 0},
    {"not over yet", "gw-orders", "shopme/s1/a/orders", 7, "gw-orders", 1, 1,
     NOW_S + 1, 0, 0},
    {"a device's own, of QoS 2", "gw-orders", "x", 7, "till-1", 2, 0, 0, 0, 0},
    {"the session", "gw-orderz", "shopme/s1/a/orders", 7, "gw-orders", 1, 1, 0,
     1, 0},
    {"whom it waits for", "gw-orders", "shopme/s1/a/orders", 7, "gw-ordert", 1,
     1, 0, 1, 0},
    {"which message", "gw-orders", "shopme/s1/a/orders", 6, "gw-orders", 1, 1,
     0, 1, 0},
    {"its topic", "gw-orders", "shopme/s1/a/orderr", 7, "gw-orders", 1, 1, 0, 1,
     0},
    {"its QoS", "gw-orders", "shopme/s1/a/orders", 7, "gw-orders", 5, 1, 0, 1,
     0},
    {"its direction", "gw-orders", "shopme/s1/a/orders", 7, "gw-orders", 1, 0,
     0, 1, 0},
    {"its time, to one that there is not", "gw-orders", "shopme/s1/a/orders", 7,
     "gw-orders", 1, 1, INT64_C(1) << 40, 1, 0},
    {"its time", "gw-orders", "shopme/s1/a/orders", 7, "gw-orders", 1, 1, 4096,
     0, 1},
};

static void test_lost(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        static struct file file;
        const struct damage *d = &damages[i];
        struct broker_lost lost;
        print_message("%s\n", d->what);
        begin(&file);
        stored(&file, 5, "shopme/s1/b/orders", 0);
        stored(&file, 7, d->topic, d->ends_s);
        client(&file, d->session, "gw-1", 0, 604800);
        waiting(&file, d->number, d->waits_for, d->qos, d->direction);
        subscription(&file, "gw-orders", session.topic);
        client(&file, "till-1", "till-1", 0, 604800);
        waiting(&file, 5, "till-1", 1, 1);
        put(&file);
        assert_int_equal(broker_lost_count(path, &session, 1, NOW_S, &lost),
                         ERR_OK);
        assert_int_equal(lost.messages, d->lost);
        assert_int_equal(lost.expired, d->expired);
    }
}

/* Goal: the number of one became another's: that comes twice, and it never. */
static void test_twice(void **state) {
    (void)state;
    static struct file file;
    struct broker_lost lost;
    begin(&file);
    stored(&file, 4, "shopme/s1/b/orders", 0);
    stored(&file, 5, "shopme/s1/b/orders", 0);
    client(&file, "gw-orders", "gw-1", 0, 604800);
    waiting(&file, 5, "gw-orders", 1, 1);
    waiting(&file, 5, "gw-orders", 1, 1);
    subscription(&file, "gw-orders", session.topic);
    put(&file);
    assert_int_equal(broker_lost_count(path, &session, 1, NOW_S, &lost),
                     ERR_OK);
    assert_int_equal(lost.messages, 1);
}

/* Goal: what waits from before the store had another name is not damaged. */
static void test_renamed(void **state) {
    (void)state;
    for (int now = 0; now < 2; now++) {
        static struct file file;
        struct broker_lost lost;
        begin(&file);
        stored(&file, 5, "shopme/old/b/orders", 0);
        client(&file, "gw-orders", "gw-1", 0, 604800);
        waiting(&file, 5, "gw-orders", 1, 1);
        subscription(&file, "gw-orders", "shopme/old/+/orders");
        if (now == 1) {
            subscription(&file, "gw-orders", session.topic);
        }
        put(&file);
        assert_int_equal(broker_lost_count(path, &session, 1, NOW_S, &lost),
                         ERR_OK);
        assert_int_equal(lost.messages, 0);
    }
}

/* Goal: no file, one of another form, and one that is cut. */
static void test_unreadable(void **state) {
    (void)state;
    static struct file file;
    struct broker_lost lost;
    assert_int_equal(
        broker_lost_count("/nowhere/db", &session, 1, NOW_S, &lost),
        ERR_NOT_FOUND);
    begin(&file);
    stored(&file, 5, "shopme/s1/b/orders", 0);
    for (size_t whole = file.writer.len; file.writer.len > 0;
         file.writer.len--) {
        put(&file);
        err_t wanted = file.writer.len == whole || file.writer.len == 23
                           ? ERR_OK
                           : ERR_PARSE;
        assert_int_equal(broker_lost_count(path, &session, 1, NOW_S, &lost),
                         wanted);
    }
}

/* --- Sessions of no user name --- */

static void test_unnamed(void **state) {
    (void)state;
    static struct file file;
    static struct rules rules;
    rules = (struct rules){.gateway_id_count = 1,
                           .gateway_ids = {"gw-orders"},
                           .session_count = 5};
    begin(&file);
    client(&file, "gw-orders", "", 0, 604800);
    client(&file, "till-1", "till-1", NOW_S + 9, 9);
    client(&file, "a b", "anonymous", NOW_S + 5, 9);
    client(&file, "over", "anonymous", NOW_S, 9);
    client(&file, "there", "", 0, 60);
    client(&file, "for ever", "", 0, UINT32_MAX);
    client(&file, "a\nline", "", 0, 60);
    put(&file);
    broker_unnamed_find(path, NOW_S, &rules);
    assert_int_equal(rules.session_count, 3);
    assert_string_equal(rules.sessions[0].client_id, "a b");
    assert_int_equal(rules.sessions[0].ends_s, NOW_S + 5);
    assert_string_equal(rules.sessions[1].client_id, "there");
    assert_int_equal(rules.sessions[1].ends_s, NOW_S + 60);
    assert_string_equal(rules.sessions[2].client_id, "for ever");
    assert_int_equal(rules.sessions[2].ends_s, NOW_S + 14 * DAY_S);
    broker_unnamed_find("/nowhere/db", NOW_S, &rules);
    assert_int_equal(rules.session_count, 0);
}

/* Goal: as many as the rules can hold. */
static void test_many_unnamed(void **state) {
    (void)state;
    static struct file file;
    static struct rules rules;
    begin(&file);
    for (int i = 0; i < RULES_SESSIONS_MAX + 20; i++) {
        char id[200];
        snprintf(id, sizeof id, "%0*d", i == 0 ? 128 : 5, i);
        client(&file, id, "anonymous", NOW_S + 5, 9);
    }
    put(&file);
    broker_unnamed_find(path, NOW_S, &rules);
    assert_int_equal(rules.session_count, RULES_SESSIONS_MAX);
    assert_string_equal(rules.sessions[0].client_id, "00001"); /* 0: too long */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost),    cmocka_unit_test(test_twice),
        cmocka_unit_test(test_renamed), cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_unnamed), cmocka_unit_test(test_many_unnamed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
