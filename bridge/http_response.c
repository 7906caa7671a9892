/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/http_response.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { BODY_CAP_FIRST = 4096 };

void http_response_reset(struct http_response *response) {
    free(response->body);
    memset(response, 0, sizeof *response);
}

struct slice http_response_body(const struct http_response *response) {
    return slice_of(response->body, response->body_len);
}

/* --- the body ----------------------------------------------------------- */

static err_t body_reserve(struct http_response *response, size_t more) {
    ENSURE(more <= HTTP_BODY_MAX - response->body_len, ERR_RANGE);
    size_t cap = response->body_cap > 0 ? response->body_cap : BODY_CAP_FIRST;
    while (cap < response->body_len + more) {
        cap *= 2;
    }
    if (cap > response->body_cap) {
        uint8_t *body = realloc(response->body, cap);
        ENSURE(body != NULL, ERR_MEMORY);
        response->body = body;
        response->body_cap = cap;
    }
    return ERR_OK;
}

static err_t body_add(struct http_response *response, struct slice bytes) {
    if (bytes.len == 0) {
        return ERR_OK;
    }
    TRY(body_reserve(response, bytes.len));
    memcpy(response->body + response->body_len, bytes.data, bytes.len);
    response->body_len += bytes.len;
    return ERR_OK;
}

/* Takes up to `left` bytes of the body or of a chunk. */
static err_t body_take(struct http_response *response, struct slice bytes,
                       enum http_state then, size_t *ret_taken) {
    size_t len = bytes.len < response->left ? bytes.len : response->left;
    TRY(body_add(response, slice_part(bytes, 0, len)));
    response->left -= len;
    if (response->left == 0) {
        response->state = then;
    }
    *ret_taken = len;
    return ERR_OK;
}

/* --- lines -------------------------------------------------------------- */

/* A decimal or hexadecimal number that is all of `text`. */
static err_t number_read(struct slice text, uint32_t radix, uint64_t *ret) {
    uint64_t value = 0;
    ENSURE(text.len > 0, ERR_PARSE);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)c - '0'
                         : c >= 'a' && c <= 'f' ? (uint32_t)c - 'a' + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)c - 'A' + 10
                                                : radix;
        ENSURE(digit < radix, ERR_PARSE);
        ENSURE(value <= HTTP_BODY_MAX, ERR_RANGE);
        value = value * radix + digit;
    }
    *ret = value;
    return ERR_OK;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static struct slice trim(struct slice text) {
    while (text.len > 0 && is_blank(text.data[0])) {
        text = slice_part(text, 1, text.len - 1);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static bool same_word(struct slice text, const char *word) {
    return text.len == strlen(word) &&
           (text.len == 0 ||
            strncasecmp((const char *)text.data, word, text.len) == 0);
}

/* "HTTP/1.1 200 OK"; the reason phrase may be anything. */
static err_t read_status_line(struct http_response *response,
                              struct slice line) {
    ENSURE(slice_starts_with(line, "HTTP/1.1 ") ||
               slice_starts_with(line, "HTTP/1.0 "),
           ERR_PARSE);
    ENSURE(line.len >= 12 && (line.len == 12 || line.data[12] == ' '),
           ERR_PARSE);
    uint64_t status;
    TRY(number_read(slice_part(line, 9, 3), 10, &status));
    ENSURE(status >= 100, ERR_PARSE);
    response->status = (uint32_t)status;
    response->keep_alive = line.data[7] == '1';
    response->state = HTTP_HEADER;
    return ERR_OK;
}

static err_t read_content_length(struct http_response *response,
                                 struct slice value) {
    ENSURE(!response->has_length, ERR_PARSE);
    TRY(number_read(value, 10, &response->left));
    ENSURE(response->left <= HTTP_BODY_MAX, ERR_RANGE);
    response->has_length = true;
    return ERR_OK;
}

static err_t read_transfer_encoding(struct http_response *response,
                                    struct slice value) {
    ENSURE(!response->chunked && same_word(value, "chunked"), ERR_PARSE);
    response->chunked = true;
    return ERR_OK;
}

/* Kept as text for the caller; a value that does not fit counts as absent. */
static err_t keep(struct slice value, char *ret, size_t ret_size) {
    if (slice_to_str(value, ret, ret_size) != ERR_OK) {
        ret[0] = '\0';
    }
    return ERR_OK;
}

/* A name is a token (RFC 9110 section 5.6.2), which a folded line, beginning
 * with white space, is not. */
static bool is_token(struct slice name) {
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') ||
                  (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        if (!ok) {
            return false;
        }
    }
    return name.len > 0;
}

/* Each line is a challenge of one scheme (RFC 9110 section 11.7.1): who lists
 * several in one line is seldom, and names Basic last or first. */
static err_t read_challenge(struct http_response *response,
                            struct slice value) {
    size_t len = 0;
    while (len < value.len && is_token(slice_part(value, 0, len + 1))) {
        len++;
    }
    struct slice scheme = slice_part(value, 0, len);
    response->proxy_basic |=
        same_word(scheme, "basic") ||
        memmem(value.data, value.len, ", Basic ", 8) != NULL;
    return response->proxy_asks[0] != '\0' ? ERR_OK
                                           : keep(scheme, response->proxy_asks,
                                                  sizeof response->proxy_asks);
}

static err_t read_field(struct http_response *response, struct slice name,
                        struct slice value) {
    if (same_word(name, "content-length")) {
        return read_content_length(response, value);
    }
    if (same_word(name, "transfer-encoding")) {
        return read_transfer_encoding(response, value);
    }
    if (same_word(name, "connection") && same_word(value, "close")) {
        response->keep_alive = false;
    }
    if (same_word(name, "age")) {
        response->has_age = true;
    }
    if (same_word(name, "date")) {
        return keep(value, response->date, sizeof response->date);
    }
    if (same_word(name, "proxy-authenticate")) {
        return read_challenge(response, value);
    }
    if (same_word(name, "x-amzn-errortype")) {
        return keep(value, response->error_type, sizeof response->error_type);
    }
    return ERR_OK;
}

static err_t split_field(struct slice line, struct slice *ret_name,
                         struct slice *ret_value) {
    const uint8_t *colon =
        line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
    ENSURE(colon != NULL, ERR_PARSE);
    size_t name_len = (size_t)(colon - line.data);
    *ret_name = slice_part(line, 0, name_len);
    ENSURE(is_token(*ret_name), ERR_PARSE);
    *ret_value = trim(slice_part(line, name_len + 1, line.len - name_len - 1));
    return ERR_OK;
}

/* After the last header: what the body's length is (RFC 9112 section 6.3). */
static err_t begin_body(struct http_response *response) {
    ENSURE(!(response->chunked && response->has_length), ERR_PARSE);
    uint32_t status = response->status;
    if (status < 200) {
        ENSURE(status != 101, ERR_PARSE); /* we never ask for an upgrade */
        uint32_t interim = response->interim + 1;
        ENSURE(interim <= HTTP_INTERIM_MAX, ERR_RANGE);
        http_response_reset(response);
        response->interim = interim;
        return ERR_OK;
    }
    bool empty = status == 204 || status == 304;
    if (empty || (response->has_length && response->left == 0)) {
        response->state = HTTP_DONE;
    } else if (response->chunked) {
        response->state = HTTP_CHUNK_SIZE;
    } else if (response->has_length) {
        response->state = HTTP_BODY_LENGTH;
    } else {
        response->keep_alive = false;
        response->state = HTTP_BODY_CLOSE;
    }
    return ERR_OK;
}

static err_t read_header(struct http_response *response, struct slice line) {
    if (line.len == 0) {
        return begin_body(response);
    }
    struct slice name;
    struct slice value;
    TRY(split_field(line, &name, &value));
    return read_field(response, name, value);
}

/* "1a2b;extension": extensions are legal and mean nothing to us. */
static err_t read_chunk_size(struct http_response *response,
                             struct slice line) {
    const uint8_t *semicolon =
        line.len > 0 ? memchr(line.data, ';', line.len) : NULL;
    size_t len = semicolon != NULL ? (size_t)(semicolon - line.data) : line.len;
    TRY(number_read(trim(slice_part(line, 0, len)), 16, &response->left));
    response->state = response->left == 0 ? HTTP_TRAILER : HTTP_CHUNK_DATA;
    return ERR_OK;
}

static err_t read_line(struct http_response *response, struct slice line) {
    switch (response->state) {
    case HTTP_STATUS_LINE:
        return read_status_line(response, line);
    case HTTP_HEADER:
        return read_header(response, line);
    case HTTP_CHUNK_SIZE:
        return read_chunk_size(response, line);
    case HTTP_CHUNK_END:
        ENSURE(line.len == 0, ERR_PARSE);
        response->state = HTTP_CHUNK_SIZE;
        return ERR_OK;
    case HTTP_TRAILER:
        if (line.len == 0) {
            response->state = HTTP_DONE;
        }
        return ERR_OK;
    case HTTP_BODY_LENGTH:
    case HTTP_BODY_CLOSE:
    case HTTP_CHUNK_DATA:
    case HTTP_DONE:
        break;
    }
    assert(false); /* these states take no lines */
    return ERR_PARSE;
}

/* Collects a line and reads it when its CR LF has come. */
static err_t take_line(struct http_response *response, struct slice bytes,
                       size_t *ret_taken) {
    const uint8_t *end = memchr(bytes.data, '\n', bytes.len);
    size_t len = end != NULL ? (size_t)(end - bytes.data) + 1 : bytes.len;
    ENSURE(len <= HTTP_LINE_MAX - response->line_len, ERR_RANGE);
    response->head_bytes += response->state == HTTP_CHUNK_SIZE ? 0 : len;
    ENSURE(response->head_bytes <= HTTP_HEAD_MAX, ERR_RANGE);
    memcpy(response->line + response->line_len, bytes.data, len);
    response->line_len += len;
    *ret_taken = len;
    if (end == NULL) {
        return ERR_OK;
    }
    size_t line_len = response->line_len;
    response->line_len = 0;
    ENSURE(line_len >= 2 && response->line[line_len - 2] == '\r', ERR_PARSE);
    return read_line(response, slice_of(response->line, line_len - 2));
}

static err_t take(struct http_response *response, struct slice bytes,
                  size_t *ret_taken) {
    switch (response->state) {
    case HTTP_BODY_LENGTH:
        return body_take(response, bytes, HTTP_DONE, ret_taken);
    case HTTP_CHUNK_DATA:
        return body_take(response, bytes, HTTP_CHUNK_END, ret_taken);
    case HTTP_BODY_CLOSE:
        *ret_taken = bytes.len;
        return body_add(response, bytes);
    case HTTP_STATUS_LINE:
    case HTTP_HEADER:
    case HTTP_CHUNK_SIZE:
    case HTTP_CHUNK_END:
    case HTTP_TRAILER:
    case HTTP_DONE:
        break;
    }
    return take_line(response, bytes, ret_taken);
}

err_t http_response_feed(struct http_response *response, struct slice bytes,
                         size_t *ret_taken) {
    size_t at = 0;
    while (at < bytes.len && response->state != HTTP_DONE) {
        size_t taken = 0;
        TRY(take(response, slice_part(bytes, at, bytes.len - at), &taken));
        assert(taken > 0);
        at += taken;
    }
    *ret_taken = at;
    return ERR_OK;
}

err_t http_response_end(struct http_response *response) {
    ENSURE(response->state == HTTP_BODY_CLOSE || response->state == HTTP_DONE,
           ERR_PARSE);
    response->state = HTTP_DONE;
    return ERR_OK;
}

err_t http_date_parse(const char *text, int64_t *ret_seconds) {
    struct tm utc = {0};
    const char *rest = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    ENSURE(rest != NULL && *rest == '\0', ERR_PARSE);
    *ret_seconds = (int64_t)timegm(&utc);
    return ERR_OK;
}
