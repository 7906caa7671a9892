/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t ID[16] = "0123456789abcde";

static struct state *make(bool has_shop) {
    const struct state_options options = {
        .store = "s",
        .currency = "EUR",
        .journal_id = ID,
        .life = ID,
        .has_shop = has_shop,
    };
    struct state *state;
    assert_int_equal(state_new(&options, &state), ERR_OK);
    return state;
}

static struct event event_of(const char *id, const char *source,
                             const char *type, const char *data) {
    return (struct event){
        .id = slice_from_str(id),
        .source = slice_from_str(source),
        .type = slice_from_str(type),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_from_str(data),
    };
}

static err_t apply(struct state *state, uint64_t seq,
                   const struct event *event) {
    static uint8_t memory[4096];
    struct writer out = writer_over(memory, sizeof memory);
    event_store(event, &out);
    const struct journal_record record = {.seq = seq,
                                          .bytes = writer_slice(&out)};
    return state_apply(state, &record);
}

static bool knows(const struct state *state, const char *device,
                  const struct event *event, uint64_t seq) {
    uint64_t found = UINT64_MAX;
    return dedupe_find(state_dedupe(state), slice_from_str(device), event->id,
                       event_hash(event), &found) == DEDUPE_SAME &&
           found == seq;
}

#define STOCK(quantity) \
    "{\"items\":[{\"sku\":\"a\",\"quantity\":" quantity "}]}"

static struct event received(void) {
    return event_of("e", "/s/scanner-1", "StockReceived", STOCK("1"));
}

/* Goal: a device's event is remembered as its own; what the gateway, the shop
 * and other stores say is nobody's. */
static void test_whose_event_it_is(void **context) {
    (void)context;
    struct state *state = make(false);
    static const char *const sources[] = {"/s/meter-1", "/s/gateway",
                                          "/other/meter-2", "meter-3"};
    for (uint64_t i = 0; i < 4; i++) {
        struct event event = event_of("e", sources[i], "T", "1");
        assert_int_equal(apply(state, i, &event), ERR_OK);
    }
    struct event first = event_of("e", sources[0], "T", "1");
    assert_true(knows(state, "meter-1", &first, 0));
    struct event second = event_of("e", sources[1], "T", "1");
    assert_false(knows(state, "gateway", &second, 1));
    struct event third = event_of("e", sources[2], "T", "1");
    assert_false(knows(state, "meter-2", &third, 2));
    assert_null(state_shop(state));
    assert_true(state_hash(state) == 0);
    state_pass_gap(state); /* nothing to it */
    state_free(state);
    state_free(NULL);
}

/* The one event that the shop published. */
struct tape {
    uint8_t bytes[4096];
    size_t len;
};

/* Goal: what ran live is what a replay comes to. */
static err_t to_replay(void *self, const struct event *event,
                       struct slice device, struct shop_stamp *ret_stamp) {
    struct tape *tape = self;
    assert_int_equal(device.len, 0);
    assert_true(slice_eq_str(event->type, "StockChanged"));
    struct writer out = writer_over(tape->bytes, sizeof tape->bytes);
    event_store(event, &out);
    assert_false(out.full);
    tape->len = out.len;
    *ret_stamp = (struct shop_stamp){1, 0};
    return ERR_OK;
}

/* As a stream does before the first input. */
static struct event changed(void) {
    return event_of("c", "/s/gateway", "ConfigChanged",
                    "{\"rules\":2,\"currency\":\"EUR\"}");
}

static void test_live_and_replayed(void **context) {
    (void)context;
    struct state *live = make(true);
    struct state *replayed = make(true);
    static struct tape tape;
    const struct shop_bus bus = {.self = &tape, .publish = to_replay};
    struct event event = received();
    struct event first = changed();
    const struct shop_stamp stamp = {0, 0};
    assert_int_equal(shop_run_own(state_shop(live), &first, stamp, &bus),
                     ERR_OK);
    assert_true(shop_is_current(state_shop(live)));
    assert_int_equal(apply(replayed, 0, &first), ERR_OK);
    assert_int_equal(state_run(live, &event, SLICE("scanner-1"),
                               event_hash(&event), stamp, &bus),
                     ERR_OK);
    assert_int_equal(apply(replayed, 0, &event), ERR_OK);
    const struct journal_record record = {
        .seq = 1, .bytes = slice_of(tape.bytes, tape.len)};
    assert_int_equal(state_apply(replayed, &record), ERR_OK);
    assert_true(state_hash(live) == state_hash(replayed));
    assert_true(knows(live, "scanner-1", &event, 0));
    assert_true(knows(replayed, "scanner-1", &event, 0));
    state_free(live);
    state_free(replayed);
}

/* Goal: what was saved is loaded, and is the same. */
static void test_save_and_load(void **context) {
    (void)context;
    for (int has_shop = 0; has_shop < 2; has_shop++) {
        static uint8_t memory[64 * 1024];
        struct state *state = make(has_shop);
        struct state *again = make(has_shop);
        struct event event = received();
        assert_int_equal(apply(state, 5, &event), ERR_OK);
        struct writer out = writer_over(memory, sizeof memory);
        state_save(state, &out);
        assert_false(out.full);
        assert_int_equal(state_load(again, writer_slice(&out)), ERR_OK);
        assert_true(state_hash(again) == state_hash(state));
        assert_true(knows(again, "scanner-1", &event, 5));
        struct writer tight = writer_over(memory, out.len - 1);
        state_save(state, &tight);
        assert_true(tight.full);
        state_free(state);
        state_free(again);
    }
}

static err_t load(bool has_shop, struct slice saved) {
    struct state *state = make(has_shop);
    err_t err = state_load(state, saved);
    state_free(state);
    return err;
}

/* Goal: what cannot be loaded is told apart: another version's or with a shop
 * where there is none, and what is damaged at any length. */
static void test_what_cannot_be_loaded(void **context) {
    (void)context;
    static uint8_t memory[64 * 1024];
    struct state *state = make(true);
    struct event event = received();
    assert_int_equal(apply(state, 5, &event), ERR_OK);
    struct writer out = writer_over(memory, sizeof memory);
    state_save(state, &out);
    state_free(state);
    const struct slice saved = writer_slice(&out);
    assert_int_equal(load(true, saved), ERR_OK);
    assert_int_equal(load(false, saved), ERR_UNSUPPORTED);
    for (size_t len = 0; len < saved.len; len++) {
        err_t err = load(true, slice_part(saved, 0, len));
        assert_true(err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
        assert_true(len >= 4 || err == ERR_CORRUPT);
    }
    memory[3]++;
    assert_int_equal(load(true, saved), ERR_UNSUPPORTED);
}

/* Goal: a record that cannot follow is refused, and passed over once it is
 * known that some are missing; one that is no event is refused. */
static void test_what_cannot_follow(void **context) {
    (void)context;
    struct state *state = make(true);
    struct event event =
        event_of("x", "/s/order", "OrderFulfiled", "{\"orderId\":\"o-1\"}");
    assert_int_equal(apply(state, 0, &event), ERR_CORRUPT);
    state_pass_gap(state);
    assert_int_equal(apply(state, 0, &event), ERR_OK);
    assert_true(shop_counts(state_shop(state)).unfitting > 0);
    const struct journal_record record = {.bytes = SLICE("no event")};
    assert_int_equal(state_apply(state, &record), ERR_CORRUPT);
    state_free(state);
}

/* Goal: a type that a newer version brought is passed over, and counted, on the
 * shop's stream; any type is welcome on others. */
static void test_types_that_are_not_known(void **context) {
    (void)context;
    for (int has_shop = 0; has_shop < 2; has_shop++) {
        struct state *state = make(has_shop);
        struct event known = received();
        assert_int_equal(apply(state, 0, &known), ERR_OK);
        uint64_t hash = state_hash(state);
        assert_int_equal(state_unknown(state), 0);
        struct event event = event_of("x", "/s/order", "OrderPraised", "{}");
        assert_int_equal(apply(state, 1, &event), ERR_OK);
        assert_int_equal(apply(state, 2, &event), ERR_OK);
        assert_int_equal(state_unknown(state), has_shop ? 2 : 0);
        assert_true(state_hash(state) == hash);
        state_free(state);
    }
}

/* Goal: a currency that is none makes no state. */
static void test_a_currency_that_is_none(void **context) {
    (void)context;
    const struct state_options options = {
        .store = "s",
        .currency = "XXY",
        .journal_id = ID,
        .has_shop = true,
    };
    struct state *state = NULL;
    assert_int_equal(state_new(&options, &state), ERR_RANGE);
    assert_null(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose_event_it_is),
        cmocka_unit_test(test_live_and_replayed),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_what_cannot_be_loaded),
        cmocka_unit_test(test_what_cannot_follow),
        cmocka_unit_test(test_types_that_are_not_known),
        cmocka_unit_test(test_a_currency_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
