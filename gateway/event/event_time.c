/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 by arithmetic of our own: the C library's depends on locale and time
 * zone. The calendar is the Gregorian one throughout. */
#include <assert.h>
#include <stdio.h>

#include "gateway/event/event.h"

static const int64_t SECOND_US = 1000000;
static const int64_t DAY_S = 86400;
/* The first microsecond of the year 0 and the last of 9999. */
static const int64_t FIRST_US = -62167219200 * 1000000;
static const int64_t LAST_US = 253402300799 * 1000000 + 999999;

struct date {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;   /* 1 to 31 */
};

/* Days from 1970-01-01. Years are counted from March, so that the leap day is
 * their last; 146097 days make 400 years. */
static int64_t days_from_date(struct date date) {
    int64_t year = date.month > 2 ? date.year : date.year - 1;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct date date_from_days(int64_t days) {
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / 146096) /
                          365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct date date = {
        .year = year_of_era + era * 400 + (month >= 10 ? 1 : 0),
        .month = month >= 10 ? month - 9 : month + 3,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
    return date;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    assert(month >= 1 && month <= 12);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

void event_time_format(int64_t wall_us, char ret[EVENT_TIME_SIZE]) {
    int64_t us = wall_us < FIRST_US  ? FIRST_US
                 : wall_us > LAST_US ? LAST_US
                                     : wall_us;
    us -= FIRST_US;
    assert(us >= 0);
    int64_t second = us / SECOND_US % DAY_S;
    struct date date =
        date_from_days(us / SECOND_US / DAY_S + FIRST_US / SECOND_US / DAY_S);
    /* The % operators show the compiler that the text fits. */
    snprintf(ret, EVENT_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
             (unsigned)date.year % 10000, (unsigned)date.month % 100,
             (unsigned)date.day % 100, (unsigned)(second / 3600) % 100,
             (unsigned)(second / 60) % 60, (unsigned)second % 60,
             (unsigned)(us % SECOND_US) % 1000000);
}

static bool accept(struct cursor *in, const char *any) {
    uint8_t c;
    struct cursor ahead = *in;
    if (cursor_u8(&ahead, &c) != ERR_OK || c == 0 || strchr(any, c) == NULL) {
        return false;
    }
    *in = ahead;
    return true;
}

/* A number of exactly `digits` digits, from `min` to `max`; on failure the
 * cursor does not move. */
static err_t take_number(struct cursor *in, int digits, int64_t min,
                         int64_t max, int64_t *ret) {
    struct cursor ahead = *in;
    int64_t number = 0;
    for (int i = 0; i < digits; i++) {
        uint8_t c;
        TRY(cursor_u8(&ahead, &c));
        ENSURE(c >= '0' && c <= '9', ERR_PARSE);
        number = number * 10 + (c - '0');
    }
    ENSURE(number >= min && number <= max, ERR_PARSE);
    *in = ahead;
    *ret = number;
    return ERR_OK;
}

static err_t take_date(struct cursor *in, int64_t *ret_days) {
    struct date date;
    TRY(take_number(in, 4, 0, 9999, &date.year));
    ENSURE(accept(in, "-"), ERR_PARSE);
    TRY(take_number(in, 2, 1, 12, &date.month));
    ENSURE(accept(in, "-"), ERR_PARSE);
    TRY(take_number(in, 2, 1, days_in_month(date.year, date.month), &date.day));
    *ret_days = days_from_date(date);
    return ERR_OK;
}

/* Microseconds of a fraction of any length; finer digits are cut off. */
static err_t take_fraction(struct cursor *in, int64_t *ret_us) {
    int64_t us = 0;
    int64_t unit = SECOND_US / 10;
    int64_t digit;
    TRY(take_number(in, 1, 0, 9, &digit));
    do {
        us += digit * unit;
        unit /= 10;
    } while (take_number(in, 1, 0, 9, &digit) == ERR_OK);
    *ret_us = us;
    return ERR_OK;
}

static err_t take_time(struct cursor *in, int64_t *ret_us) {
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t us = 0;
    TRY(take_number(in, 2, 0, 23, &hour));
    ENSURE(accept(in, ":"), ERR_PARSE);
    TRY(take_number(in, 2, 0, 59, &minute));
    ENSURE(accept(in, ":"), ERR_PARSE);
    TRY(take_number(in, 2, 0, 60, &second));
    if (accept(in, ".")) {
        TRY(take_fraction(in, &us));
    }
    if (second == 60) {
        second = 59;
        us = SECOND_US - 1;
    }
    *ret_us = ((hour * 60 + minute) * 60 + second) * SECOND_US + us;
    return ERR_OK;
}

static err_t take_offset(struct cursor *in, int64_t *ret_us) {
    int64_t hour;
    int64_t minute;
    if (accept(in, "Zz")) {
        *ret_us = 0;
        return ERR_OK;
    }
    bool west = accept(in, "-");
    ENSURE(west || accept(in, "+"), ERR_PARSE);
    TRY(take_number(in, 2, 0, 23, &hour));
    ENSURE(accept(in, ":"), ERR_PARSE);
    TRY(take_number(in, 2, 0, 59, &minute));
    int64_t us = (hour * 60 + minute) * 60 * SECOND_US;
    *ret_us = west ? -us : us;
    return ERR_OK;
}

err_t event_time_parse(struct slice text, int64_t *ret_us) {
    struct cursor in = cursor_over(text);
    int64_t days;
    int64_t time_us;
    int64_t offset_us;
    TRY(take_date(&in, &days));
    ENSURE(accept(&in, "Tt"), ERR_PARSE);
    TRY(take_time(&in, &time_us));
    TRY(take_offset(&in, &offset_us));
    ENSURE(cursor_left(&in) == 0, ERR_PARSE);
    *ret_us = days * DAY_S * SECOND_US + time_us - offset_us;
    return ERR_OK;
}
