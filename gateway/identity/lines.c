/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/identity/lines.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

struct lines lines_over(const char *file, struct slice text,
                        struct reason *reason) {
    assert(file != NULL);
    return (struct lines){.file = file, .text = text, .reason = reason};
}

static bool is_control(uint8_t c) {
    return c < 0x20 || c == 0x7f;
}

/* What a damaged file holds must not reach a terminal as it is. */
static void make_printable(char *text) {
    for (char *c = text; *c != '\0'; c++) {
        *c = is_control((uint8_t)*c) ? '?' : *c;
    }
    str_mend_utf8(text);
}

err_t lines_corrupt(const struct lines *lines, const char *format, ...) {
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    make_printable(what);
    return reason_set(lines->reason, ERR_CORRUPT, "%s, line %" PRIu32 ": %s",
                      lines->file, lines->number, what);
}

/* The line that comes next, without its newline. False at the end of the text,
 * or if that line is cut. */
static bool peek(const struct lines *lines, struct slice *ret) {
    assert(lines->at <= lines->text.len);
    size_t left = lines->text.len - lines->at;
    if (left == 0) {
        return false;
    }
    const uint8_t *from = lines->text.data + lines->at;
    const uint8_t *end = memchr(from, '\n', left);
    if (end == NULL) {
        return false;
    }
    *ret = slice_of(from, (size_t)(end - from));
    return true;
}

static void go_on(struct lines *lines, struct slice line) {
    lines->at += line.len + 1;
    lines->number++;
    assert(lines->at <= lines->text.len);
}

bool lines_accept(struct lines *lines, const char *line) {
    struct slice next;
    if (!peek(lines, &next) || !slice_eq_str(next, line)) {
        return false;
    }
    go_on(lines, next);
    return true;
}

bool lines_accept_prefix(struct lines *lines, const char *prefix,
                         struct slice *ret) {
    struct slice next;
    if (!peek(lines, &next) || !slice_starts_with(next, prefix)) {
        return false;
    }
    go_on(lines, next);
    size_t len = strlen(prefix);
    *ret = slice_part(next, len, next.len - len);
    return true;
}

/* What may be shown of a line: not what could be a password's hash. */
static struct slice shown(struct slice line) {
    enum { SHOWN_MAX = 60 };
    size_t len = 0;
    while (len < line.len && len < SHOWN_MAX && line.data[len] != '$') {
        len++;
    }
    return slice_part(line, 0, len);
}

err_t lines_take(struct lines *lines, const char *line) {
    struct slice next = SLICE_EMPTY;
    if (lines_accept(lines, line)) {
        return ERR_OK;
    }
    bool whole = peek(lines, &next);
    struct slice part = shown(next);
    lines->number++;
    if (!whole) {
        return lines_corrupt(lines, "the file is cut: \"%s\" is missing", line);
    }
    return lines_corrupt(lines, "\"%.*s%s\" instead of \"%s\"", SLICE_ARG(part),
                         part.len < next.len ? "..." : "", line);
}

err_t lines_take_nothing(struct lines *lines) {
    if (lines->at == lines->text.len) {
        return ERR_OK;
    }
#ifdef EDGE_CONTROL_MORE_AFTER_END /* fuzz_identity has to notice */
    return ERR_OK;
#endif
    lines->number++;
    return lines_corrupt(lines, "there is more after the end");
}

err_t lines_take_end(struct lines *lines, uint32_t count) {
    char end[32];
    snprintf(end, sizeof end, "end %" PRIu32, count);
    TRY(lines_take(lines, end));
    return lines_take_nothing(lines);
}

bool lines_is_text(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (is_control(text.data[i])) {
            return false;
        }
    }
    return slice_is_utf8(text);
}

/* --- Times --- */

static const int64_t SECOND_US = 1000000;
static const int64_t LAST_S = 253402300799; /* of the year 9999 */

void lines_time_write(int64_t wall_us, char ret[static LINES_TIME_SIZE]) {
    int64_t s = wall_us < 0 ? 0 : wall_us / SECOND_US;
    time_t second = (time_t)(s > LAST_S ? LAST_S : s);
    struct tm utc;
    struct tm *made = gmtime_r(&second, &utc);
    assert(made != NULL);
    size_t len = strftime(ret, LINES_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", made);
    assert(len == LINES_TIME_SIZE - 1);
}

/* The number of digits from `at`; other characters give a number that is
 * another time's, which is seen when the time is written again. */
static int digits(const char *text, size_t at, size_t count) {
    int number = 0;
    for (size_t i = at; i < at + count; i++) {
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

err_t lines_time_read(struct slice text, int64_t *ret_us) {
    char given[LINES_TIME_SIZE];
    char again[LINES_TIME_SIZE];
    ENSURE(text.len == LINES_TIME_SIZE - 1, ERR_PARSE);
    TRY(slice_to_str(text, given, sizeof given));
    struct tm utc = {
        .tm_year = digits(given, 0, 4) - 1900,
        .tm_mon = digits(given, 5, 2) - 1,
        .tm_mday = digits(given, 8, 2),
        .tm_hour = digits(given, 11, 2),
        .tm_min = digits(given, 14, 2),
        .tm_sec = digits(given, 17, 2),
    };
    int64_t us = (int64_t)timegm(&utc) * SECOND_US;
    lines_time_write(us, again);
    ENSURE(strcmp(given, again) == 0, ERR_PARSE);
    *ret_us = us;
    return ERR_OK;
}
