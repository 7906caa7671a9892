/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/client/random.h"
#include "devices/report.h"

/* A percentile is never below the true one and at most a sixteenth above. */
static void test_percentiles(void **state) {
    (void)state;
    static struct report_times times;
    for (int64_t us = 1; us <= 100000; us++) {
        report_time_add(&times, us);
    }
    static const double percents[] = {0.1, 1, 50, 90, 99, 99.9};
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        double truth_ms = percents[i];
        double told_ms = report_time_ms(&times, percents[i]);
        assert_true(told_ms >= truth_ms);
        assert_true(told_ms <= truth_ms * 17 / 16);
    }
    assert_true(report_time_ms(&times, 100) == 100.0);
}

/* One value is each of its percentiles; none gives 0; extremes do not break. */
static void test_few_times(void **state) {
    (void)state;
    static const int64_t values_us[] = {
        0,        1, 15, 16, 31, 32, 33, 1000, 123456, INT64_C(3600) * 1000000,
        INT64_MAX};
    static struct report_times none;
    assert_true(report_time_ms(&none, 50) == 0.0);
    for (size_t i = 0; i < sizeof values_us / sizeof values_us[0]; i++) {
        struct report_times *times = calloc(1, sizeof *times);
        report_time_add(times, values_us[i]);
        double told_ms = report_time_ms(times, 50);
        assert_true(told_ms <= (double)values_us[i] / 1000);
        if (values_us[i] < INT64_C(3600) * 1000000) {
            assert_true(told_ms == (double)values_us[i] / 1000);
        }
        free(times);
    }
}

/* Good means: all ended, all confirmed, none refused, none told two ends. */
static void test_good(void **state) {
    (void)state;
    static struct report report;
    assert_true(report_is_good(&report));
    report.placed = 3;
    report.fulfiled = 1;
    report.cancelled = 1;
    assert_false(report_is_good(&report));
    report.rejected = 1;
    assert_true(report_is_good(&report));
    report.unconfirmed = 1;
    assert_false(report_is_good(&report));
    report.unconfirmed = 0;
    report.double_ends = 1;
    assert_false(report_is_good(&report));
    report.double_ends = 0;
    report_rejection(&report, "till-1", "e-1", "data.total: expected it");
    report_rejection(&report, "till-2", "e-2", "another");
    assert_false(report_is_good(&report));
    assert_string_equal(report.first_rejection,
                        "till-1, event e-1: data.total: expected it");
}

/* The JSON report is JSON and has what its readers look for; a path that
 * cannot be written is said so. */
static void test_json(void **state) {
    (void)state;
    static struct report report;
    report.placed = 5;
    report.fulfiled = 3;
    report_receipt(&report, "till-1", "e-1", 7, 1500);
    char path[] = "/tmp/devices-report-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct reason reason = {""};
    assert_int_equal(report_write_json(&report, path, &reason), ERR_OK);
    char text[4096] = "";
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    unlink(path);
    cJSON *tree = cJSON_Parse(text);
    assert_non_null(tree);
    assert_int_equal(cJSON_GetObjectItem(tree, "open")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(tree, "receipts")->valueint, 1);
    const cJSON *times = cJSON_GetObjectItem(tree, "receipt_ms");
    assert_true(cJSON_GetObjectItem(times, "max")->valuedouble == 1.5);
    cJSON_Delete(tree);

    assert_int_equal(report_write_json(&report, "/nowhere/report", &reason),
                     ERR_IO);
    assert_non_null(strstr(reason.text, "/nowhere/report"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_few_times),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
