/* SPDX-License-Identifier: Apache-2.0 */
/* One error enum for the whole program, by class and not by place, and the text
 * for a person that may accompany it. */
#ifndef GATEWAY_BASE_ERROR_H
#define GATEWAY_BASE_ERROR_H

#include "gateway/base/attr.h"

typedef enum err {
    ERR_OK = 0,
    ERR_AGAIN,       /* not now; the same call may succeed later */
    ERR_END,         /* nothing more to read */
    ERR_FULL,        /* a named bound is reached */
    ERR_PARSE,       /* input that breaks its format's rules */
    ERR_CORRUPT,     /* our own data does not verify */
    ERR_IO,          /* the disk failed */
    ERR_NOT_FOUND,   /* the thing asked for is not there */
    ERR_RANGE,       /* well-formed, but outside the allowed range */
    ERR_BUSY,        /* in use by somebody else */
    ERR_CONFIG,      /* the configuration cannot be used */
    ERR_MEMORY,      /* allocation failed */
    ERR_NETWORK,     /* the peer or the network failed */
    ERR_REFUSED,     /* understood, but not allowed */
    ERR_UNSUPPORTED, /* valid, but not supported by this program */
} err_t;

/* The class in words, for a log line: "ok", "again", "end", ... */
const char *err_name(err_t err);

/* Text for a person: what is wrong and what to do. Always terminated. */
struct reason {
    char text[256];
};

/* Formats into `reason` (which may be NULL) and returns `err`, so that a
 * refusal is one line: return reason_set(reason, ERR_PARSE, "..."); */
err_t reason_set(struct reason *reason, err_t err, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Returns from the calling function if `call` failed. */
#define TRY(call)                 \
    do {                          \
        err_t try_err_ = (call);  \
        if (try_err_ != ERR_OK) { \
            return try_err_;      \
        }                         \
    } while (0)

/* Returns `err` from the calling function unless `condition` holds. */
#define ENSURE(condition, err) \
    do {                       \
        if (!(condition)) {    \
            return (err);      \
        }                      \
    } while (0)

#endif
