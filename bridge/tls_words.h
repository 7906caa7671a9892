/* SPDX-License-Identifier: Apache-2.0 */
/* What ended a TLS handshake or connection, in plain words. Pure. */
#ifndef BRIDGE_TLS_WORDS_H
#define BRIDGE_TLS_WORDS_H

#include "gateway/base/base.h"

/* What an alert that the server sent means (RFC 8446 section 6.2); `asked`: it
 * had asked for a client certificate. */
const char *tls_words_of_alert(uint8_t description, bool asked);

/* What an error code of mbedTLS means to who has to mend it; NULL if its own
 * words are as good. */
const char *tls_words_of_code(int code);

#endif
