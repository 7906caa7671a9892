/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/tls_check.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "gateway/pki/certificate.h"

enum {
    CA_COUNT_MAX = 512,
    /* What OpenSSL's security level 2, which is Debian's, asks for: RSA of 2048
     * bits, EC of 224, and no SHA-1. */
    SECURITY_BITS_MIN = 112,
};

void tls_stack_free(tls_stack **stack) {
    sk_X509_pop_free(*stack, X509_free);
}

/* --- Certificates of a file ------------------------------------------------
 */

static err_t no_certificate(const char *key, int n, struct reason *reason) {
    ERR_clear_error();
    return reason_set(reason, ERR_PARSE,
                      "%s: certificate number %d cannot be read: give PEM "
                      "(-----BEGIN CERTIFICATE-----), whole",
                      key, n + 1);
}

/* All certificates of a PEM text, one at least. */
static err_t read_stack(struct slice pem, const char *key, tls_stack **ret,
                        struct reason *reason) {
    CLEANUP(octets_bio_free) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    CLEANUP(tls_stack_free) tls_stack *stack = sk_X509_new_null();
    ENSURE(bio != NULL && stack != NULL, ERR_MEMORY);
    ERR_clear_error();
    X509 *next;
    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_num(stack) == CA_COUNT_MAX ||
            sk_X509_push(stack, next) == 0) {
            X509_free(next);
            return reason_set(reason, ERR_RANGE,
                              "%s: more than %d certificates", key,
                              CA_COUNT_MAX);
        }
    }
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!ended || sk_X509_num(stack) == 0) {
        return no_certificate(key, sk_X509_num(stack), reason);
    }
    ERR_clear_error();
    *ret = stack;
    stack = NULL;
    return ERR_OK;
}

bool tls_stack_holds(const tls_stack *stack, const X509 *certificate) {
    for (int i = 0; i < sk_X509_num(stack); i++) {
        if (X509_cmp(sk_X509_value(stack, i), certificate) == 0) {
            return true;
        }
    }
    return false;
}

bool tls_withdraws(struct slice old, struct slice new) {
    CLEANUP(tls_stack_free) tls_stack *before = NULL;
    CLEANUP(tls_stack_free) tls_stack *after = NULL;
    if (read_stack(old, "", &before, NULL) != ERR_OK) {
        return false;
    }
    if (read_stack(new, "", &after, NULL) != ERR_OK) {
        return true;
    }
    for (int i = 0; i < sk_X509_num(before); i++) {
        if (!tls_stack_holds(after, sk_X509_value(before, i))) {
            return true;
        }
    }
    return false;
}

static bool is_strong(X509 *certificate) {
    int bits = 0;
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool of_itself = X509_self_signed(certificate, 0) == 1;
    bool good =
        key != NULL && EVP_PKEY_get_security_bits(key) >= SECURITY_BITS_MIN &&
        (of_itself ||
         (X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) == 1 &&
          bits >= SECURITY_BITS_MIN));
    ERR_clear_error();
    return good;
}

/* --- The server's ----------------------------------------------------------
 */

static err_t check_order(const tls_stack *chain, struct reason *reason) {
    for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
        X509 *signer = sk_X509_value(chain, i + 1);
        if (X509_check_issued(signer, sk_X509_value(chain, i)) != X509_V_OK) {
            return reason_set(reason, ERR_REFUSED,
                              "tls.cert_file: certificate number %d has not "
                              "signed the one before it: first comes the "
                              "server's, then each one's issuer",
                              i + 2);
        }
    }
    return ERR_OK;
}

static err_t check_server(X509 *certificate, struct reason *reason) {
    if (X509_check_ca(certificate) == 1) {
        return reason_set(reason, ERR_REFUSED,
                          "tls.cert_file: this is a CA's certificate, not the "
                          "server's: make one with `shopme-edge pki server`");
    }
    if (X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) != 1) {
        return reason_set(reason, ERR_REFUSED,
                          "tls.cert_file: the certificate is not for a server "
                          "(extended key usage): let the CA make one with "
                          "serverAuth");
    }
    if (!is_strong(certificate)) {
        return reason_set(reason, ERR_REFUSED,
                          "tls.cert_file: the certificate is too weak for TLS "
                          "today: EC P-256, or RSA of 2048 bits, with SHA-256");
    }
    return ERR_OK;
}

static err_t check_key(X509 *certificate, struct slice pem,
                       struct reason *reason) {
    CLEANUP(certificate_key_free) EVP_PKEY *key = NULL;
    err_t err = certificate_read_key(pem, &key);
    if (err == ERR_REFUSED) {
        return reason_set(reason, ERR_PARSE,
                          "tls.key_file: the key has a password, and nobody is "
                          "there to type it: `openssl pkey -in OLD -out NEW`");
    }
    if (err != ERR_OK) {
        return reason_set(reason, ERR_PARSE,
                          "tls.key_file: there is no private key in it: give "
                          "PEM (-----BEGIN PRIVATE KEY-----)");
    }
    bool same = X509_check_private_key(certificate, key) == 1;
    ERR_clear_error();
    return same ? ERR_OK
                : reason_set(reason, ERR_REFUSED,
                             "tls.key_file: this key does not belong to the "
                             "certificate in tls.cert_file: give both of one "
                             "issue");
}

/* --- The CAs ---------------------------------------------------------------
 */

/* Does it lead to a CA that signs itself and is trusted? Whatever the time. */
static bool leads(X509_STORE *trusted, X509 *certificate, tls_stack *between) {
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool good =
        context != NULL &&
        X509_STORE_CTX_init(context, trusted, certificate, between) == 1;
    if (good) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
        good = X509_verify_cert(context) == 1;
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return good;
}

static void name_of(const X509 *certificate, char ret[static TLS_NAME_MAX]) {
    if (certificate_common_name(certificate, ret) != ERR_OK) {
        snprintf(ret, TLS_NAME_MAX, "?");
    }
    for (char *c = ret; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
    }
}

/* Of those that have not ended the first to do so; else the last that did. */
static bool ends_before(int64_t ends_us, int64_t other_us, int64_t now_us) {
    bool ended = ends_us <= now_us;
    bool other_ended = other_us <= now_us;
    if (ended != other_ended) {
        return !ended;
    }
    return ended ? ends_us > other_us : ends_us < other_us;
}

static err_t note_ca(const X509 *ca, int n, int64_t now_us,
                     struct tls_facts *facts, struct reason *reason) {
    int64_t from_us;
    int64_t until_us;
    if (certificate_dates(ca, &from_us, &until_us) != ERR_OK) {
        return no_certificate("tls.ca_file", n, reason);
    }
    if (n == 0 || ends_before(until_us, facts->ca_ends_us, now_us)) {
        facts->ca_ends_us = until_us;
        name_of(ca, facts->ca_name);
    }
    facts->ca_count++;
    return ERR_OK;
}

static err_t check_ca(X509_STORE *trusted, X509 *ca, int n,
                      struct reason *reason) {
    char name[TLS_NAME_MAX];
    name_of(ca, name);
    if (X509_check_ca(ca) == 0) {
        return reason_set(reason, ERR_REFUSED,
                          "tls.ca_file: certificate number %d (%s) is not a "
                          "CA's: give those of the CAs that sign devices'",
                          n + 1, name);
    }
    if (!leads(trusted, ca, NULL)) {
        return reason_set(reason, ERR_REFUSED,
                          "tls.ca_file: the CA %s was signed by another that "
                          "is not in the file: add it, up to the root",
                          name);
    }
    return ERR_OK;
}

static void free_store(X509_STORE **store) {
    X509_STORE_free(*store);
}

static err_t check_cas(tls_stack *authorities, tls_stack *chain, int64_t now_us,
                       struct tls_facts *facts, struct reason *reason) {
    CLEANUP(free_store) X509_STORE *trusted = X509_STORE_new();
    ENSURE(trusted != NULL, ERR_MEMORY);
    int count = sk_X509_num(authorities);
    assert(count > 0 && count <= CA_COUNT_MAX);
    for (int i = 0; i < count; i++) {
        ENSURE(X509_STORE_add_cert(trusted, sk_X509_value(authorities, i)) == 1,
               ERR_MEMORY);
    }
    for (int i = 0; i < count; i++) {
        X509 *ca = sk_X509_value(authorities, i);
        TRY(check_ca(trusted, ca, i, reason));
        TRY(note_ca(ca, i, now_us, facts, reason));
    }
    facts->chained = leads(trusted, sk_X509_value(chain, 0), chain);
    return ERR_OK;
}

/* --- All of it -------------------------------------------------------------
 */

err_t tls_check(const struct tls_texts *texts, int64_t now_us,
                struct tls_facts *facts, tls_stack **ret_authorities,
                struct reason *reason) {
    CLEANUP(tls_stack_free) tls_stack *chain = NULL;
    CLEANUP(tls_stack_free) tls_stack *authorities = NULL;
    int64_t from_us;
    TRY(read_stack(texts->certificate, "tls.cert_file", &chain, reason));
    assert(sk_X509_num(chain) > 0);
    X509 *server = sk_X509_value(chain, 0);
    TRY(check_server(server, reason));
    TRY(check_order(chain, reason));
    TRY(check_key(server, texts->key, reason));
    if (certificate_dates(server, &from_us, &facts->server_ends_us) != ERR_OK) {
        return no_certificate("tls.cert_file", 0, reason);
    }
    *ret_authorities = NULL;
    if (texts->ca.len == 0) {
        return ERR_OK;
    }
    TRY(read_stack(texts->ca, "tls.ca_file", &authorities, reason));
    TRY(check_cas(authorities, chain, now_us, facts, reason));
    *ret_authorities = authorities;
    authorities = NULL;
    return ERR_OK;
}
