/* SPDX-License-Identifier: Apache-2.0 */
/* The digests by the vectors of their own documents, and of any length as
 * another library gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <mbedtls/md.h>

#include "bridge/digest.h"
#include "tests/unit/bridge/dice.h"

static void check_hex(const uint8_t *digest, size_t size,
                      const char *expected) {
    char text[DIGEST_HEX_SIZE] = "";
    for (size_t i = 0; i < size; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(text, expected);
}

/* Goal: FIPS 180-4's examples, RFC 4231's cases, RFC 1321's suite. */
static void test_the_documents(void **state) {
    (void)state;
    uint8_t digest[DIGEST_SIZE];
    digest_sha256(SLICE_EMPTY, digest);
    check_hex(
        digest, DIGEST_SIZE,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256(SLICE("abc"), digest);
    check_hex(
        digest, DIGEST_SIZE,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char hex[DIGEST_HEX_SIZE];
    digest_hex(digest, hex);
    check_hex(digest, DIGEST_SIZE, hex);
    uint8_t key[131];
    memset(key, 0x0b, 20);
    digest_hmac(slice_of(key, 20), SLICE("Hi There"), digest);
    check_hex(
        digest, DIGEST_SIZE,
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest_hmac(SLICE("Jefe"), SLICE("what do ya want for nothing?"), digest);
    check_hex(
        digest, DIGEST_SIZE,
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    digest_hmac(slice_of(key, sizeof key),
                SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
                digest);
    check_hex(
        digest, DIGEST_SIZE,
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest_md5(SLICE_EMPTY, digest);
    check_hex(digest, DIGEST_MD5_SIZE, "d41d8cd98f00b204e9800998ecf8427e");
    digest_md5(SLICE("message digest"), digest);
    check_hex(digest, DIGEST_MD5_SIZE, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void by_mbedtls(mbedtls_md_type_t type, struct slice key,
                       struct slice bytes, bool hmac, uint8_t *ret) {
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(type);
    int failed = hmac ? mbedtls_md_hmac(info, key.data, key.len, bytes.data,
                                        bytes.len, ret)
                      : mbedtls_md(info, bytes.data, bytes.len, ret);
    assert_int_equal(failed, 0);
}

/* Goal: the same as mbedTLS gives, for keys and texts of any length. */
static void test_another_library(void **state) {
    (void)state;
    static uint8_t text[5000];
    static uint8_t key[200];
    struct dice dice = {20261129};
    print_message("seed %llu\n", (unsigned long long)dice.state);
    for (int round = 0; round < 5000; round++) {
        size_t len = dice_below(&dice, round < 4000 ? 300 : sizeof text);
        size_t key_len = dice_below(&dice, sizeof key);
        for (size_t i = 0; i < len; i++) {
            text[i] = (uint8_t)dice_below(&dice, 256);
        }
        key[dice_below(&dice, sizeof key)] = (uint8_t)dice_below(&dice, 256);
        struct slice bytes = slice_of(text, len);
        struct slice secret = slice_of(key, key_len);
        uint8_t ours[DIGEST_SIZE];
        uint8_t theirs[DIGEST_SIZE];
        digest_sha256(bytes, ours);
        by_mbedtls(MBEDTLS_MD_SHA256, secret, bytes, false, theirs);
        assert_memory_equal(ours, theirs, DIGEST_SIZE);
        digest_hmac(secret, bytes, ours);
        by_mbedtls(MBEDTLS_MD_SHA256, secret, bytes, true, theirs);
        assert_memory_equal(ours, theirs, DIGEST_SIZE);
        digest_md5(bytes, ours);
        by_mbedtls(MBEDTLS_MD_MD5, secret, bytes, false, theirs);
        assert_memory_equal(ours, theirs, DIGEST_MD5_SIZE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_documents),
        cmocka_unit_test(test_another_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
