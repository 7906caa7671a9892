/* SPDX-License-Identifier: Apache-2.0 */
/* An aggregate to the byte, its size at every step, where it is cut. What other
 * readers make of it: aggregate_test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/aggregate.h"
#include "bridge/digest.h"

enum { ROOM = 1024 * 1024 };

struct bench {
    struct aggregate aggregate;
    uint8_t keys[ROOM];
    uint8_t records[ROOM];
    uint8_t data[ROOM];
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    aggregate_begin(&bench->aggregate, "123456", bench->keys, bench->records,
                    ROOM);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    free(*state);
    return 0;
}

static struct slice written(struct bench *bench) {
    struct writer writer = writer_over(bench->data, sizeof bench->data);
    aggregate_write(&bench->aggregate, &writer);
    assert_false(writer.full);
    assert_int_equal(writer.len, aggregate_data_len(&bench->aggregate));
    return writer_slice(&writer);
}

static void add(struct bench *bench, const char *key, struct slice data) {
    assert_int_equal(
        aggregate_add(&bench->aggregate, slice_from_str(key), data, ROOM),
        ERR_OK);
}

/* Goal: each byte is the format's: keys once, all under one hash key. */
static void test_to_the_byte(void **state) {
    struct bench *bench = *state;
    static const char expected[] = "\xf3\x89\x9a\xc2"
                                   "\x0a\x01"
                                   "a"
                                   "\x0a\x05"
                                   "dev/2"
                                   "\x12\x06"
                                   "123456"
                                   "\x1a\x0a\x08\x00\x10\x00\x1a\x04"
                                   "one\n"
                                   "\x1a\x0a\x08\x01\x10\x00\x1a\x04"
                                   "two\n"
                                   "\x1a\x07\x08\x00\x10\x00\x1a\x01"
                                   "\n";
    add(bench, "a", SLICE("one"));
    add(bench, "dev/2", SLICE("two"));
    add(bench, "a", SLICE_EMPTY);
    struct slice data = written(bench);
    size_t len = sizeof expected - 1;
    assert_int_equal(data.len, len + 16);
    assert_memory_equal(data.data, expected, len);
    uint8_t md5[DIGEST_MD5_SIZE];
    digest_md5(slice_of(expected + 4, len - 4), md5);
    assert_memory_equal(data.data + len, md5, sizeof md5);
    assert_int_equal(aggregate_size(&bench->aggregate), data.len + 1 + 6);
}

/* Goal: one byte less room than it needs is refused, and nothing is added. */
static void test_the_limit(void **state) {
    struct bench *bench = *state;
    struct aggregate *aggregate = &bench->aggregate;
    add(bench, "k", SLICE("x"));
    size_t before = aggregate_size(aggregate);
    add(bench, "new", SLICE("event"));
    size_t size = aggregate_size(aggregate);
    aggregate_begin(aggregate, "123456", bench->keys, bench->records, ROOM);
    add(bench, "k", SLICE("x"));
    assert_int_equal(
        aggregate_add(aggregate, SLICE("new"), SLICE("event"), size - 1),
        ERR_FULL);
    assert_int_equal(aggregate_size(aggregate), before);
    assert_int_equal(aggregate->count, 1);
    assert_int_equal(
        aggregate_add(aggregate, SLICE("new"), SLICE("event"), size), ERR_OK);
    assert_int_equal(aggregate_size(aggregate), size);
}

/* Goal: as many keys as there are stay right, though not all are remembered. */
static void test_many_keys(void **state) {
    struct bench *bench = *state;
    char key[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "key-%d", i % 1500);
        size_t before = aggregate_size(&bench->aggregate);
        add(bench, key, SLICE("event"));
        assert_in_range(aggregate_size(&bench->aggregate) - before, 1,
                        aggregate_cost(strlen(key), 5));
    }
    assert_in_range(bench->aggregate.key_count, 1500, 2500);
    assert_int_equal(bench->aggregate.count, 3000);
    (void)written(bench);
}

/* Events of `len` bytes, `count` of them. */
static void fill(struct bench *bench, size_t len, int count) {
    static const uint8_t bytes[AGGREGATE_UNIT * 2];
    for (int i = 0; i < count; i++) {
        add(bench, "key", slice_of(bytes, len));
    }
}

/* Goal: what only begins a unit waits, unless it is the first unit, or it would
 * leave more unused. */
static void test_the_cut(void **state) {
    struct bench *bench = *state;
    struct aggregate *aggregate = &bench->aggregate;
    fill(bench, 1000, 24);
    assert_int_equal(aggregate_cut(aggregate), 24); /* within the first */
    fill(bench, 1000, 4);
    assert_int_equal(aggregate_cut(aggregate), 25);
    assert_in_range(aggregate_size(aggregate), AGGREGATE_UNIT - 1100,
                    AGGREGATE_UNIT);
    (void)written(bench);

    aggregate_begin(aggregate, "1", bench->keys, bench->records, ROOM);
    fill(bench, 1000, 99);
    assert_int_equal(aggregate_cut(aggregate), 75); /* three units of four */
    aggregate_begin(aggregate, "1", bench->keys, bench->records, ROOM);
    fill(bench, 1000, 10);
    fill(bench, 40000, 1);
    assert_int_equal(aggregate_cut(aggregate), 11); /* 10 kB are no unit */
}

/* Goal: a size that is exactly some units is not cut. */
static void test_whole_units(void **state) {
    struct bench *bench = *state;
    struct aggregate *aggregate = &bench->aggregate;
    static const uint8_t bytes[AGGREGATE_UNIT];
    fill(bench, 100, 1);
    size_t size = aggregate_size(aggregate);
    fill(bench, 20000, 1);
    size_t more = aggregate_size(aggregate) - size - 20000;
    aggregate_begin(aggregate, "123456", bench->keys, bench->records, ROOM);
    fill(bench, 100, 1);
    add(bench, "key", slice_of(bytes, AGGREGATE_UNIT - size - more));
    assert_int_equal(aggregate_size(aggregate), AGGREGATE_UNIT);
    assert_int_equal(aggregate_cut(aggregate), 2);
    fill(bench, 0, 1);
    assert_int_equal(aggregate_cut(aggregate), 2);
    assert_int_equal(aggregate_full(AGGREGATE_UNIT), AGGREGATE_UNIT);
    assert_int_equal(aggregate_full(AGGREGATE_UNIT - 1), 0);
    assert_int_equal(aggregate_full(1024 * 1024), 40 * AGGREGATE_UNIT);
}

/* Goal: the hash key is that of store, stream and lane: these three numbers
 * came from Python's hashlib. */
static void test_the_hash_key(void **state) {
    (void)state;
    char key[AGGREGATE_HASH_KEY_SIZE];
    aggregate_hash_key("store-7", "telemetry", 0, key);
    assert_string_equal(key, "275143025458839691825897142472467101917");
    aggregate_hash_key("store-7", "telemetry", 15, key);
    assert_string_equal(key, "30823605282323576921605824051202052258");
    aggregate_hash_key("store-829", "telemetry", 6, key); /* a short one */
    assert_string_equal(key, "60030037580478641188209989681417");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_to_the_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whole_units, set_up, tear_down),
        cmocka_unit_test(test_the_hash_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
