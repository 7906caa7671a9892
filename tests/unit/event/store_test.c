/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static _Alignas(16) uint8_t arena_buf[1024 * 1024];
static uint8_t stored_buf[256 * 1024];

static struct slice store(const struct event *event, uint8_t *buf,
                          size_t size) {
    struct writer writer = writer_over(buf, size);
    event_store(event, &writer);
    assert_false(writer.full);
    return writer_slice(&writer);
}

/* Goal: the form is what the drawing in event_store.c says, to the byte. */
static void writes_the_form_it_says(void **state) {
    (void)state;
    const struct event event = {
        .id = SLICE("1"),
        .source = SLICE("/s"),
        .type = SLICE("T"),
        .extensions = {{.name = SLICE("zz"),
                        .kind = EVENT_VALUE_INTEGER,
                        .integer = -500},
                       {.name = SLICE("b"),
                        .kind = EVENT_VALUE_BOOLEAN,
                        .integer = 1},
                       {.name = SLICE("a"),
                        .kind = EVENT_VALUE_TEXT,
                        .text = SLICE_EMPTY}},
        .extension_count = 3,
        .data_kind = EVENT_DATA_CBOR,
        .data = SLICE("\xf5"),
    };
    uint8_t wanted[128];
    struct slice bytes = from_hex("a8"
                                  "616160"
                                  "6162f5"
                                  "6269646131"
                                  "627a7a3901f3"
                                  "6464617461d81841f5"
                                  "64747970656154"
                                  "66736f75726365622f73"
                                  "6b7370656376657273696f6e63312e30",
                                  wanted, sizeof wanted);
    struct slice got = store(&event, stored_buf, sizeof stored_buf);
    assert_int_equal(got.len, bytes.len);
    assert_memory_equal(got.data, bytes.data, bytes.len);
}

/* Goal: what is stored loads as the same event, within the bound that was
 * promised; and storing that again gives the same bytes. */
static void round_trips(void **state) {
    (void)state;
    struct random random = random_start("round_trips");
    static uint8_t again[256 * 1024];
    for (int i = 0; i < 1000; i++) {
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct event event = random_event(&random, &arena);
        struct event loaded;
        struct slice bytes = store(&event, stored_buf, sizeof stored_buf);
        assert_true(bytes.len <= event_store_bound(&event));
        assert_int_equal(event_load(bytes, &loaded), ERR_OK);
        assert_same_event(&event, &loaded);
        assert_true(slice_eq(store(&loaded, again, sizeof again), bytes));
        assert_true(event_hash(&event) == event_hash(&loaded));
    }
}

/* Goal: the order in which extensions came makes no difference to the form or
 * the hash. */
static void order_of_extensions_is_nothing(void **state) {
    (void)state;
    struct random random = random_start("order_of_extensions_is_nothing");
    static uint8_t other_buf[256 * 1024];
    for (int i = 0; i < 1000; i++) {
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct event event = random_event(&random, &arena);
        struct event other = event;
        for (uint32_t k = other.extension_count; k > 1; k--) {
            size_t with = random_below(&random, k);
            struct event_extension moved = other.extensions[with];
            other.extensions[with] = other.extensions[k - 1];
            other.extensions[k - 1] = moved;
        }
        assert_true(slice_eq(store(&event, stored_buf, sizeof stored_buf),
                             store(&other, other_buf, sizeof other_buf)));
        assert_true(event_hash(&event) == event_hash(&other));
    }
}

/* Goal: whatever event_load() takes is exactly what event_store() writes: on
 * mutated bytes it says ERR_CORRUPT, or the bytes come out the same again. */
static void loads_nothing_else(void **state) {
    (void)state;
    struct random random = random_start("loads_nothing_else");
    static uint8_t again[256 * 1024];
    size_t taken = 0;
    size_t refused = 0;
    for (int i = 0; i < 5000; i++) {
        struct arena arena = arena_over(arena_buf, sizeof arena_buf);
        struct event event = random_event(&random, &arena);
        struct slice bytes = store(&event, stored_buf, sizeof stored_buf);
        for (size_t k = 1 + random_below(&random, 3); k > 0; k--) {
            stored_buf[random_below(&random, bytes.len)] ^=
                (uint8_t)(1U << random_below(&random, 8));
        }
        struct slice copy = exact(bytes);
        struct event loaded;
        err_t err = event_load(copy, &loaded);
        if (err == ERR_OK) {
            assert_true(slice_eq(store(&loaded, again, sizeof again), copy));
            taken++;
        } else {
            assert_int_equal(err, ERR_CORRUPT);
            refused++;
        }
        exact_free(&copy);
    }
    printf("%zu mutations load, %zu do not\n", taken, refused);
    assert_true(taken > 100 && refused > 100);
}

/* Goal: every truncation and every byte too many is refused, and the result
 * left alone. */
static void refuses_every_other_length(void **state) {
    (void)state;
    struct random random = random_start("refuses_every_other_length");
    struct arena arena = arena_over(arena_buf, sizeof arena_buf);
    struct event event = random_event(&random, &arena);
    struct event before;
    memset(&before, 0x5a, sizeof before);
    struct slice bytes = store(&event, stored_buf, sizeof stored_buf - 1);
    stored_buf[bytes.len] = 0;
    for (size_t len = 0; len <= bytes.len + 1; len++) {
        struct slice part = exact(slice_of(stored_buf, len));
        struct event loaded;
        memset(&loaded, 0x5a, sizeof loaded);
        if (len != bytes.len) {
            assert_int_equal(event_load(part, &loaded), ERR_CORRUPT);
            assert_memory_equal(&loaded, &before, sizeof before);
        }
        exact_free(&part);
    }
}

static const struct {
    const char *what;
    const char *hex;
} FORMS[] = {
    {"right, to begin with", "a46269646131647479706561546673"
                             "6f75726365622f736b73706563766572"
                             "73696f6e63312e30"},
    {"long head of the map", "b8046269646131647479706561546673"
                             "6f75726365622f736b73706563766572"
                             "73696f6e63312e30"},
    {"long head of a text", "a4626964780131647479706561546673"
                            "6f75726365622f736b73706563766572"
                            "73696f6e63312e30"},
    {"keys out of order", "a46474797065615462696461316673"
                          "6f75726365622f736b73706563766572"
                          "73696f6e63312e30"},
    {"a key twice", "a5626964613162696461316474797065615466"
                    "736f75726365622f736b73706563766572"
                    "73696f6e63312e30"},
    {"an empty id", "a462696460647479706561546673"
                    "6f75726365622f736b73706563766572"
                    "73696f6e63312e30"},
    {"an id in bytes", "a46269644131647479706561546673"
                       "6f75726365622f736b73706563766572"
                       "73696f6e63312e30"},
    {"no id", "a3647479706561546673"
              "6f75726365622f736b73706563766572"
              "73696f6e63312e30"},
    {"no specversion", "a36269646131647479706561546673"
                       "6f75726365622f73"},
    {"another specversion", "a46269646131647479706561546673"
                            "6f75726365622f736b73706563766572"
                            "73696f6e63302e33"},
    {"an open map", "bf6269646131647479706561546673"
                    "6f75726365622f736b73706563766572"
                    "73696f6e63312e30ff"},
    {"an array", "84626964613164747970656154"},
    {"null as an extension", "a56178f66269646131647479706561546673"
                             "6f75726365622f736b73706563766572"
                             "73696f6e63312e30"},
    {"a bad name", "a56158016269646131647479706561546673"
                   "6f75726365622f736b73706563766572"
                   "73696f6e63312e30"},
    {"an integer of 33 bits", "a561781a800000006269646131"
                              "647479706561546673"
                              "6f75726365622f736b73706563766572"
                              "73696f6e63312e30"},
    {"broken JSON data", "a562696461316464617461615b"
                         "647479706561546673"
                         "6f75726365622f736b73706563766572"
                         "73696f6e63312e30"},
    {"broken CBOR data", "a562696461316464617461d81841ff"
                         "647479706561546673"
                         "6f75726365622f736b73706563766572"
                         "73696f6e63312e30"},
    {"bare CBOR data", "a562696461316464617461f5"
                       "647479706561546673"
                       "6f75726365622f736b73706563766572"
                       "73696f6e63312e30"},
    {"text that is not UTF-8", "a462696461ff647479706561546673"
                               "6f75726365622f736b73706563766572"
                               "73696f6e63312e30"},
};

/* Goal: another way to say the same in CBOR is refused: the form is one. */
static void refuses_other_forms(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(FORMS); i++) {
        uint8_t bytes[128];
        struct event event;
        err_t err =
            event_load(from_hex(FORMS[i].hex, bytes, sizeof bytes), &event);
        if (err != (i == 0 ? ERR_OK : ERR_CORRUPT)) {
            fail_msg("%s: %s", FORMS[i].what, err_name(err));
        }
    }
}

/* Goal: a change in any one part of an event changes its hash; two parts that
 * swap a byte do as well. */
static void hash_sees_every_part(void **state) {
    (void)state;
    const struct event base = {
        .id = SLICE("a"),
        .source = SLICE("bc"),
        .type = SLICE("T"),
        .data_kind = EVENT_DATA_JSON,
        .data = SLICE("12"),
        .extensions = {{.name = SLICE("x"),
                        .kind = EVENT_VALUE_INTEGER,
                        .integer = 1}},
        .extension_count = 1,
    };
    struct event others[12];
    for (size_t i = 0; i < COUNT(others); i++) {
        others[i] = base;
    }
    others[1].id = SLICE("ab");
    others[2].id = SLICE("ab");
    others[2].source = SLICE("c");
    others[3].subject = SLICE("T");
    others[4].dataschema = SLICE("T");
    others[5].data_kind = EVENT_DATA_CBOR;
    others[6].data_kind = EVENT_DATA_BINARY;
    others[7].data = SLICE("12 ");
    others[8].extensions[0].integer = 0;
    others[9].extensions[0].kind = EVENT_VALUE_BOOLEAN;
    others[10].extensions[0].name = SLICE("y");
    others[11].extension_count = 0;
    for (size_t i = 0; i < COUNT(others); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(event_hash(&others[i]) != event_hash(&others[k]));
        }
    }
}

/* Goal: the ordering key is partitionkey, else subject, else source. */
static void finds_the_ordering_key(void **state) {
    (void)state;
    struct event event = {
        .id = SLICE("1"), .source = SLICE("/s"), .type = SLICE("T")};
    assert_says(event_key(&event), "/s");
    event.subject = SLICE("o-1");
    assert_says(event_key(&event), "o-1");
    event.extensions[0] = (struct event_extension){
        .name = SLICE("other"), .kind = EVENT_VALUE_TEXT, .text = SLICE("x")};
    event.extensions[1] =
        (struct event_extension){.name = SLICE("partitionkey"),
                                 .kind = EVENT_VALUE_TEXT,
                                 .text = SLICE("k")};
    event.extension_count = 1;
    assert_says(event_key(&event), "o-1");
    event.extension_count = 2;
    assert_says(event_key(&event), "k");
    /* One that is empty is none; reading refuses it. */
    event.extensions[1].text = SLICE_EMPTY;
    assert_says(event_key(&event), "o-1");
}

/* Goal: the first byte tells the encodings apart. */
static void guesses_the_encoding(void **state) {
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t byte = (uint8_t)first;
        bool cbor = (first >= 0xa0 && first <= 0xbf) || first == 0xd9;
        assert_int_equal(event_encoding_guess(slice_of(&byte, 1)),
                         cbor ? EVENT_ENCODING_CBOR : EVENT_ENCODING_JSON);
    }
    assert_int_equal(event_encoding_guess(SLICE_EMPTY), EVENT_ENCODING_JSON);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_form_it_says),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(order_of_extensions_is_nothing),
        cmocka_unit_test(loads_nothing_else),
        cmocka_unit_test(refuses_every_other_length),
        cmocka_unit_test(refuses_other_forms),
        cmocka_unit_test(hash_sees_every_part),
        cmocka_unit_test(finds_the_ordering_key),
        cmocka_unit_test(guesses_the_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
