/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/authority_parts.h"

#include <assert.h>

#include <openssl/x509.h>

err_t authority_put_certificate(struct store_change *change, const char *name,
                                const X509 *certificate) {
    CLEANUP(octets_free) struct octets pem = {NULL, 0};
    TRY(certificate_write(certificate, &pem));
    return store_put(change, name, octets_slice(&pem));
}

err_t authority_put_key(struct store_change *change, const char *name,
                        const EVP_PKEY *key) {
    CLEANUP(octets_free) struct octets pem = {NULL, 0};
    TRY(certificate_write_key(key, &pem));
    return store_put(change, name, octets_slice(&pem));
}

err_t authority_note(struct issued *issued, enum certificate_kind kind,
                     const X509 *certificate, const char *name,
                     struct issued_entry *ret) {
    assert(name[0] != '\0');
    *ret = (struct issued_entry){.kind = kind};
    TRY(slice_to_str(slice_from_str(name), ret->name, sizeof ret->name));
    TRY(certificate_serial_text(X509_get0_serialNumber(certificate),
                                ret->serial));
    TRY(certificate_dates(certificate, &ret->not_before_us,
                          &ret->not_after_us));
    return issued_add(issued, ret);
}
