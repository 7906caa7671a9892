/* SPDX-License-Identifier: Apache-2.0 */
/* Reports, commands and reasons: what is written is read again, and nothing
 * else is. */
#include "gateway/identity/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct report full(void) {
    struct report report = {
        .kind = REPORT_REFUSED,
        .device = "till-1",
        .by = REPORT_BY_CERTIFICATE,
        .address = "2001:db8::1",
        .client_id = "till-1 \xc3\xa4",
        .text = "shopme/store-7/till-2/orders",
        .event_id = "e-1",
        .refusal = REFUSAL_OTHER_DEVICE,
        .publish = true,
        .cbor = true,
        .count = UINT64_MAX,
        .set = 12,
        .certificate_ends_us = INT64_MAX,
        .since_us = 1,
    };
    return report;
}

static struct slice written(const struct report *report, uint8_t *buf) {
    struct writer writer = writer_over(buf, REPORT_BYTES_MAX);
    report_write(report, &writer);
    assert_false(writer.full);
    return writer_slice(&writer);
}

static void assert_same(const struct report *a, const struct report *b) {
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->device, b->device);
    assert_int_equal(a->by, b->by);
    assert_string_equal(a->address, b->address);
    assert_string_equal(a->client_id, b->client_id);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->event_id, b->event_id);
    assert_int_equal(a->refusal, b->refusal);
    assert_int_equal(a->publish, b->publish);
    assert_int_equal(a->cbor, b->cbor);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->set, b->set);
    assert_int_equal(a->certificate_ends_us, b->certificate_ends_us);
    assert_int_equal(a->since_us, b->since_us);
}

/* Goal: each kind and each refusal comes over as it was. */
static void test_round_trip(void **state) {
    (void)state;
    uint8_t buf[REPORT_BYTES_MAX];
    struct report read;
    for (int kind = REPORT_CONNECTED; kind <= REPORT_ALL; kind++) {
        for (int refusal = 0; refusal < REFUSAL_COUNT; refusal++) {
            struct report report = full();
            report.kind = (enum report_kind)kind;
            report.refusal = (enum refusal)refusal;
            report.publish = refusal % 2 == 0;
            assert_int_equal(report_read(written(&report, buf), &read), ERR_OK);
            assert_same(&report, &read);
        }
    }
    struct report least = {.kind = REPORT_ALL};
    assert_int_equal(report_read(written(&least, buf), &read), ERR_OK);
    assert_same(&least, &read);
}

/* Goal: the longest fits; a text that was cut within a character is mended. */
static void test_longest(void **state) {
    (void)state;
    uint8_t buf[REPORT_BYTES_MAX];
    struct report read;
    struct report report = full();
    memset(report.device, 'd', sizeof report.device - 1);
    memset(report.address, 'a', sizeof report.address - 1);
    memset(report.client_id, 'c', sizeof report.client_id - 1);
    memset(report.text, 't', sizeof report.text - 1);
    memset(report.event_id, 'e', sizeof report.event_id - 1);
    report.text[sizeof report.text - 2] = '\xc3';
    assert_int_equal(report_read(written(&report, buf), &read), ERR_OK);
    report.text[sizeof report.text - 2] = '?';
    assert_same(&report, &read);
}

/* Goal: a report that is cut, longer, or differs in a byte is refused, or is
 * written again as it came. */
static void test_damage(void **state) {
    (void)state;
    uint8_t buf[REPORT_BYTES_MAX];
    uint8_t bytes[REPORT_BYTES_MAX + 1];
    uint8_t again[REPORT_BYTES_MAX];
    struct report report = full();
    struct report read = {.count = 77};
    struct slice whole = written(&report, buf);
    for (size_t len = 0; len < whole.len; len++) {
        assert_int_equal(report_read(slice_part(whole, 0, len), &read),
                         ERR_CORRUPT);
    }
    memcpy(bytes, whole.data, whole.len);
    bytes[whole.len] = 0;
    assert_int_equal(report_read(slice_of(bytes, whole.len + 1), &read),
                     ERR_CORRUPT);
    assert_int_equal(read.count, 77); /* untouched */
    for (size_t i = 0; i < whole.len; i++) {
        for (int value = 0; value < 256; value++) {
            bytes[i] = (uint8_t)value;
            struct slice now = slice_of(bytes, whole.len);
            if (report_read(now, &read) == ERR_OK) {
                assert_true(slice_eq(written(&read, again), now));
            }
        }
        bytes[i] = whole.data[i];
    }
}

static void test_commands(void **state) {
    (void)state;
    uint8_t buf[8];
    for (int i = REPORT_HELLO; i <= REPORT_RELOAD; i++) {
        enum report_command read;
        struct report report;
        struct writer writer = writer_over(buf, sizeof buf);
        report_command_write((enum report_command)i, &writer);
        struct slice bytes = writer_slice(&writer);
        assert_int_equal(report_command_read(bytes, &read), ERR_OK);
        assert_int_equal(read, i);
        assert_int_equal(report_read(bytes, &report), ERR_CORRUPT);
    }
    enum report_command read;
    static const char *const bad[] = {"",       "\1",       "\1\x80", "\1\x83",
                                      "\2\x81", "\1\x81\1", "\1\1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(report_command_read(slice_from_str(bad[i]), &read),
                         ERR_CORRUPT);
    }
}

/* Goal: each reason has a code of its own in small letters, and words. */
static void test_refusals(void **state) {
    (void)state;
    assert_string_equal(refusal_code(REFUSAL_NONE), "");
    for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        const char *code = refusal_code((enum refusal)i);
        assert_true(code[0] != '\0');
        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz-"),
                         strlen(code));
        assert_true(strlen(refusal_text((enum refusal)i)) > 20);
        for (int j = REFUSAL_NONE; j < i; j++) {
            assert_string_not_equal(code, refusal_code((enum refusal)j));
        }
    }
    assert_string_equal(refusal_code(REFUSAL_OTHER_DEVICE), "other-device");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_longest),
        cmocka_unit_test(test_damage),     cmocka_unit_test(test_commands),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
