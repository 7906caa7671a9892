/* SPDX-License-Identifier: Apache-2.0 */
/* The files of this folder are lines of text, each ended by a newline, with a
 * first line that names the format and a last one that shows that nothing is
 * missing. A reader accepts exactly what a writer writes: so one meaning has
 * one text. */
#ifndef GATEWAY_IDENTITY_LINES_H
#define GATEWAY_IDENTITY_LINES_H

#include "gateway/base/base.h"

struct lines {
    const char *file; /* what it is called in a reason */
    struct slice text;
    size_t at;
    uint32_t number; /* of the line that was read last; from 1 */
    struct reason *reason;
};

struct lines lines_over(const char *file, struct slice text,
                        struct reason *reason);
/* ERR_CORRUPT with "FILE, line N: ..." */
err_t lines_corrupt(const struct lines *lines, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* The next line must be this one. ERR_CORRUPT. */
err_t lines_take(struct lines *lines, const char *line) MUST_USE;
/* Is the next line this one? Goes on only then. */
bool lines_accept(struct lines *lines, const char *line);
/* Does the next line begin so? Then `*ret` is the rest of it, which may be
 * empty. Goes on only then. */
bool lines_accept_prefix(struct lines *lines, const char *prefix,
                         struct slice *ret);
/* The next line, which is the last, must be "end COUNT". ERR_CORRUPT. */
err_t lines_take_end(struct lines *lines, uint32_t count) MUST_USE;
/* The text is over. ERR_CORRUPT if it is not. */
err_t lines_take_nothing(struct lines *lines) MUST_USE;

/* Text without control characters, in UTF-8: what a line may hold. */
bool lines_is_text(struct slice text);

/* "2026-11-29T10:00:00Z", from the year 1970 to 9999; a part of a second is
 * left out, and an earlier or later time becomes the first or last of them. */
enum { LINES_TIME_SIZE = 21 };
void lines_time_write(int64_t wall_us, char ret[static LINES_TIME_SIZE]);
err_t lines_time_read(struct slice text, int64_t *ret_us) MUST_USE; /* PARSE */

#endif
