/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104) and hexadecimal: what signing
 * needs; MD5 (RFC 1321). By libcrypto, which is in the process already and uses
 * the processor's own instructions: 560 bytes in 0.3 us, mbedTLS takes 2. */
#ifndef BRIDGE_DIGEST_H
#define BRIDGE_DIGEST_H

#include "gateway/base/bytes.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

enum { DIGEST_MD5_SIZE = 16 };

void digest_sha256(struct slice bytes, uint8_t ret[DIGEST_SIZE]);
void digest_hmac(struct slice key, struct slice bytes,
                 uint8_t ret[DIGEST_SIZE]);
/* For checksums that others ask for; not for secrets. */
void digest_md5(struct slice bytes, uint8_t ret[DIGEST_MD5_SIZE]);
/* Lower-case, terminated. */
void digest_hex(const uint8_t digest[DIGEST_SIZE], char ret[DIGEST_HEX_SIZE]);

#endif
