/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto does the hashing, and base64, which is the standard one with
 * padding. */
#include "gateway/identity/password.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "gateway/identity/lines.h"

enum {
    SALT_BYTES = 12, /* what mosquitto_passwd makes */
    SALT_BYTES_MAX = 45,
    HASH_BYTES = 64,
    BASE64_SIZE = 4 * ((HASH_BYTES + 2) / 3) + 1,
    PART_MAX = BASE64_SIZE,
};

static const char prefix[] = "$7$";

/* A hash, read. */
struct parts {
    uint32_t iterations;
    size_t salt_len;
    uint8_t salt[SALT_BYTES_MAX];
    uint8_t hash[HASH_BYTES];
};

/* --- Making one --- */

/* Without 0, 1, l and o, which are taken for each other. */
static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

void password_make(const struct entropy *entropy,
                   char ret[static PASSWORD_MADE_BYTES]) {
    _Static_assert(sizeof letters == 32 + 1, "five bits a letter");
    uint8_t random[PASSWORD_MADE_BYTES - 1];
    entropy->fill(entropy->self, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        ret[i] = letters[random[i] & 31];
    }
    ret[sizeof random] = '\0';
    OPENSSL_cleanse(random, sizeof random);
}

err_t password_check_chosen(struct slice password, struct reason *reason) {
    if (password.len < PASSWORD_CHOSEN_MIN) {
        return reason_set(reason, ERR_RANGE,
                          "the password has %zu characters; it needs %d at "
                          "least, or let one be made",
                          password.len, PASSWORD_CHOSEN_MIN);
    }
    if (password.len > PASSWORD_BYTES_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "the password has %zu bytes; at most %d are allowed",
                          password.len, PASSWORD_BYTES_MAX);
    }
    if (!lines_is_text(password)) {
        return reason_set(reason, ERR_RANGE,
                          "the password is not text: it must be UTF-8 without "
                          "control characters or line breaks");
    }
    return ERR_OK;
}

/* --- Hashing --- */

static bool derive(struct slice password, uint32_t iterations,
                   const uint8_t *salt, size_t salt_len,
                   uint8_t ret[static HASH_BYTES]) {
    assert(iterations > 0 && iterations <= PASSWORD_ITERATIONS_MAX);
    const char *text = password.len > 0 ? (const char *)password.data : "";
    return PKCS5_PBKDF2_HMAC(text, (int)password.len, salt, (int)salt_len,
                             (int)iterations, EVP_sha512(), HASH_BYTES,
                             ret) == 1;
}

static void encode(const uint8_t *bytes, size_t len, char *ret) {
    int written = EVP_EncodeBlock((unsigned char *)ret, bytes, (int)len);
    assert(written > 0 && written < BASE64_SIZE);
}

err_t password_hash(const struct entropy *entropy, struct slice password,
                    uint32_t iterations, char ret[static ACCOUNT_HASH_MAX]) {
    assert(password.len <= INT32_MAX);
    uint8_t salt[SALT_BYTES];
    uint8_t hash[HASH_BYTES];
    char salt_text[BASE64_SIZE];
    char hash_text[BASE64_SIZE];
    entropy->fill(entropy->self, salt, sizeof salt);
    ENSURE(derive(password, iterations, salt, sizeof salt, hash), ERR_IO);
    encode(salt, sizeof salt, salt_text);
    encode(hash, sizeof hash, hash_text);
    int len = snprintf(ret, ACCOUNT_HASH_MAX, "%s%" PRIu32 "$%s$%s", prefix,
                       iterations, salt_text, hash_text);
    assert(len > 0 && len < ACCOUNT_HASH_MAX);
    return ERR_OK;
}

/* --- Reading --- */

/* What stands before the next `$`, or all that is left. */
static struct slice take_part(struct slice *rest) {
    const uint8_t *end =
        rest->len > 0 ? memchr(rest->data, '$', rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    struct slice part = slice_part(*rest, 0, len);
    size_t used = end != NULL ? len + 1 : len;
    *rest = slice_part(*rest, used, rest->len - used);
    return part;
}

static bool read_iterations(struct slice text, uint32_t *ret) {
    uint32_t number = 0;
    if (text.len == 0 || text.len > 7 || text.data[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(text.data[i] - '0');
    }
    *ret = number;
    return number <= PASSWORD_ITERATIONS_MAX;
}

/* libcrypto takes white space and unused bits; so what it read is written
 * again, and must be the same. */
static bool decode(struct slice text, size_t max, uint8_t *ret,
                   size_t *ret_len) {
    uint8_t bytes[BASE64_SIZE] = {0};
    char again[BASE64_SIZE];
    if (text.len == 0 || text.len >= PART_MAX || text.len % 4 != 0) {
        return false;
    }
    if (EVP_DecodeBlock(bytes, text.data, (int)text.len) < 0) {
        return false;
    }
    size_t len = text.len / 4 * 3;
    len -= text.data[text.len - 1] == '=';
    len -= text.data[text.len - 2] == '=';
    if (len > max) {
        return false;
    }
    encode(bytes, len, again);
    memcpy(ret, bytes, len);
    *ret_len = len;
    return slice_eq_str(text, again);
}

static bool read_parts(struct slice text, struct parts *ret) {
    size_t hash_len;
    if (text.len >= ACCOUNT_HASH_MAX || !slice_starts_with(text, prefix)) {
        return false;
    }
    struct slice rest =
        slice_part(text, sizeof prefix - 1, text.len - (sizeof prefix - 1));
    struct slice iterations = take_part(&rest);
    struct slice salt = take_part(&rest);
    return read_iterations(iterations, &ret->iterations) &&
           decode(salt, sizeof ret->salt, ret->salt, &ret->salt_len) &&
           decode(rest, sizeof ret->hash, ret->hash, &hash_len) &&
           hash_len == HASH_BYTES;
}

bool password_hash_is_valid(struct slice hash) {
    struct parts parts;
    return read_parts(hash, &parts);
}

bool password_matches(const char *hash, struct slice password) {
    struct parts parts;
    uint8_t derived[HASH_BYTES];
    if (password.len > INT32_MAX || !read_parts(slice_from_str(hash), &parts) ||
        !derive(password, parts.iterations, parts.salt, parts.salt_len,
                derived)) {
        return false;
    }
    return CRYPTO_memcmp(derived, parts.hash, HASH_BYTES) == 0;
}
