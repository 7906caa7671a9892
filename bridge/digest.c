/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/digest.h"

#include <assert.h>

/* Deprecated since OpenSSL 3.0, and chosen: the EVP interface, which it wants
 * instead, loads its providers at the first fetch, which stays resident (1.8
 * MiB), and takes 0.08 us more for each digest. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

enum { BLOCK_SIZE = 64, INNER = 0x36, OUTER = 0x5c };

/* These return 1, whatever they are given. */
static void must(int returned) {
    assert(returned == 1);
    (void)returned;
}

static void add(SHA256_CTX *context, struct slice bytes) {
    if (bytes.len > 0) {
        must(SHA256_Update(context, bytes.data, bytes.len));
    }
}

void digest_sha256(struct slice bytes, uint8_t ret[DIGEST_SIZE]) {
    SHA256_CTX context;
    must(SHA256_Init(&context));
    add(&context, bytes);
    must(SHA256_Final(ret, &context));
}

/* The digest of the key, each byte of it combined with `pad`, and of `bytes`.
 */
static void padded(const uint8_t key[BLOCK_SIZE], uint8_t pad,
                   struct slice bytes, uint8_t ret[DIGEST_SIZE]) {
    SHA256_CTX context;
    uint8_t block[BLOCK_SIZE];
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] = key[i] ^ pad;
    }
    must(SHA256_Init(&context));
    add(&context, slice_of(block, sizeof block));
    add(&context, bytes);
    must(SHA256_Final(ret, &context)); /* which wipes the context */
    OPENSSL_cleanse(block, sizeof block);
}

void digest_hmac(struct slice key, struct slice bytes,
                 uint8_t ret[DIGEST_SIZE]) {
    uint8_t block[BLOCK_SIZE] = {0};
    if (key.len > BLOCK_SIZE) {
        digest_sha256(key, block);
    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }
    uint8_t inner[DIGEST_SIZE];
    padded(block, INNER, bytes, inner);
    padded(block, OUTER, slice_of(inner, sizeof inner), ret);
    OPENSSL_cleanse(block, sizeof block);
}

void digest_md5(struct slice bytes, uint8_t ret[DIGEST_MD5_SIZE]) {
    MD5_CTX context;
    must(MD5_Init(&context));
    if (bytes.len > 0) {
        must(MD5_Update(&context, bytes.data, bytes.len));
    }
    must(MD5_Final(ret, &context));
}

void digest_hex(const uint8_t digest[DIGEST_SIZE], char ret[DIGEST_HEX_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        ret[2 * i] = digits[digest[i] >> 4];
        ret[2 * i + 1] = digits[digest[i] & 15];
    }
    ret[DIGEST_HEX_SIZE - 1] = '\0';
}
