/* SPDX-License-Identifier: Apache-2.0 */
/* Base 16 and 64 encodings of bytes in text (RFC 4648). */
#ifndef GATEWAY_EVENT_BASE64_H
#define GATEWAY_EVENT_BASE64_H

#include "gateway/base/bytes.h"

/* Section 4: '+', '/' and padding. */
void event_base64_write(struct writer *writer, struct slice bytes);
/* Section 5: '-', '_' and no padding. */
void event_base64url_write(struct writer *writer, struct slice bytes);
/* Section 8: capital letters. */
void event_base16_write(struct writer *writer, struct slice bytes);

/* Reads section 4 strictly: no white space, full padding, unused bits zero.
 * `ret` has room for text.len / 4 * 3 bytes and may be the memory of
 * `text` itself. ERR_PARSE. */
err_t event_base64_read(struct slice text, uint8_t *ret,
                        size_t *ret_len) MUST_USE;

#endif
