/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/digest.h"

#include <assert.h>
#include <mbedtls/md.h>

/* Both mbedtls_md() calls fail only for a digest that the library was built
 * without, or for a NULL argument; neither can come from input. */
static const mbedtls_md_info_t *sha256(void) {
    const mbedtls_md_info_t *info =
        mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    assert(info != NULL);
    return info;
}

/* mbedTLS wants a pointer even for no bytes at all. */
static const uint8_t *data_of(struct slice bytes) {
    static const uint8_t nothing[1];
    return bytes.len > 0 ? bytes.data : nothing;
}

void digest_sha256(struct slice bytes, uint8_t ret[DIGEST_SIZE]) {
    int failed = mbedtls_md(sha256(), data_of(bytes), bytes.len, ret);
    assert(failed == 0);
}

void digest_hmac(struct slice key, struct slice bytes,
                 uint8_t ret[DIGEST_SIZE]) {
    int failed = mbedtls_md_hmac(sha256(), data_of(key), key.len,
                                 data_of(bytes), bytes.len, ret);
    assert(failed == 0);
}

void digest_md5(struct slice bytes, uint8_t ret[DIGEST_MD5_SIZE]) {
    const mbedtls_md_info_t *md5 = mbedtls_md_info_from_type(MBEDTLS_MD_MD5);
    assert(md5 != NULL);
    int failed = mbedtls_md(md5, data_of(bytes), bytes.len, ret);
    assert(failed == 0);
}

void digest_hex(const uint8_t digest[DIGEST_SIZE], char ret[DIGEST_HEX_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        ret[2 * i] = digits[digest[i] >> 4];
        ret[2 * i + 1] = digits[digest[i] & 15];
    }
    ret[DIGEST_HEX_SIZE - 1] = '\0';
}
