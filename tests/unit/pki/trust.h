/* SPDX-License-Identifier: Apache-2.0 */
/* CAs, certificates and lists of somebody else, good and bad, for the tests:
 * made by libcrypto directly, not by the code under test. */
#ifndef TESTS_UNIT_PKI_TRUST_H
#define TESTS_UNIT_PKI_TRUST_H

#include <openssl/x509v3.h>

#include "gateway/base/base.h"

struct trust_order {
    const char *name;
    X509 *issuer; /* NULL: signs itself */
    EVP_PKEY *issuer_key;
    EVP_PKEY *key; /* NULL: a new one */
    bool ca;
    const char *use; /* "serverAuth"; NULL: none is said */
    bool sha1;
    int days; /* until its end, which may have been */
};

struct trust {
    X509 *certificate;
    EVP_PKEY *key;
};

struct trust trust_make(const struct trust_order *order);
void trust_free(struct trust *trust);

struct trust_list {
    const struct trust *ca;
    const long *serials; /* ends with 0 */
    int from_days;
    int days;          /* until its end; 0: it says none */
    const char *scope; /* of an issuing distribution point, or NULL */
    bool delta;
};

/* The caller frees it. */
X509_CRL *trust_make_list(const struct trust_list *order);

/* PEM, and DER of a list; static storage, valid until the fourth call after
 * it. */
struct slice trust_pem(X509 *certificate);
struct slice trust_key_pem(EVP_PKEY *key, const char *password);
struct slice trust_list_pem(X509_CRL *list);
struct slice trust_list_der(X509_CRL *list);

#endif
