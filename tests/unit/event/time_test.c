/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/support.h"

#include <stdio.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Goal: the forms that RFC 3339 shows, with the values that the C library's
 * own calendar gives for them. */
static void parses_what_the_standard_shows(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1985-04-12T23:20:50.52Z", 482196050520000},
        {"1996-12-19T16:39:57-08:00", 851042397000000},
        {"1937-01-01T12:00:27.87+00:20", -1041337172130000},
        {"2026-11-23T10:18:30.123456Z", 1795429110123456},
        {"2026-11-23t10:18:30.123456z", 1795429110123456},
        {"2026-11-23T10:18:30.1234569999Z", 1795429110123456},
        {"2026-11-23T11:18:30.123456+01:00", 1795429110123456},
        {"2026-11-23T10:18:30.123456-00:00", 1795429110123456},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"0000-01-01T00:00:00Z", -62167219200000000},
        {"9999-12-31T23:59:59.999999Z", 253402300799999999},
        /* A leap second is the last instant before the next minute. */
        {"1990-12-31T23:59:60Z", 662687999999999},
        {"1990-12-31T15:59:60.5-08:00", 662687999999999},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t us = -1;
        if (event_time_parse(slice_from_str(cases[i].text), &us) != ERR_OK ||
            us != cases[i].us) {
            fail_msg("%s gives %lld", cases[i].text, (long long)us);
        }
    }
}

/* Goal: what is not RFC 3339, or no day of the calendar, is refused, and the
 * result left alone. */
static void refuses_what_is_no_time(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-11-23",
        "2026-11-23T10:18:30",
        "2026-11-23T10:18Z",
        "2026-11-23 10:18:30Z",
        "2026-11-23T10:18:30 Z",
        " 2026-11-23T10:18:30Z",
        "2026-11-23T10:18:30Z ",
        "2026-11-23T10:18:30.Z",
        "2026-11-23T10:18:30,5Z",
        "2026-11-23T10:18:30+01",
        "2026-11-23T10:18:30+0100",
        "2026-11-23T10:18:30+24:00",
        "2026-11-23T10:18:30+01:60",
        "2026-11-23T10:18:30z+",
        "2026-11-23T24:00:00Z",
        "2026-11-23T10:60:00Z",
        "2026-11-23T10:18:61Z",
        "2026-00-23T10:18:30Z",
        "2026-13-23T10:18:30Z",
        "2026-11-00T10:18:30Z",
        "2026-11-31T10:18:30Z",
        "2026-02-29T10:18:30Z",
        "1900-02-29T10:18:30Z",
        "26-11-23T10:18:30Z",
        "+2026-11-23T10:18:30Z",
        "-026-11-23T10:18:30Z",
        "12026-11-23T10:18:30Z",
        "2026-1-23T10:18:30Z",
        "20261123T101830Z",
        "Mon, 23 Nov 2026 10:18:30 GMT",
        "1795429110",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t us = 42;
        struct slice text = exact(slice_from_str(cases[i]));
        if (event_time_parse(text, &us) != ERR_PARSE || us != 42) {
            fail_msg("accepted: %s", cases[i]);
        }
        exact_free(&text);
    }
}

/* Goal: a year is a leap year by the Gregorian rule: every fourth, but of the
 * hundredth ones only every fourth. */
static void knows_leap_years(void **state) {
    (void)state;
    static const struct {
        int year;
        bool leap;
    } cases[] = {
        {0, true},     {4, true},     {100, false},  {400, true},
        {1600, true},  {1700, false}, {1800, false}, {1900, false},
        {1904, true},  {1999, false}, {2000, true},  {2022, false},
        {2023, false}, {2024, true},  {2026, false}, {2100, false},
        {2200, false}, {2300, false}, {2400, true},  {9996, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];
        int64_t us;
        snprintf(text, sizeof text, "%04d-02-29T00:00:00Z", cases[i].year);
        if ((event_time_parse(slice_from_str(text), &us) == ERR_OK) !=
            cases[i].leap) {
            fail_msg("%s", text);
        }
        snprintf(text, sizeof text, "%04d-02-28T00:00:00Z", cases[i].year);
        assert_int_equal(event_time_parse(slice_from_str(text), &us), ERR_OK);
        snprintf(text, sizeof text, "%04d-02-30T00:00:00Z", cases[i].year);
        assert_int_equal(event_time_parse(slice_from_str(text), &us),
                         ERR_PARSE);
    }
}

/* Goal: formatting and parsing undo each other all through the years 0 to
 * 9999, and agree with the C library's calendar. */
static void round_trips(void **state) {
    (void)state;
    struct random random = random_start("round_trips");
    const int64_t first_us = -62167219200 * 1000000;
    const uint64_t range_us = (uint64_t)315569520000 * 1000000;
    for (int i = 0; i < 30000; i++) {
        int64_t us = first_us + (int64_t)(random_u64(&random) % range_us);
        char text[EVENT_TIME_SIZE];
        char library[80];
        int64_t back;
        event_time_format(us, text);
        assert_int_equal(strlen(text), EVENT_TIME_SIZE - 1);
        assert_int_equal(event_time_parse(slice_from_str(text), &back), ERR_OK);
        assert_true(back == us);
        time_t second =
            (time_t)((us - first_us) / 1000000 + first_us / 1000000);
        struct tm tm;
        assert_non_null(gmtime_r(&second, &tm));
        snprintf(library, sizeof library, "%04d-%02d-%02dT%02d:%02d:%02d.",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
        assert_memory_equal(text, library, 20);
    }
}

/* Goal: a time that four digits of year cannot say becomes the nearest one
 * that they can, so that the text is well formed whatever a clock says. */
static void formats_any_number(void **state) {
    (void)state;
    char text[EVENT_TIME_SIZE];
    event_time_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
    event_time_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000000Z");
    event_time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    event_time_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_the_standard_shows),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(knows_leap_years),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(formats_any_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
