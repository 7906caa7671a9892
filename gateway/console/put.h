/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a JSON object, written straight through a writer: the comma, the
 * name, the value. */
#ifndef GATEWAY_CONSOLE_PUT_H
#define GATEWAY_CONSOLE_PUT_H

#include "gateway/base/base.h"

/* The name and the colon alone. */
void put_name(struct writer *writer, const char *name);
void put_slice(struct writer *writer, const char *name, struct slice text);
void put_str(struct writer *writer, const char *name, const char *text);
void put_uint(struct writer *writer, const char *name, uint64_t value);
void put_int(struct writer *writer, const char *name, int64_t value);
void put_bool(struct writer *writer, const char *name, bool value);
/* RFC 3339, or null for a time that is not set. */
void put_time(struct writer *writer, const char *name, int64_t wall_us);
/* The same without a fraction of a second. */
void put_second(struct writer *writer, const char *name, int64_t wall_us);
/* Seconds since then, or null if that is not set. */
void put_age(struct writer *writer, const char *name, int64_t now_us,
             int64_t then_us);
/* Seconds, or null for a negative number: none, or not known. */
void put_span(struct writer *writer, const char *name, int64_t seconds);

#endif
