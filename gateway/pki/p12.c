/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/p12.h"

#include <assert.h>

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

enum {
    /* As OpenSSL's own default; a made password has 128 bits anyway. */
    ITERATIONS = 2048,
    NO_MAC = -1, /* of PKCS12_create(): it is set afterwards */
};

static void free_p12(PKCS12 **p12) {
    PKCS12_free(*p12);
}

static void free_chain(STACK_OF(X509) * *chain) {
    sk_X509_free(*chain);
}

err_t p12_make(const struct p12_order *order, struct octets *ret,
               struct reason *reason) {
    assert(order->password != NULL && order->key != NULL);
    int cipher = order->modern ? NID_aes_256_cbc
                               : NID_pbe_WithSHA1And3_Key_TripleDES_CBC;
    const EVP_MD *digest = order->modern ? EVP_sha256() : EVP_sha1();
    CLEANUP(octets_bio_free) BIO *bio = BIO_new(BIO_s_mem());
    CLEANUP(free_chain) STACK_OF(X509) *chain = sk_X509_new_null();
    if (bio == NULL || chain == NULL || sk_X509_push(chain, order->ca) == 0) {
        return certificate_failed(reason, "make the PKCS #12 file");
    }
    CLEANUP(free_p12)
    PKCS12 *p12 = PKCS12_create(order->password, order->name, order->key,
                                order->certificate, chain, cipher, cipher,
                                ITERATIONS, NO_MAC, 0);
    if (p12 == NULL ||
        PKCS12_set_mac(p12, order->password, -1, NULL, 0, ITERATIONS, digest) !=
            1 ||
        i2d_PKCS12_bio(bio, p12) != 1) {
        return certificate_failed(reason, "make the PKCS #12 file");
    }
    return octets_take(bio, ret);
}
