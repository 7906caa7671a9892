/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/certificate.h"

#include <arpa/inet.h>
#include <assert.h>

/* GeneralName's choice 7. */
static const int ADDRESS_TAG = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;

size_t certificate_address(const char *text,
                           uint8_t ret[CERTIFICATE_ADDRESS_MAX]) {
    if (inet_pton(AF_INET, text, ret) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, text, ret) == 1 ? 16 : 0;
}

bool certificate_has_address(const mbedtls_x509_crt *certificate,
                             struct slice address) {
    assert(address.len == 4 || address.len == 16);
    const mbedtls_x509_sequence *one = &certificate->subject_alt_names;
    for (; one != NULL; one = one->next) {
        if (one->buf.tag == ADDRESS_TAG && one->buf.len == address.len &&
            memcmp(one->buf.p, address.data, address.len) == 0) {
            return true;
        }
    }
    return false;
}
