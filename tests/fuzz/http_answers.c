/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/http_answers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { SHOWN = 300 };

/* HTTP/1.0, too, where libwebsockets itself answers. */
static const char status_line[] = "HTTP/1.";
static const char length_name[] = "content-length:";

static bool begins(struct slice bytes, const char *with) {
    size_t len = strlen(with);
    return bytes.len >= len &&
           strncasecmp((const char *)bytes.data, with, len) == 0;
}

/* Says where it was, too. */
static void must(bool held, const char *what, struct slice at) {
    if (!held) {
        fprintf(stderr, "at: %.*s\n", at.len < SHOWN ? (int)at.len : SHOWN,
                (const char *)at.data);
    }
    fuzz_must(held, what);
}

static struct slice behind(struct slice bytes, size_t len) {
    return slice_part(bytes, len, bytes.len - len);
}

/* The next line without its end, which is taken off `rest`. */
static struct slice take_line(struct slice *rest) {
    const uint8_t *end = memmem(rest->data, rest->len, "\r\n", 2);
    must(end != NULL, "the head of an answer is cut", *rest);
    struct slice line = slice_part(*rest, 0, (size_t)(end - rest->data));
    *rest = behind(*rest, line.len + 2);
    return line;
}

static void check_status(struct slice line) {
    must(begins(line, status_line), "an answer has no status line", line);
    const uint8_t *code = line.data + strlen(status_line) + 2;
    must(line.len > strlen(status_line) + 5 && code[0] >= '2' &&
             code[0] <= '5' && isdigit(code[1]) && isdigit(code[2]) &&
             code[3] == ' ',
         "an answer's code is none", line);
}

static size_t read_number(struct slice text) {
    size_t value = 0;
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool digit = isdigit(text.data[i]) != 0;
        must(digit || (digits == 0 && text.data[i] == ' '),
             "a content-length is no number", text);
        value = digit ? value * 10 + (size_t)(text.data[i] - '0') : value;
        digits += digit;
    }
    must(digits > 0 && digits < 10, "a content-length is no number", text);
    return value;
}

/* The head; how long it says that the body is. */
static size_t take_head(struct slice *rest) {
    check_status(take_line(rest));
    size_t lengths = 0;
    size_t length = 0;
    for (struct slice line = take_line(rest); line.len > 0;
         line = take_line(rest)) {
        must(memchr(line.data, ':', line.len) != NULL, "a header has no colon",
             line);
        if (begins(line, length_name)) {
            length = read_number(behind(line, strlen(length_name)));
            lengths++;
        }
    }
    must(lengths == 1, "an answer has not one content-length", *rest);
    return length;
}

static bool may_be_next(struct slice rest) {
    return rest.len == 0 || begins(rest, status_line);
}

size_t http_answers_count(struct slice bytes, bool bodiless) {
    size_t count = 0;
    while (bytes.len > 0) {
        size_t length = take_head(&bytes);
        bool whole = bytes.len >= length && may_be_next(behind(bytes, length));
        must(whole || (bodiless && may_be_next(bytes)),
             "an answer is not as long as it says", bytes);
        bytes = whole ? behind(bytes, length) : bytes;
        count++;
    }
    return count;
}
