/* SPDX-License-Identifier: Apache-2.0 */
/* When certificates and the revocation list end, in each form that the console
 * gives. */
#ifndef GATEWAY_CONSOLE_REPLY_TLS_H
#define GATEWAY_CONSOLE_REPLY_TLS_H

#include "gateway/console/source.h"

/* The member "tls" of the status; null without a listener for TLS:
 *   {"server_ends": RFC 3339, "ca": its name, "ca_ends", "device": the one
 *    whose certificate ends first, by our own CA, "device_ends", "crl_ends"}
 * A time is null where there is none, or no end. */
void reply_tls(const struct console_status *status, struct writer *writer);
/* Prometheus: the same as seconds since 1970; what has no end has no line. */
void reply_tls_metrics(const struct console_status *status,
                       struct writer *writer);

#endif
