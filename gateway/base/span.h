/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of time and amounts of bytes in a few characters, for people. */
#ifndef GATEWAY_BASE_SPAN_H
#define GATEWAY_BASE_SPAN_H

#include <stdint.h>

enum { SPAN_SIZE = 32 };

/* "90 s", "41 h", "3 d": at least two of its unit. Returns `ret`. */
const char *span_text(int64_t seconds, char ret[SPAN_SIZE]);
/* "512 B", "1.2 GiB": one digit after the point from KiB on. */
const char *span_bytes(uint64_t bytes, char ret[SPAN_SIZE]);

#endif
