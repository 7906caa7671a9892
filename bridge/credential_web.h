/* SPDX-License-Identifier: Apache-2.0 */
/* The transports that credentials are asked over: TLS by https.h, with a
 * certificate of our own if the plan has one; else plain_http.h. */
#ifndef BRIDGE_CREDENTIAL_WEB_H
#define BRIDGE_CREDENTIAL_WEB_H

#include "bridge/credential_fetch.h"
#include "bridge/https.h"

/* `https`, whose TLS settings serve where a plan has none, outlives it. */
struct credential_web credential_web_table(struct https_connector *https);

#endif
