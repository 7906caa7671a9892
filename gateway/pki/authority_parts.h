/* SPDX-License-Identifier: Apache-2.0 */
/* What authority.c and authority_issue.c share. */
#ifndef GATEWAY_PKI_AUTHORITY_PARTS_H
#define GATEWAY_PKI_AUTHORITY_PARTS_H

#include "gateway/pki/issued.h"
#include "gateway/pki/store.h"
#include "gateway/pki/when.h"

enum { AUTHORITY_PEM_MAX = 64 * 1024 }; /* bytes of a certificate or a key */

/* How much earlier than now a certificate begins. */
#define AUTHORITY_EARLY_US WHEN_DAY_US

/* Adds them to the change. ERR_MEMORY. */
err_t authority_put_certificate(struct store_change *change, const char *name,
                                const X509 *certificate) MUST_USE;
err_t authority_put_key(struct store_change *change, const char *name,
                        const EVP_PKEY *key) MUST_USE;
/* Adds a certificate to the index, and gives its entry. */
err_t authority_note(struct issued *issued, enum certificate_kind kind,
                     const X509 *certificate, const char *name,
                     struct issued_entry *ret) MUST_USE;

#endif
