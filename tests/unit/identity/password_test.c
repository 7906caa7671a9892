/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: made, checked, hashed, and told from each other. What
 * mosquitto_passwd and a broker say to them is in password_test.py. */
#include "gateway/identity/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SALT "N0oXKIirlJ8HFMUv"
#define KEY                                                                \
    "+5XHoKaXHS/aaimrfrQjmW3ZSOYvTDQs3KmSNd3CMLABfSHA/gnsSVkyudKmpYXgCPGC" \
    "IiD5vWwpcAruFENT6A=="

/* hashlib.pbkdf2_hmac("sha512", b"known", bytes(12), 1000) */
#define KNOWN                                                      \
    "$7$1000$AAAAAAAAAAAAAAAA$nKH9cBGOjoMsSjk68EB4/GmnwrwphbGubgV" \
    "UkKAHKAEcbwJvMhSkMfH5E/4ljGEe8p97f1Jo+MBiTz1rCBOqMQ=="

static void fill_with(void *self, void *buf, size_t len) {
    memset(buf, *(const int *)self, len);
}

/* Goal: 26 characters of 32 letters that are not taken for each other, all of
 * which come, and none twice in a row of thousands. */
static void test_made(void **state) {
    enum { COUNT = 5000 };
    (void)state;
    struct platform real = platform_real();
    char before[PASSWORD_MADE_BYTES] = "";
    char now[PASSWORD_MADE_BYTES];
    size_t seen[256] = {0};
    for (int i = 0; i < COUNT; i++) {
        password_make(&real.entropy, now);
        assert_int_equal(strlen(now), PASSWORD_MADE_BYTES - 1);
        assert_string_not_equal(now, before);
        for (const char *c = now; *c != '\0'; c++) {
            seen[(uint8_t)*c]++;
        }
        memcpy(before, now, sizeof now);
    }
    size_t letters = 0;
    for (int c = 0; c < 256; c++) {
        letters += seen[c] > 0;
        /* COUNT * 26 / 32 of each; ten standard deviations are 640. */
        assert_true(seen[c] == 0 || (seen[c] > 3400 && seen[c] < 4700));
    }
    assert_int_equal(letters, 32);
    assert_int_equal(seen['0'] + seen['1'] + seen['l'] + seen['o'], 0);
    struct reason reason;
    assert_int_equal(password_check_chosen(slice_from_str(now), &reason),
                     ERR_OK);
}

/* Goal: a person may choose what is long enough and can be typed. */
static void test_chosen(void **state) {
    (void)state;
    struct reason reason;
    char longest[PASSWORD_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(password_check_chosen(SLICE("123456789012"), &reason),
                     ERR_OK);
    assert_int_equal(password_check_chosen(
                         SLICE("s\xc3\xa4tze d\xc3\xbcrfen sein"), &reason),
                     ERR_OK);
    assert_int_equal(
        password_check_chosen(slice_of(longest, PASSWORD_BYTES_MAX), &reason),
        ERR_OK);
    assert_int_equal(password_check_chosen(SLICE("12345678901"), &reason),
                     ERR_RANGE);
    assert_non_null(strstr(reason.text, "has 11 characters; it needs 12"));
    assert_int_equal(password_check_chosen(SLICE_EMPTY, &reason), ERR_RANGE);
    assert_int_equal(password_check_chosen(
                         slice_of(longest, PASSWORD_BYTES_MAX + 1), &reason),
                     ERR_RANGE);
    assert_non_null(strstr(reason.text, "at most 256"));
    assert_int_equal(password_check_chosen(SLICE("123456789012\n"), &reason),
                     ERR_RANGE);
    assert_non_null(strstr(reason.text, "is not text"));
    assert_int_equal(
        password_check_chosen(SLICE("1234567890\xff\xff"), &reason), ERR_RANGE);
    assert_int_equal(password_check_chosen(slice_of("123456\0"
                                                    "789012",
                                                    13),
                                           &reason),
                     ERR_RANGE);
}

/* Goal: a hash matches its password and no other, has its iterations, and
 * another salt each time. */
static void test_hashed(void **state) {
    (void)state;
    struct platform real = platform_real();
    struct slice password = SLICE("a password of the store");
    char hash[ACCOUNT_HASH_MAX];
    char other[ACCOUNT_HASH_MAX];
    assert_int_equal(
        password_hash(&real.entropy, password, PASSWORD_ITERATIONS_MADE, hash),
        ERR_OK);
    assert_int_equal(
        password_hash(&real.entropy, password, PASSWORD_ITERATIONS_MADE, other),
        ERR_OK);
    assert_string_not_equal(hash, other);
    assert_int_equal(strncmp(hash, "$7$101$", 7), 0);
    assert_true(password_hash_is_valid(slice_from_str(hash)));
    assert_true(password_matches(hash, password));
    assert_true(password_matches(other, password));
    for (size_t i = 0; i < password.len; i++) { /* and no part of it */
        assert_false(password_matches(hash, slice_part(password, 0, i)));
    }
    assert_false(password_matches(hash, SLICE("a password of the storf")));
    assert_false(password_matches(hash, SLICE("a password of the store ")));
    assert_false(password_matches("", password));
    assert_false(password_matches(hash + 1, password));
}

/* Goal: a known answer, made with Python's hashlib.pbkdf2_hmac. */
static void test_known(void **state) {
    (void)state;
    int zero = 0;
    struct entropy zeros = {&zero, fill_with};
    char hash[ACCOUNT_HASH_MAX];
    assert_int_equal(password_hash(&zeros, SLICE("known"), 1000, hash), ERR_OK);
    assert_string_equal(hash, KNOWN);
    assert_true(password_matches(KNOWN, SLICE("known")));
}

/* Goal: every bit of salt and hash counts. */
static void test_each_character(void **state) {
    (void)state;
    char hash[] = KNOWN;
    size_t compared = 0;
    for (size_t i = strlen("$7$1000$"); i < sizeof hash - 1; i++) {
        char was = hash[i];
        hash[i] = was == 'A' ? 'Q' : 'A';
        bool valid = password_hash_is_valid(slice_from_str(hash));
        assert_false(password_matches(hash, SLICE("known")));
        compared += valid;
        hash[i] = was;
    }
    assert_true(compared > 98); /* but for `$`, `=` and unused bits */
    assert_true(password_matches(hash, SLICE("known")));
}

/* Goal: what is no hash in exactly that form is not kept. */
static void test_forms(void **state) {
    static const struct {
        const char *hash;
        bool valid;
    } cases[] = {
        {"$7$101$" SALT "$" KEY, true},
        {"$7$1$" SALT "$" KEY, true},
        {"$7$1000000$" SALT "$" KEY, true},
        {"$7$101$QQ==$" KEY, true},
        {"", false},
        {"$7$", false},
        {"$7$101$", false},
        {"$6$101$" SALT "$" KEY, false},
        {"7$101$" SALT "$" KEY, false},
        {"$7$0$" SALT "$" KEY, false},
        {"$7$0101$" SALT "$" KEY, false},
        {"$7$-1$" SALT "$" KEY, false},
        {"$7$+1$" SALT "$" KEY, false},
        {"$7$1 $" SALT "$" KEY, false},
        {"$7$1x$" SALT "$" KEY, false},
        {"$7$$" SALT "$" KEY, false},
        {"$7$1000001$" SALT "$" KEY, false},
        {"$7$4294967297$" SALT "$" KEY, false},
        {"$7$101$$" KEY, false},
        {"$7$101$" KEY, false},
        {"$7$101$" SALT "$", false},
        {"$7$101$" SALT "$" SALT, false},
        {"$7$101$" SALT "$" KEY "$", false},
        {"$7$101$" SALT "$" KEY "\n", false},
        {"$7$101$" SALT "$" KEY "AAAA", false},
        {"$7$101$ N0oXKIirlJ8HFMU$" KEY, false},
        {"$7$101$N0oXKIirlJ8HFM_v$" KEY, false},
        {"$7$101$QR==$" KEY, false}, /* unused bits */
        {"$7$101$Q===$" KEY, false},
        {"$7$101$Q$" KEY, false},
        {"$7$101$====$" KEY, false},
        {"$7$101$" KEY "$" KEY, false}, /* too long a salt */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice hash = slice_from_str(cases[i].hash);
        if (password_hash_is_valid(hash) != cases[i].valid) {
            print_error("%s\n", cases[i].hash);
            fail();
        }
        if (!cases[i].valid) {
            assert_false(password_matches(cases[i].hash, SLICE("x")));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made),   cmocka_unit_test(test_chosen),
        cmocka_unit_test(test_hashed), cmocka_unit_test(test_known),
        cmocka_unit_test(test_forms),  cmocka_unit_test(test_each_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
