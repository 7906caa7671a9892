/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what Mosquitto saved is read as it is: all sessions, one missing, one
 * whose subscription is, one that has expired, another version; and however the
 * file is cut or flipped, the answer is never that all is there when it is not,
 * and nothing is read past its end. The bytes are what Mosquitto 2.0.11 wrote.
 */
#include "gateway/mqtt/broker_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { EXPIRES_S = 1796511142 };

/* clang-format off */
static const uint8_t saved[] =
    "\x00\xb5\x00mosquitto db\x00" "\x00\x00\x00\x00" "\x00\x00\x06"
    /* the broker's own numbers */
    "\x00\x00\x00\x01\x00\x00\x00\x10"
    "6\x00\x00\x00\x00\x00\x00\x00\x01\x08\x00\x00\x00\x00\x00\x00"
    /* a message that waits */
    "\x00\x00\x00\x02\x00\x00\x00\x3a"
    "5\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x05\x00\x01\x00\x03\x00\x00\x00\x12\x97\xaf\x01\x00"
    "devshopme/s1/x/ordershello"
    /* a session */
    "\x00\x00\x00\x06\x00\x00\x00\x27"
    "\xa6\x95\x14k\x00\x00\x00\x00\x00\x09:\x80\x00\x01\x00\x0f\x97\xaf\x00"
    "\x00\x00\x00\x00\x00shopme-edge-abc"
    /* its subscription */
    "\x00\x00\x00\x05\x00\x00\x00-"
    "\x00\x00\x00\x00\x00\x0f\x00\x12\x01\x00\x00\x00shopme-edge-abc"
    "shopme/s1/+/orders";
/* clang-format on */

static const struct broker_session session = {"shopme-edge-abc",
                                              "shopme/s1/+/orders"};
static char path[64];
static struct broker_stale stale;

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/broker-db-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int teardown(void **state) {
    (void)state;
    return unlink(path);
}

static enum broker_db look_at(const void *bytes, size_t len,
                              const struct broker_session *sessions,
                              size_t count, int64_t now_s) {
    (void)unlink(path); /* a file that is cut short is written at once */
    FILE *file = fopen(path, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    struct reason why = {""};
    enum broker_db found =
        broker_db_look(path, sessions, count, now_s, &stale, &why);
    assert_true(found == BROKER_DB_ALL || why.text[0] != '\0');
    return found;
}

static enum broker_db look(size_t len) {
    return look_at(saved, len, &session, 1, EXPIRES_S - 1);
}

static const size_t whole = sizeof saved - 1;

static void test_all(void **state) {
    (void)state;
    assert_int_equal(look(whole), BROKER_DB_ALL);
    assert_int_equal(look_at(saved, whole, &session, 0, 0), BROKER_DB_ALL);
}

static void test_not_all(void **state) {
    (void)state;
    const struct broker_session others[][2] = {
        {session, {"shopme-edge-abd", "shopme/s1/+/orders"}},
        {session, {"shopme-edge-ab", "shopme/s1/+/orders"}},
        {session, {"shopme-edge-abc", "shopme/s2/+/orders"}},
        {session, {"shopme-edge-abc", "shopme/s1/+/order"}},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(look_at(saved, whole, others[i], 2, 0),
                         BROKER_DB_NOT_ALL);
    }
    assert_int_equal(look_at(saved, whole, &session, 1, EXPIRES_S),
                     BROKER_DB_NOT_ALL);
}

/* Another gateway's of our store is of no use; one of another store's is. */
static void test_stale(void **state) {
    (void)state;
    const struct broker_session ours = {"shopme-edge-x", "shopme/s1/+/alerts"};
    (void)look(whole);
    assert_int_equal(stale.count, 0);
    (void)look_at(saved, whole, &ours, 1, 0);
    assert_int_equal(stale.count, 1);
    assert_string_equal(stale.ids[0], "shopme-edge-abc");
    const struct broker_session others = {"shopme-edge-x", "shopme/s/+/orders"};
    (void)look_at(saved, whole, &others, 1, 0);
    assert_int_equal(stale.count, 0);
    (void)look_at(saved, whole, NULL, 0, 0);
    assert_int_equal(stale.count, 0);
    uint8_t bytes[sizeof saved];
    memcpy(bytes, saved, sizeof saved);
    bytes[whole - 33] = 'S'; /* a device's */
    (void)look_at(bytes, whole, &ours, 1, 0);
    assert_int_equal(stale.count, 0);
    memcpy(bytes, saved, sizeof saved);
    size_t last = whole - 4;
    while (memcmp(bytes + last, "-abc", 4) != 0) {
        last--;
    }
    static const char bad[] = "\x01\x7fg/A \xff";
    for (size_t i = 0; i < sizeof bad; i++) { /* a flipped bit, and a zero */
        bytes[last + 3] = (uint8_t)bad[i];
        (void)look_at(bytes, whole, &ours, 1, 0);
        assert_int_equal(stale.count, 0);
    }
    uint8_t twice[2 * sizeof saved];
    memcpy(twice, saved, whole);
    memcpy(twice + whole, saved + whole - 53, 53); /* it hears two topics */
    (void)look_at(twice, whole + 53, &ours, 1, 0);
    assert_int_equal(stale.count, 1);
}

static void test_none(void **state) {
    (void)state;
    struct reason why;
    assert_int_equal(look(0), BROKER_DB_MISSING);
    assert_int_equal(
        broker_db_look("/nonexistent/db", &session, 1, 0, &stale, &why),
        BROKER_DB_MISSING);
    assert_int_equal(broker_db_look("/tmp", &session, 1, 0, &stale, &why),
                     BROKER_DB_DAMAGED);
}

/* Cut between two chunks it is a whole file that has less. */
static void test_cut(void **state) {
    (void)state;
    int less = 0;
    for (size_t len = 1; len < whole; len++) {
        enum broker_db found = look(len);
        assert_true(found == BROKER_DB_DAMAGED || found == BROKER_DB_NOT_ALL);
        less += found == BROKER_DB_NOT_ALL;
    }
    assert_int_equal(less, 4);
}

/* What a flipped bit may touch without harm is what is not ours. */
static void test_flipped(void **state) {
    (void)state;
    size_t ours = whole - 0x2d - 0x27 - 16; /* the last two chunks */
    for (size_t bit = 0; bit < whole * 8; bit++) {
        uint8_t bytes[sizeof saved];
        memcpy(bytes, saved, sizeof saved);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum broker_db found =
            look_at(bytes, whole, &session, 1, EXPIRES_S - 1);
        bool id = bit / 8 >= whole - 33 || bit / 8 == whole - 37; /* or QoS */
        if (bit / 8 < 15) {
            assert_int_equal(found, BROKER_DB_DAMAGED);
        } else if (bit / 8 >= 19 && bit / 8 < 23) {
            assert_int_equal(found, BROKER_DB_UNKNOWN);
        } else if (bit / 8 >= ours && id) {
            assert_int_equal(found, BROKER_DB_NOT_ALL);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),     cmocka_unit_test(test_not_all),
        cmocka_unit_test(test_none),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_flipped), cmocka_unit_test(test_stale),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
