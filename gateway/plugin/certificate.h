/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's certificate says, as far as it matters here. That it is of
 * the authority's making, and its dates, the handshake has checked. */
#ifndef GATEWAY_PLUGIN_CERTIFICATE_H
#define GATEWAY_PLUGIN_CERTIFICATE_H

#include <openssl/x509.h>

#include "gateway/identity/account.h"
#include "gateway/identity/revoked.h"

struct certificate {
    char name[ACCOUNT_NAME_MAX]; /* the common name; "" if it has none, several,
                                    or one that no device can have */
    char serial[REVOKED_SERIAL_MAX]; /* as in revoked.h */
    int64_t ends_us;                 /* since 1970 */
};

/* ERR_PARSE: its serial number or its end cannot be read. */
err_t certificate_read(X509 *x509, struct certificate *ret) MUST_USE;

#endif
