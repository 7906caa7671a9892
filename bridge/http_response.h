/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.1 response (RFC 9112), read as it arrives: the result is the same
 * however the bytes are split. Bodies by content-length, chunked, or to the end
 * of the connection. Everything has a limit. A response that could be read in
 * two ways (both length and chunked, two lengths, folded lines, bare line
 * feeds) is refused, since it did not come from the service. */
#ifndef BRIDGE_HTTP_RESPONSE_H
#define BRIDGE_HTTP_RESPONSE_H

#include "gateway/base/base.h"

enum {
    HTTP_LINE_MAX = 8 * 1024,
    HTTP_INTERIM_MAX = 16,
    HTTP_HEAD_MAX = 64 * 1024, /* all header lines, and all trailers */
    HTTP_BODY_MAX = 1024 * 1024,
};

enum http_state {
    HTTP_STATUS_LINE,
    HTTP_HEADER,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CLOSE,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END,
    HTTP_TRAILER,
    HTTP_DONE,
};

/* Zeroed is ready. The fields from `status` on are the result; they are
 * complete when `state` is HTTP_DONE. */
struct http_response {
    enum http_state state;
    char line[HTTP_LINE_MAX];
    size_t line_len;
    size_t head_bytes;
    uint32_t interim; /* answers before this one, such as 100 Continue */
    uint64_t left;    /* of the body, or of the chunk */
    bool has_length;
    bool chunked;
    size_t body_cap;

    uint32_t status;
    bool keep_alive;      /* the connection may be used again */
    bool has_age;         /* it came from a cache */
    char date[64];        /* header Date, empty if absent */
    char error_type[128]; /* header x-amzn-ErrorType, empty if absent */
    char proxy_asks[32];  /* the first scheme of Proxy-Authenticate */
    bool proxy_basic;     /* Basic is one of them */
    uint8_t *body;        /* owned */
    size_t body_len;
};

/* Frees the body; ready for the next response. */
void http_response_reset(struct http_response *response);
struct slice http_response_body(const struct http_response *response);

/* Reads bytes until the response is complete or the bytes end; `ret_taken` says
 * how many belonged to the response. ERR_PARSE if it is not HTTP/1.1 as above,
 * ERR_RANGE past a limit, ERR_MEMORY. */
err_t http_response_feed(struct http_response *response, struct slice bytes,
                         size_t *ret_taken) MUST_USE;
/* The connection ended: ERR_OK if that completes it, else ERR_PARSE. */
err_t http_response_end(struct http_response *response) MUST_USE;

/* An IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 section 5.6.7) as
 * seconds since 1970. ERR_PARSE. */
err_t http_date_parse(const char *text, int64_t *ret_seconds) MUST_USE;

#endif
