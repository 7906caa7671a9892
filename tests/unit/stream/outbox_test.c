/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: nothing leaves before its need is met, everything leaves once, the
 * receipts of a device become one message that a strict reader understands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "gateway/stream/outbox.h"

static const uint8_t ID[16] = {1, 2};
static const uint8_t LIFE[16] = {0x5e, 0xed};

struct seen {
    int receipts;
    int accepted;
    int rejected;
    int notices;
    char last[4096];
    char last_device[64];
};

static void see_receipt(void *self, struct slice device, struct slice payload) {
    struct seen *seen = self;
    seen->receipts++;
    snprintf(seen->last, sizeof seen->last, "%.*s", SLICE_ARG(payload));
    snprintf(seen->last_device, sizeof seen->last_device, "%.*s",
             SLICE_ARG(device));
    /* In either encoding, whose numbers these are. */
    assert_non_null(memmem(payload.data, payload.len, "0102000000000000", 16));
    assert_non_null(memmem(payload.data, payload.len, "5eed000000000000", 16));
    if (payload.data[0] != '{') {
        return;
    }
    json_t *json = json_loadb((const char *)payload.data, payload.len, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "journalid")),
                        "0102000000000000");
    assert_string_equal(json_string_value(json_object_get(json, "journallife")),
                        "5eed000000000000");
    seen->accepted += (int)json_array_size(json_object_get(json, "accepted"));
    seen->rejected += (int)json_array_size(json_object_get(json, "rejected"));
    json_decref(json);
}

static void see_notice(void *self, struct slice device, struct slice payload) {
    (void)device;
    (void)payload;
    ((struct seen *)self)->notices++;
}

static struct outbox_sink sink_of(struct seen *seen) {
    return (struct outbox_sink){seen, see_receipt, see_notice};
}

static void waits_for_its_need(void **state) {
    (void)state;
    struct outbox *outbox;
    struct seen seen = {0};
    const struct outbox_sink sink = sink_of(&seen);
    assert_int_equal(outbox_new(ID, LIFE, &outbox), ERR_OK);
    assert_int_equal(outbox_accept(outbox, 6, SLICE("till"),
                                   EVENT_ENCODING_JSON, SLICE("a"), 5),
                     ERR_OK);
    assert_int_equal(outbox_notice(outbox, 7, SLICE("till"), SLICE("{}")),
                     ERR_OK);
    assert_int_equal(outbox_release(outbox, 5, &sink), ERR_OK);
    assert_int_equal(seen.receipts + seen.notices, 0);
    assert_int_equal(outbox_release(outbox, 6, &sink), ERR_OK);
    assert_int_equal(seen.receipts, 1);
    assert_int_equal(seen.notices, 0);
    assert_int_equal(outbox_release(outbox, 7, &sink), ERR_OK);
    assert_int_equal(outbox_release(outbox, 8, &sink), ERR_OK);
    assert_int_equal(seen.receipts, 1);
    assert_int_equal(seen.notices, 1);
    outbox_free(outbox);
}

static void groups_by_device(void **state) {
    (void)state;
    struct outbox *outbox;
    struct seen seen = {0};
    const struct outbox_sink sink = sink_of(&seen);
    assert_int_equal(outbox_new(ID, LIFE, &outbox), ERR_OK);
    enum { DEVICES = 5, EACH = 40 };
    for (int i = 0; i < DEVICES * EACH; i++) {
        char device[16];
        char id[16];
        snprintf(device, sizeof device, "till-%d", i % DEVICES);
        snprintf(id, sizeof id, "e\"\\\n-%d", i);
        err_t err =
            i % 7 == 0
                ? outbox_reject(outbox, 1, slice_from_str(device),
                                EVENT_ENCODING_JSON,
                                i % 14 == 0 ? SLICE_EMPTY : slice_from_str(id),
                                "say \"why\"")
                : outbox_accept(outbox, 1, slice_from_str(device),
                                EVENT_ENCODING_JSON, slice_from_str(id),
                                (uint64_t)i);
        assert_int_equal(err, ERR_OK);
    }
    assert_int_equal(outbox_release(outbox, 1, &sink), ERR_OK);
    assert_int_equal(seen.receipts, DEVICES);
    assert_int_equal(seen.accepted + seen.rejected, DEVICES * EACH);
    assert_int_equal(seen.rejected, (DEVICES * EACH + 6) / 7);
    outbox_free(outbox);
}

static void says_it_in_the_device_s_encoding(void **state) {
    (void)state;
    struct outbox *outbox;
    struct seen seen = {0};
    const struct outbox_sink sink = sink_of(&seen);
    assert_int_equal(outbox_new(ID, LIFE, &outbox), ERR_OK);
    assert_int_equal(outbox_accept(outbox, 1, SLICE("d"), EVENT_ENCODING_CBOR,
                                   SLICE("x"), 3),
                     ERR_OK);
    assert_int_equal(outbox_accept(outbox, 1, SLICE("d"), EVENT_ENCODING_JSON,
                                   SLICE("y"), 4),
                     ERR_OK);
    assert_int_equal(outbox_release(outbox, 1, &sink), ERR_OK);
    assert_int_equal(seen.receipts, 2);
    assert_int_equal(seen.accepted, 1);
    assert_int_equal((uint8_t)seen.last[0], 0xa4);
    outbox_free(outbox);
}

/* What the outbox ever asked for at once. */
static size_t largest_realloc;

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size) {
    largest_realloc = size > largest_realloc ? size : largest_realloc;
    return __real_realloc(memory, size);
}

struct order {
    int next; /* the number of the notice that is due */
};

static void see_number(void *self, struct slice device, struct slice payload) {
    struct order *order = self;
    char text[16];
    (void)device;
    assert_int_equal(slice_to_str(payload, text, sizeof text), ERR_OK);
    assert_int_equal(atoi(text), order->next);
    order->next++;
}

static void add_notice(struct outbox *outbox, uint64_t needs_end, int number) {
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    assert_int_equal(
        outbox_notice(outbox, needs_end, SLICE("till"), slice_from_str(text)),
        ERR_OK);
}

/* Goal: what stays behind for a second batch leaves before what came later. */
static void test_order_holds_across_releases(void **state) {
    (void)state;
    struct outbox *outbox;
    struct order order = {0};
    const struct outbox_sink sink = {&order, see_number, see_number};
    assert_int_equal(outbox_new(ID, LIFE, &outbox), ERR_OK);
    for (int i = 0; i < 15; i++) {
        add_notice(outbox, i < 10 ? 1 : 2, i);
    }
    assert_int_equal(outbox_release(outbox, 1, &sink), ERR_OK);
    assert_int_equal(order.next, 10);
    for (int i = 15; i < 40; i++) {
        add_notice(outbox, 2, i);
    }
    assert_int_equal(outbox_release(outbox, 2, &sink), ERR_OK);
    assert_int_equal(order.next, 40);
    outbox_free(outbox);
}

/* Goal: while there is always a batch that fills, memory does not grow. */
static void test_memory_is_bounded_without_an_empty_moment(void **state) {
    (void)state;
    enum { ROUNDS = 1000, NOTICE = 4000 };
    static char text[NOTICE];
    struct outbox *outbox;
    struct seen seen = {0};
    const struct outbox_sink sink = sink_of(&seen);
    memset(text, 'x', sizeof text);
    assert_int_equal(outbox_new(ID, LIFE, &outbox), ERR_OK);
    largest_realloc = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        assert_int_equal(outbox_notice(outbox, round, SLICE("till"),
                                       slice_of(text, sizeof text)),
                         ERR_OK);
        assert_int_equal(outbox_release(outbox, round - 1, &sink), ERR_OK);
    }
    assert_int_equal(seen.notices, ROUNDS - 1);
    assert_true(largest_realloc <= 64 * 1024);
    outbox_free(outbox);
}

/* Goal: of a large batch nothing is kept, and the next one finds its room. */
static void test_a_large_batch_is_given_back(void **state) {
    (void)state;
    enum { ITEMS = 2000 };
    struct outbox *outbox;
    struct seen seen = {0};
    const struct outbox_sink sink = sink_of(&seen);
    char id[256];
    memset(id, '"', sizeof id); /* each is two bytes in JSON */
    assert_int_equal(outbox_new(ID, LIFE, &outbox), ERR_OK);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < ITEMS; i++) {
            assert_int_equal(outbox_accept(outbox, 1, SLICE("till"),
                                           EVENT_ENCODING_JSON,
                                           slice_of(id, sizeof id), 0),
                             ERR_OK);
        }
        assert_int_equal(outbox_release(outbox, 1, &sink), ERR_OK);
        assert_int_equal(seen.accepted, round * ITEMS);
    }
    assert_int_equal(seen.receipts, 2);
    outbox_free(outbox);
}

/* Goal: a CBOR receipt says null for an id that could not be read, and why. */
static void test_a_rejection_in_cbor(void **state) {
    (void)state;
    struct outbox *outbox;
    struct seen seen = {0};
    const struct outbox_sink sink = sink_of(&seen);
    assert_int_equal(outbox_new(ID, LIFE, &outbox), ERR_OK);
    assert_int_equal(outbox_reject(outbox, 0, SLICE("d"), EVENT_ENCODING_CBOR,
                                   SLICE_EMPTY, "no map"),
                     ERR_OK);
    assert_int_equal(outbox_reject(outbox, 0, SLICE("e-long"),
                                   EVENT_ENCODING_JSON, SLICE_EMPTY, "no map"),
                     ERR_OK);
    assert_int_equal(outbox_release(outbox, 0, &sink), ERR_OK);
    assert_int_equal(seen.receipts, 2);
    assert_int_equal(seen.rejected, 1);
    assert_string_equal(seen.last_device, "e-long");
    outbox_free(outbox);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_its_need),
        cmocka_unit_test(groups_by_device),
        cmocka_unit_test(says_it_in_the_device_s_encoding),
        cmocka_unit_test(test_order_holds_across_releases),
        cmocka_unit_test(test_memory_is_bounded_without_an_empty_moment),
        cmocka_unit_test(test_a_large_batch_is_given_back),
        cmocka_unit_test(test_a_rejection_in_cbor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
