/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate is for, where mbedTLS does not say: 2.28 compares names
 * only. Pure. */
#ifndef BRIDGE_CERTIFICATE_H
#define BRIDGE_CERTIFICATE_H

#include <mbedtls/x509_crt.h>

#include "gateway/base/base.h"

enum { CERTIFICATE_ADDRESS_MAX = 16 };

/* The bytes of an IPv4 or IPv6 address in text: 4 or 16 of them, or 0 if it is
 * neither, but a name. */
size_t certificate_address(const char *text,
                           uint8_t ret[CERTIFICATE_ADDRESS_MAX]);

/* Does it name this address as an iPAddress (RFC 5280 section 4.2.1.6)? A name
 * that only looks like an address does not count. */
bool certificate_has_address(const mbedtls_x509_crt *certificate,
                             struct slice address);

#endif
