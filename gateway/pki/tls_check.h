/* SPDX-License-Identifier: Apache-2.0 */
/* Do the texts of a TLS server belong together, and would Mosquitto start with
 * them? Reads no file. */
#ifndef GATEWAY_PKI_TLS_CHECK_H
#define GATEWAY_PKI_TLS_CHECK_H

#include <openssl/x509.h>

#include "gateway/base/base.h"

enum {
    TLS_NAME_MAX = 65,
    TLS_WARN_DAYS = 30, /* how long ahead an end is worth a look */
};

/* Times are in microseconds since 1970; INT64_MAX = never. */
struct tls_facts {
    int64_t server_ends_us;
    bool chained; /* the server's certificate leads to a CA of ca_file: else
                     devices need another CA's to check it */
    uint32_t ca_count;
    int64_t ca_ends_us; /* the first to end of those that have not; if all have,
                           the last that did */
    char ca_name[TLS_NAME_MAX];
    uint32_t crl_count;  /* lists that count; 0 = no list, nobody is revoked */
    int64_t crl_ends_us; /* INT64_MAX without one */
    uint32_t revoked_count;
    /* Of the devices that our own CA in <data>/pki has issued for, the one
     * whose newest certificate ends first; "" = none, or that CA is not in
     * ca_file. */
    char device[TLS_NAME_MAX];
    int64_t device_ends_us;
    uint32_t devices_ending; /* within TLS_WARN_DAYS, or past their end */
};

typedef STACK_OF(X509) tls_stack;

struct tls_texts {
    struct slice certificate; /* PEM: the server's, then its issuers' */
    struct slice key;         /* PEM, without a password */
    struct slice ca;          /* PEM: those that devices' are checked against;
                                 empty: no device comes by certificate */
};

/* Sets what of the facts is about server and CAs. The caller frees the CAs,
 * NULL if there are none, with tls_stack_free(). ERR_PARSE, ERR_REFUSED,
 * ERR_RANGE, ERR_MEMORY; the reason names the key of the configuration and says
 * what to do. */
err_t tls_check(const struct tls_texts *texts, int64_t now_us,
                struct tls_facts *facts, tls_stack **ret_authorities,
                struct reason *reason) MUST_USE;

bool tls_stack_holds(const tls_stack *stack, const X509 *certificate);
void tls_stack_free(tls_stack **stack); /* for CLEANUP() */

/* Is a certificate of the PEM text `old` not in `new`? What cannot be read is
 * in neither. */
bool tls_withdraws(struct slice old, struct slice new);

#endif
