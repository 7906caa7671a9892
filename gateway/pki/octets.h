/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that the heap holds, some of them secret: they are wiped when they are
 * freed. */
#ifndef GATEWAY_PKI_OCTETS_H
#define GATEWAY_PKI_OCTETS_H

#include <openssl/bio.h>

#include "gateway/base/base.h"

struct octets {
    uint8_t *data; /* owned; NULL if len is 0 */
    size_t len;
};

void octets_free(struct octets *octets); /* leaves it empty */
struct slice octets_slice(const struct octets *octets);
/* A copy. ERR_MEMORY. */
err_t octets_copy(struct slice bytes, struct octets *ret) MUST_USE;
/* What was written into a memory BIO, which is wiped. ERR_MEMORY. */
err_t octets_take(BIO *bio, struct octets *ret) MUST_USE;

/* For CLEANUP(). */
void octets_bio_free(BIO **bio);

#endif
