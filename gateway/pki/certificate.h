/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates (X.509, RFC 5280): made and signed here, written and
 * read as PEM. All keys made here are EC P-256: it is small, and every TLS
 * stack of a till or a controller has it. */
#ifndef GATEWAY_PKI_CERTIFICATE_H
#define GATEWAY_PKI_CERTIFICATE_H

#include <openssl/types.h>
#include <openssl/x509v3.h>

#include "gateway/identity/revoked.h"
#include "gateway/pki/octets.h"

enum {
    CERTIFICATE_SERIAL_BYTES = 16,
    CERTIFICATE_NAME_MAX = 65, /* a common name's bound, RFC 5280, and NUL */
};

enum certificate_kind {
    CERTIFICATE_CA,     /* signs the others and revocation lists, no CA */
    CERTIFICATE_SERVER, /* of the gateway's listeners */
    CERTIFICATE_DEVICE,
    CERTIFICATE_KINDS,
};

struct certificate_order {
    enum certificate_kind kind;
    const char *name;           /* the common name */
    const GENERAL_NAMES *names; /* of a server; else NULL */
    const uint8_t *serial;      /* CERTIFICATE_SERIAL_BYTES */
    int64_t not_before_us;
    int64_t not_after_us;
    EVP_PKEY *key; /* only its public half is used */
    X509 *issuer;  /* NULL: signs itself */
    EVP_PKEY *issuer_key;
};

/* "ca", "server", "device". */
const char *certificate_kind_name(enum certificate_kind kind);

/* A new key pair. The caller frees it. ERR_IO if the library fails. */
err_t certificate_make_key(EVP_PKEY **ret, struct reason *reason) MUST_USE;
/* Signs it with SHA-256. The caller frees it. ERR_IO. */
err_t certificate_sign(const struct certificate_order *order, X509 **ret,
                       struct reason *reason) MUST_USE;

/* A positive number of 16 bytes: 126 of its bits are random. */
void certificate_make_serial(const struct entropy *entropy,
                             uint8_t ret[static CERTIFICATE_SERIAL_BYTES]);
/* Upper-case hexadecimal, as `struct revoked` has it. ERR_RANGE for a number of
 * more than 20 bytes or a negative one. */
err_t certificate_serial_text(const ASN1_INTEGER *serial,
                              char ret[static REVOKED_SERIAL_MAX]) MUST_USE;

/* PEM; a key as PKCS #8, without a password. ERR_MEMORY. */
err_t certificate_write(const X509 *certificate, struct octets *ret) MUST_USE;
err_t certificate_write_key(const EVP_PKEY *key, struct octets *ret) MUST_USE;
/* The first one of the text. The caller frees it. ERR_PARSE. */
err_t certificate_read(struct slice pem, X509 **ret) MUST_USE;
/* ERR_PARSE; ERR_REFUSED if a password is needed. */
err_t certificate_read_key(struct slice pem, EVP_PKEY **ret) MUST_USE;

/* Its only common name, NUL-terminated. ERR_RANGE if there is none, there are
 * several, or one is too long or holds a NUL. */
err_t certificate_common_name(const X509 *certificate,
                              char ret[static CERTIFICATE_NAME_MAX]) MUST_USE;
/* Its dates, and its serial number. ERR_PARSE. */
err_t certificate_dates(const X509 *certificate, int64_t *ret_not_before_us,
                        int64_t *ret_not_after_us) MUST_USE;

/* The text for a call of the library that failed: "cannot WHAT: " and what the
 * library says. Returns ERR_IO, and empties the library's list of errors. */
err_t certificate_failed(struct reason *reason, const char *what);

/* For CLEANUP(). */
void certificate_free(X509 **certificate);
void certificate_key_free(EVP_PKEY **key);

#endif
