/* SPDX-License-Identifier: Apache-2.0 */
/* A service's answer in CBOR (RFC 8949) as JSON, so that one reader judges
 * both. AWS writes maps and arrays of indefinite length and, as its encoder
 * (Jackson) does, long texts in chunks: all of that is read here, unlike in
 * events (gateway/event/item.h). */
#ifndef BRIDGE_CBOR_JSON_H
#define BRIDGE_CBOR_JSON_H

#include "gateway/base/bytes.h"

/* `bytes` are exactly one item. A tag is dropped; a byte string, a number with
 * a fraction and undefined become null: no answer that counts has one.
 * ERR_PARSE: not CBOR, a name that is no text, text that is not UTF-8, nested
 * deeper than JSON may be. ERR_FULL: it does not fit; six times as many bytes
 * always do. */
err_t cbor_to_json(struct slice bytes, struct writer *writer) MUST_USE;

#endif
