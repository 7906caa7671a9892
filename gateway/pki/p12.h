/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS #12 (RFC 7292): a device's key, its certificate and the CA's in one file
 * with a password, for what takes no PEM. */
#ifndef GATEWAY_PKI_P12_H
#define GATEWAY_PKI_P12_H

#include "gateway/pki/certificate.h"

struct p12_order {
    const char *name; /* the friendly name */
    EVP_PKEY *key;
    X509 *certificate;
    X509 *ca;
    const char *password;
    /* AES-256 and SHA-256. Otherwise 3DES and SHA-1, which Android before 10
     * and Windows before Server 2019 need; no RC2, which OpenSSL 3 reads with
     * its legacy provider only. */
    bool modern;
};

err_t p12_make(const struct p12_order *order, struct octets *ret,
               struct reason *reason) MUST_USE; /* ERR_IO, ERR_MEMORY */

#endif
