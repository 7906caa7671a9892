/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR (RFC 8949) for what JSON can say, between bytes and a cJSON tree. */
#ifndef DEVICES_CLIENT_CBOR_H
#define DEVICES_CLIENT_CBOR_H

#include <cjson/cJSON.h>

#include "gateway/base/bytes.h"

/* Shortest heads, definite lengths; whole numbers as integers, others as
 * 64-bit floats. Check writer->full. */
void cbor_write(const cJSON *tree, struct writer *writer);

/* Exactly one item, at most `depth` arrays and maps deep, tags skipped. The
 * caller frees the tree. Nothing is allocated for sizes that are only claimed.
 * ERR_PARSE: broken, indefinite, or without a JSON form; ERR_MEMORY. */
err_t cbor_read(struct slice bytes, uint32_t depth, cJSON **ret) MUST_USE;

#endif
