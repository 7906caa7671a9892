/* SPDX-License-Identifier: Apache-2.0 */
/* What the verdict wants to know of certificates and revocation lists. */
#ifndef GATEWAY_VERDICT_VERDICT_TLS_H
#define GATEWAY_VERDICT_VERDICT_TLS_H

#include <stdbool.h>
#include <stdint.h>

/* An end this far ahead is worth a look. */
#define VERDICT_ENDING_S ((int64_t)30 * 24 * 60 * 60)

/* Ends are wall time in us; 0 = there is none, INT64_MAX = never. All zero is
 * well: no TLS. Strings are borrowed for the call. */
struct verdict_tls_facts {
    int64_t server_ends_us;
    const char *ca;
    int64_t ca_ends_us;
    const char *device; /* whose certificate ends first */
    int64_t device_ends_us;
    int64_t crl_ends_us;
    bool crl_refuses; /* past its end nobody comes by certificate */
    const char
        *crl_unusable;     /* NULL or empty: it is usable, or there is none */
    const char *cloud_ca;  /* why cloud.ca_file is not used; NULL or empty */
    const char *not_taken; /* why newer files are not; NULL or empty */
};

#endif
