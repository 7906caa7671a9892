/* SPDX-License-Identifier: Apache-2.0 */
/* json_check() against jansson, which shares nothing with it. They may differ
 * in three things only, each told by its own error:
 *   - a number too large for jansson's long long or double: JSON to us, since
 *     no number is converted;
 *   - \u0000 in an object's key, which jansson's C strings cannot hold;
 *   - nesting past JSON_DEPTH_MAX: jansson takes 2048.
 * Besides, jansson 2.14 overlooks a NUL byte behind a number ("1\0" is 1 to
 * it), so texts with one are held against the grammar, which has no NUL. */
#include "tests/unit/event/support.h"

#include <stdio.h>

#include "gateway/event/json.h"
#include "tests/unit/event/oracle.h"

/* INPUTS, how many, comes with the build: fewer under a sanitizer. */
enum { INPUT_MAX = 512 };

static const char *const CORPUS[] = {
    "{\"id\":\"p-1\",\"total\":\"12.50\",\"items\":[{\"sku\":\"a\",\"n\":2}]}",
    "[1,-2,3.5,1e9,-0.25E-3,0]",
    "[true,false,null,\"\",{},[]]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\uded2\"",
    "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9b\x92\"",
    " { \"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : null } } ",
    "{\"\":{\"\":{\"\":{\"\":[[[[\"x\"]]]]}}}}",
    "-123456789.0125e+10",
    "[\"\\u0000\",\"\\uFFFF\",\"\\ud7ff\"]",
    "{\"a\":1,\"a\":2,\"b\":\"\\u0041\"}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

static const char *const TOKENS[] = {
    "{",      "}",    "[",    "]",     ",",        ":",       "\"",   "\\",
    "0",      "1",    "-",    ".",     "e",        "E",       "+",    "true",
    "false",  "null", " ",    "\n",    "\\u",      "\\ud",    "\\n",  "\xc3",
    "\xa4",   "\xff", "\xed", "/",     "\xf0\x9f", "\t",      "\x01", "\x7f",
    "\"a\":", "[1]",  "{}",   "\"x\"", "\\ud800",  "\\udc00", "00",   "a",
};

struct input {
    uint8_t bytes[INPUT_MAX];
    size_t len;
};

/* Puts `with` in place of `out` bytes at `at`, as far as there is room. */
static void splice(struct input *input, size_t at, size_t out,
                   struct slice with) {
    if (input->len - out + with.len > INPUT_MAX) {
        return;
    }
    memmove(&input->bytes[at + with.len], &input->bytes[at + out],
            input->len - at - out);
    if (with.len > 0) {
        memcpy(&input->bytes[at], with.data, with.len);
    }
    input->len = input->len - out + with.len;
}

static struct slice random_seed(struct random *random) {
    size_t which = random_below(random, sizeof CORPUS / sizeof *CORPUS);
    return slice_from_str(CORPUS[which]);
}

static void mutate(struct random *random, struct input *input) {
    size_t at = random_below(random, input->len + 1);
    size_t out = random_below(random, input->len - at + 1);
    size_t token = random_below(random, sizeof TOKENS / sizeof *TOKENS);
    struct slice other = random_seed(random);
    uint8_t byte = (uint8_t)random_u64(random);
    switch (random_below(random, 6)) {
    case 0:
        splice(input, at, 0, slice_from_str(TOKENS[token]));
        return;
    case 1:
        splice(input, at, out > 0 ? 1 : 0, slice_from_str(TOKENS[token]));
        return;
    case 2:
        splice(input, at, out < 4 ? out : 4, SLICE_EMPTY);
        return;
    case 3:
        splice(input, at, out > 0 ? 1 : 0, slice_of(&byte, 1));
        return;
    case 4:
        splice(input, at, 0, other);
        return;
    default:
        input->len = at;
        return;
    }
}

static struct input random_input(struct random *random) {
    struct input input = {.len = 0};
    splice(&input, 0, 0, random_seed(random));
    size_t mutations = random_below(random, 4);
    for (size_t i = 0; i < mutations; i++) {
        mutate(random, &input);
    }
    return input;
}

static bool has_nul(struct slice text) {
    return text.len > 0 && memchr(text.data, 0, text.len) != NULL;
}

struct tally {
    size_t both, neither, ours_only, theirs_only;
};

static void compare(const struct input *input, struct tally *tally) {
    struct reason reason = {""};
    struct oracle_error error;
    struct slice text = exact(slice_of(input->bytes, input->len));
    bool ours = json_check(text, &reason) == ERR_OK;
    bool theirs = !has_nul(text) && oracle_accepts(text, &error);
    if (ours && has_nul(text)) {
        fail_msg("we take a text with a NUL byte in it");
    }
    if (ours && !theirs && !error.is_limit) {
        fail_msg("we take what jansson refuses (%s): %.*s", error.text,
                 SLICE_ARG(text));
    }
    if (theirs && !ours && strstr(reason.text, "nested more than") == NULL) {
        fail_msg("we refuse what jansson takes (%s): %.*s", reason.text,
                 SLICE_ARG(text));
    }
    exact_free(&text);
    *(ours     ? theirs ? &tally->both : &tally->ours_only
      : theirs ? &tally->theirs_only
               : &tally->neither) += 1;
}

/* Goal: on INPUTS mutated texts the two agree, but for the differences named
 * above; and both answers are common, so that the agreement says something. */
static void agrees_with_jansson(void **state) {
    (void)state;
    struct random random = random_start("agrees_with_jansson");
    struct tally tally = {0};
    for (int i = 0; i < INPUTS; i++) {
        struct input input = random_input(&random);
        compare(&input, &tally);
    }
    printf("both take %zu, both refuse %zu, we alone take %zu, jansson alone "
           "takes %zu\n",
           tally.both, tally.neither, tally.ours_only, tally.theirs_only);
    assert_true(tally.both > INPUTS / 10);
    assert_true(tally.neither > INPUTS / 10);
}

/* Goal: the differences are what they are said to be. */
static void differs_as_said(void **state) {
    (void)state;
    struct tally tally = {0};
    struct input huge = {.len = 0};
    splice(&huge, 0, 0, SLICE("[1e999,99999999999999999999]"));
    compare(&huge, &tally);
    struct input key = {.len = 0};
    splice(&key, 0, 0, SLICE("{\"\\u0000\":1}"));
    compare(&key, &tally);
    assert_int_equal(tally.ours_only, 2);
    struct input deep = {.len = 2 * (JSON_DEPTH_MAX + 1)};
    memset(deep.bytes, '[', JSON_DEPTH_MAX + 1);
    memset(&deep.bytes[JSON_DEPTH_MAX + 1], ']', JSON_DEPTH_MAX + 1);
    compare(&deep, &tally);
    assert_int_equal(tally.theirs_only, 1);
}

/* Goal: a string decodes to what jansson decodes it to. */
static void decodes_as_jansson(void **state) {
    (void)state;
    struct random random = random_start("decodes_as_jansson");
    static _Alignas(16) uint8_t buf[4096];
    size_t decoded = 0;
    for (int i = 0; i < INPUTS / 10; i++) {
        struct input input = {.len = 0};
        splice(&input, 0, 0, SLICE("\"\""));
        for (size_t k = random_below(&random, 8); k > 0; k--) {
            static const char *const parts[] = {
                "\\\"",  "\\\\", "\\/",     "\\b",     "\\n",      "x",
                "\\u00", "41",   "\\ud83d", "\\uded2", "\xc3\xa9", "\\u0000",
            };
            size_t which = random_below(&random, sizeof parts / sizeof *parts);
            splice(&input, input.len - 1, 0, slice_from_str(parts[which]));
        }
        struct slice text = slice_of(input.bytes, input.len);
        if (json_check(text, NULL) != ERR_OK) {
            continue;
        }
        decoded++;
        struct arena arena = arena_over(buf, sizeof buf);
        struct slice ours;
        char theirs[256];
        size_t len = oracle_string(text, theirs, sizeof theirs);
        assert_int_equal(json_string(text, &arena, &ours), ERR_OK);
        assert_true(slice_eq(ours, slice_of(theirs, len)));
    }
    assert_true(decoded > INPUTS / 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_jansson),
        cmocka_unit_test(differs_as_said),
        cmocka_unit_test(decodes_as_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
