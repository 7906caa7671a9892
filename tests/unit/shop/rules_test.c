/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: records are applied by the rules they were made under. A journal of
 * release 0.2.0 gives the states that release had, to the hash, and its
 * snapshot is read and written to the byte; then the shop changes to the
 * present rules and goes on, and whoever replays all of it comes to the same.
 *
 * rules-1/journal was written by a program linked to that release's
 * gateway/shop (8f17632): 36 inputs that meet the pairs of (event type,
 * payment's state). Numbers are big-endian, of eight bytes: how many records;
 * of each its time, the state's hash after it (0 inside a run), its length, its
 * bytes; then the length and bytes of what shop_save() gave. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/shop/refund_view.h"
#include "tests/unit/shop/harness.h"

struct old_record {
    struct shop_stamp stamp;
    uint64_t hash;
    struct event event;
};

struct old_journal {
    uint8_t bytes[64 * 1024];
    struct old_record records[256];
    size_t count;
    struct slice saved;
};

static void read_record(struct cursor *from, struct old_record *ret,
                        uint64_t seq) {
    uint64_t wall_us;
    uint64_t len;
    struct slice bytes;
    assert_int_equal(cursor_u64(from, &wall_us), ERR_OK);
    assert_int_equal(cursor_u64(from, &ret->hash), ERR_OK);
    assert_int_equal(cursor_u64(from, &len), ERR_OK);
    assert_int_equal(cursor_take(from, (size_t)len, &bytes), ERR_OK);
    assert_int_equal(event_load(bytes, &ret->event), ERR_OK);
    ret->stamp = (struct shop_stamp){seq, (int64_t)wall_us};
}

static struct old_journal *read_old(void) {
    static struct old_journal old;
    FILE *file = fopen(EDGE_RULES_1, "rb");
    assert_non_null(file);
    size_t len = fread(old.bytes, 1, sizeof old.bytes, file);
    assert_true(feof(file));
    fclose(file);
    struct cursor from = cursor_over(slice_of(old.bytes, len));
    uint64_t count;
    uint64_t saved;
    assert_int_equal(cursor_u64(&from, &count), ERR_OK);
    assert_true(count <= 256);
    for (old.count = 0; old.count < count; old.count++) {
        read_record(&from, &old.records[old.count], old.count);
    }
    assert_int_equal(cursor_u64(&from, &saved), ERR_OK);
    assert_int_equal(cursor_take(&from, (size_t)saved, &old.saved), ERR_OK);
    assert_int_equal(cursor_left(&from), 0);
    return &old;
}

static struct shop *make(const uint8_t *life) {
    const struct shop_options options = {
        .store = SLICE(HARNESS_STORE),
        .journal_id = harness_journal_id,
        .life = life,
    };
    struct shop *shop;
    assert_int_equal(shop_new(&options, &shop), ERR_OK);
    return shop;
}

static void apply_old(struct shop *shop, const struct old_journal *old) {
    for (size_t i = 0; i < old->count; i++) {
        const struct old_record *record = &old->records[i];
        assert_int_equal(shop_apply(shop, &record->event, record->stamp),
                         ERR_OK);
        if (record->hash != 0) {
            assert_true(shop_hash(shop) == record->hash);
        }
    }
    assert_int_equal(shop_rules(shop), SHOP_RULES_FIRST);
    assert_false(shop_is_current(shop));
}

static struct slice save(const struct shop *shop) {
    static uint8_t bytes[64 * 1024];
    struct writer to = writer_over(bytes, sizeof bytes);
    shop_save(shop, &to);
    assert_false(to.full);
    return writer_slice(&to);
}

static void test_replays_to_the_same_hash(void **state) {
    (void)state;
    const struct old_journal *old = read_old();
    struct shop *shop = make(NULL);
    apply_old(shop, old);
    assert_true(slice_eq(save(shop), old->saved));
    struct shop *loaded = make(NULL);
    assert_int_equal(shop_load(loaded, old->saved), ERR_OK);
    assert_true(shop_hash(loaded) == shop_hash(shop));
    shop_free(loaded);
    shop_free(shop);
}

/* What a shop publishes, in memory, so that it can be replayed. */
struct tape {
    struct shop *shop;
    uint8_t bytes[64][4096];
    size_t lens[64];
    size_t count;
    uint64_t first;
};

static struct shop_stamp stamp_of(const struct tape *tape, size_t at) {
    return (struct shop_stamp){tape->first + at, 1790000000000000};
}

static err_t record(void *self, const struct event *event, struct slice device,
                    struct shop_stamp *ret_stamp) {
    struct tape *tape = self;
    (void)device;
    assert_true(tape->count < 64);
    struct writer to = writer_over(tape->bytes[tape->count], 4096);
    event_store(event, &to);
    assert_false(to.full);
    tape->lens[tape->count] = to.len;
    *ret_stamp = stamp_of(tape, tape->count);
    tape->count++;
    return ERR_OK;
}

static void ignore_notice(void *self, const struct event *event,
                          struct shop_stamp stamp, struct slice device) {
    (void)self;
    (void)event;
    (void)stamp;
    (void)device;
}

static void change(struct tape *tape, const char *data) {
    const struct shop_bus bus = {tape, record, ignore_notice};
    struct event event =
        harness_event("ConfigChanged", "/" HARNESS_STORE "/gateway", "c", data);
    struct shop_stamp stamp;
    assert_int_equal(record(tape, &event, SLICE_EMPTY, &stamp), ERR_OK);
    assert_int_equal(shop_run_own(tape->shop, &event, stamp, &bus), ERR_OK);
}

static void change_to(struct tape *tape, uint32_t rules) {
    char data[256] = "";
    struct writer to = writer_over(data, sizeof data - 1);
    shop_config(tape->shop, rules, &to);
    change(tape, data);
    assert_int_equal(shop_rules(tape->shop), rules);
}

static void send(struct tape *tape, const char *device, const char *type,
                 const char *data) {
    const struct shop_bus bus = {tape, record, ignore_notice};
    char source[64];
    char id[16];
    snprintf(source, sizeof source, "/" HARNESS_STORE "/%s", device);
    snprintf(id, sizeof id, "n-%zu", tape->count);
    struct event event = harness_event(type, source, id, data);
    struct shop_stamp stamp;
    assert_int_equal(shop_check(&event, NULL), ERR_OK);
    assert_int_equal(record(tape, &event, SLICE_EMPTY, &stamp), ERR_OK);
    assert_int_equal(
        shop_run(tape->shop, &event, slice_from_str(device), stamp, &bus),
        ERR_OK);
}

static void replay_tape(struct shop *shop, const struct tape *tape) {
    for (size_t i = 0; i < tape->count; i++) {
        struct event event;
        assert_int_equal(
            event_load(slice_of(tape->bytes[i], tape->lens[i]), &event),
            ERR_OK);
        assert_int_equal(shop_apply(shop, &event, stamp_of(tape, i)), ERR_OK);
    }
    assert_true(shop_hash(shop) == shop_hash(tape->shop));
}

static struct tape *go_on(struct shop *shop, const struct old_journal *old) {
    struct tape *tape = calloc(1, sizeof *tape);
    assert_non_null(tape);
    tape->shop = shop;
    tape->first = old->count;
    change_to(tape, SHOP_RULES_NEWEST);
    assert_true(shop_is_current(shop));
    send(tape, "card-1", "PaymentAuthorized",
         "{\"orderId\":\"open-1\",\"paymentTransactionId\":\"n-1\"}");
    send(tape, "till-2", "OrderCancelRequested", "{\"orderId\":\"open-2\"}");
    send(tape, "till-1", "OrderPlaced",
         "{\"orderId\":\"new\",\"customerId\":1,\"items\":[\"mug\"],\"total\":"
         "\"9.50\",\"paymentDetails\":{\"paymentMethod\":\"CASH\"}}");
    return tape;
}

/* By a replay and from the old snapshot: to the same end. */
static void test_goes_on(void **state) {
    (void)state;
    const struct old_journal *old = read_old();
    struct shop *shop = make(harness_life);
    apply_old(shop, old);
    uint64_t open = shop_counts(shop).open;
    uint64_t fulfiled = shop_counts(shop).fulfiled;
    struct tape *tape = go_on(shop, old);
    assert_int_equal(shop_counts(shop).open, open - 2);
    assert_int_equal(shop_counts(shop).fulfiled, fulfiled + 2);
    struct shop *loaded = make(NULL);
    assert_int_equal(shop_load(loaded, old->saved), ERR_OK);
    replay_tape(loaded, tape);
    shop_free(loaded);
    loaded = make(NULL);
    assert_int_equal(shop_load(loaded, save(shop)), ERR_OK);
    assert_int_equal(shop_rules(loaded), SHOP_RULES_NEWEST);
    assert_true(shop_is_current(loaded));
    shop_free(loaded);
    free(tape);
    shop_free(shop);
}

/* The way back: what is saved then is in the old form, and read again. */
static void test_goes_back(void **state) {
    (void)state;
    const struct old_journal *old = read_old();
    struct shop *shop = make(harness_life);
    apply_old(shop, old);
    struct tape *tape = go_on(shop, old);
    change_to(tape, SHOP_RULES_FIRST);
    struct slice saved = save(shop);
    struct shop *loaded = make(NULL);
    assert_int_equal(shop_load(loaded, saved), ERR_OK);
    assert_true(shop_hash(loaded) == shop_hash(shop));
    assert_int_equal(saved.data[3], 1); /* the order service's first form */
    shop_free(loaded);
    loaded = make(NULL);
    apply_old(loaded, old);
    replay_tape(loaded, tape);
    shop_free(loaded);
    free(tape);
    shop_free(shop);
}

/* All but the first `from` records, of which it is known that they are lost. */
static struct shop *replay_rest(const struct tape *tape, size_t from) {
    struct shop *shop = make(harness_life);
    shop_pass_gap(shop);
    for (size_t i = from; i < tape->count; i++) {
        struct event event;
        assert_int_equal(
            event_load(slice_of(tape->bytes[i], tape->lens[i]), &event),
            ERR_OK);
        assert_int_equal(shop_apply(shop, &event, stamp_of(tape, i)), ERR_OK);
    }
    return shop;
}

/* The ConfigChanged is lost: what follows is of its rules all the same. */
static void test_lost_rules_are_found(void **state) {
    (void)state;
    struct tape *tape = calloc(1, sizeof *tape);
    assert_non_null(tape);
    tape->shop = make(harness_life);
    change_to(tape, SHOP_RULES_NEWEST);
    send(tape, "scanner-1", "StockReceived",
         "{\"items\":[{\"sku\":\"mug\",\"quantity\":10}]}");
    struct shop *found = replay_rest(tape, 1);
    assert_int_equal(shop_rules(found), 2);
    assert_false(shop_is_current(found));
    shop_free(tape->shop);
    tape->shop = found;
    change_to(tape, SHOP_RULES_NEWEST);
    send(tape, "scanner-1", "StockAdjusted",
         "{\"items\":[{\"sku\":\"mug\",\"quantity\":1}],\"reason\":\"r\"}");
    struct event event;
    assert_int_equal(event_load(slice_of(tape->bytes[tape->count - 1],
                                         tape->lens[tape->count - 1]),
                                &event),
                     ERR_OK);
    assert_non_null(
        memmem(event.data.data, event.data.len, "\"onHand\":11", 11));
    shop_free(tape->shop);
    free(tape);
}

static void test_lost_rules_are_found_by_money(void **state) {
    (void)state;
    struct tape *tape = calloc(1, sizeof *tape);
    assert_non_null(tape);
    tape->shop = make(harness_life);
    change_to(tape, SHOP_RULES_NEWEST);
    send(tape, "till-1", "OrderPlaced",
         "{\"orderId\":\"new\",\"customerId\":1,\"items\":[\"mug\"],\"total\":"
         "\"9.50\",\"paymentDetails\":{\"paymentMethod\":\"CARD\",\"terminal\":"
         "\"card-1\"}}");
    send(tape, "card-1", "PaymentRefused", "{\"orderId\":\"new\"}");
    send(tape, "card-1", "PaymentAuthorized",
         "{\"orderId\":\"new\",\"paymentTransactionId\":\"t\"}");
    struct shop *found = replay_rest(tape, 1);
    assert_int_equal(shop_rules(found), 2);
    assert_int_equal(shop_refunds(found)->open, 1);
    shop_free(found);
    shop_free(tape->shop);
    free(tape);
}

static void test_newer_rules_are_refused(void **state) {
    (void)state;
    struct shop *shop = make(NULL);
    struct event event =
        harness_event("ConfigChanged", "/" HARNESS_STORE "/gateway", "c",
                      "{\"rules\":99,\"currency\":\"EUR\"}");
    const struct shop_stamp stamp = {0, 0};
    uint64_t before = shop_hash(shop);
    assert_int_equal(shop_apply(shop, &event, stamp), ERR_UNSUPPORTED);
    assert_true(shop_hash(shop) == before);
    event.data = SLICE("{\"rules\":0}");
    assert_int_equal(shop_apply(shop, &event, stamp), ERR_CORRUPT);
    shop_free(shop);
}

/* What intake refuses may be in a journal: an older release took it, or a newer
 * one. Of each, only what the services need is read. */
static void test_replay_asks_less_than_intake(void **state) {
    (void)state;
#define LENIENT(id, more)                                                      \
    "{\"orderId\":\"" id "\",\"items\":[{\"sku\":\"a\",\"unitPrice\":1}],"     \
    "\"total\":\"1.00\",\"paymentDetails\":{\"paymentMethod\":\"CASH\"}," more \
    "}"
    static const char *const journaled[] = {
        LENIENT("o-0badcafe-1", "\"customerId\":1"), /* the gateway's form */
        LENIENT("a", "\"customerId\":[1]"),
        LENIENT("b", "\"customerId\":1,\"shippingDetails\":7"),
        LENIENT("c", "\"customerId\":1,\"currency\":\"JPY\""),
    };
    struct shop *shop = make(NULL);
    for (size_t i = 0; i < sizeof journaled / sizeof *journaled; i++) {
        struct event event = harness_event(
            "OrderPlaced", "/" HARNESS_STORE "/till-1", "e", journaled[i]);
        const struct shop_stamp stamp = {i, 0};
        assert_int_equal(shop_check(&event, NULL), ERR_RANGE);
        assert_int_equal(shop_apply(shop, &event, stamp), ERR_OK);
    }
    shop_free(shop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replays_to_the_same_hash),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_goes_back),
        cmocka_unit_test(test_lost_rules_are_found),
        cmocka_unit_test(test_lost_rules_are_found_by_money),
        cmocka_unit_test(test_newer_rules_are_refused),
        cmocka_unit_test(test_replay_asks_less_than_intake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
