/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/octets.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

void octets_free(struct octets *octets) {
    assert(octets->data != NULL || octets->len == 0);
    if (octets->data != NULL) {
        OPENSSL_cleanse(octets->data, octets->len);
        free(octets->data);
    }
    *octets = (struct octets){NULL, 0};
}

struct slice octets_slice(const struct octets *octets) {
    return slice_of(octets->data, octets->len);
}

err_t octets_copy(struct slice bytes, struct octets *ret) {
    if (bytes.len == 0) {
        *ret = (struct octets){NULL, 0};
        return ERR_OK;
    }
    uint8_t *data = malloc(bytes.len);
    ENSURE(data != NULL, ERR_MEMORY);
    memcpy(data, bytes.data, bytes.len);
    *ret = (struct octets){data, bytes.len};
    return ERR_OK;
}

err_t octets_take(BIO *bio, struct octets *ret) {
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    ENSURE(data != NULL && len > 0, ERR_MEMORY);
    err_t err = octets_copy(slice_of(data, (size_t)len), ret);
    OPENSSL_cleanse(data, (size_t)len);
    return err;
}

void octets_bio_free(BIO **bio) {
    BIO_free(*bio);
}
