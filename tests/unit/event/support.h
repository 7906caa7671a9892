/* SPDX-License-Identifier: Apache-2.0 */
/* What the event tests share: a seed that is printed, random values and events,
 * and a writer of CBOR that does not know the gateway's own. */
#ifndef TESTS_UNIT_EVENT_SUPPORT_H
#define TESTS_UNIT_EVENT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/event/event.h"

struct random {
    uint64_t state;
};

/* From EDGE_SEED if set, else new; printed with `what`. */
struct random random_start(const char *what);
uint64_t random_u64(struct random *random);
/* 0 to below - 1; `below` is not 0. */
size_t random_below(struct random *random, size_t below);

/* A copy in memory of exactly its size, so that a sanitizer sees a read of one
 * byte too many; free() it through exact_free(). */
struct slice exact(struct slice bytes);
void exact_free(struct slice *bytes);

/* "9f01ff" as bytes, in a buffer of the caller's. */
struct slice from_hex(const char *hex, uint8_t *buf, size_t size);

/* CBOR heads and strings. */
void cbor_head(struct writer *out, int major, uint64_t value);
void cbor_text(struct writer *out, struct slice text);

/* Random text without control characters: quotes, backslashes and letters of
 * one to four bytes. At most `max` bytes. */
struct slice random_text(struct random *random, struct arena *arena,
                         size_t max);
/* The same random value in JSON, without white space, and in CBOR. */
void random_twins(struct random *random, struct arena *arena, uint32_t depth,
                  struct writer *json, struct writer *cbor);
/* An event such as event_read() could have read. */
struct event random_event(struct random *random, struct arena *arena);

/* Fails, saying where, unless the two hold the same; the order of extensions
 * does not count. */
void assert_same_event(const struct event *a, const struct event *b);
/* Fails unless the slice says `text`. */
void assert_says(struct slice slice, const char *text);

#endif
