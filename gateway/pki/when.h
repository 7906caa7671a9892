/* SPDX-License-Identifier: Apache-2.0 */
/* Times of certificates, to the second: as text, and as X.509 has them. */
#ifndef GATEWAY_PKI_WHEN_H
#define GATEWAY_PKI_WHEN_H

#include <openssl/types.h>

#include "gateway/identity/lines.h"

enum { WHEN_SIZE = 21 }; /* "2026-11-29T10:00:00Z" and its NUL */

/* RFC 5280, 4.1.2.5: a certificate with no well-defined end says
 * 99991231235959Z. */
#define WHEN_NEVER INT64_MAX
#define WHEN_S_US ((int64_t)1000 * 1000)
#define WHEN_DAY_US (24 * 60 * 60 * WHEN_S_US)

/* "2026-11-29T10:00:00Z" of microseconds since 1970, or "never". */
void when_text(int64_t us, char ret[static WHEN_SIZE]);
/* ERR_PARSE for anything but the two forms above. */
err_t when_read(struct slice text, int64_t *ret_us) MUST_USE;

/* ERR_PARSE for a time that is none. */
err_t when_of_asn1(const ASN1_TIME *time, int64_t *ret_us) MUST_USE;
/* Sets it, as UTCTime up to 2049 and GeneralizedTime after that. */
err_t when_to_asn1(int64_t us, ASN1_TIME *ret) MUST_USE; /* ERR_MEMORY */

#endif
