/* SPDX-License-Identifier: Apache-2.0 */
/* Shall the broker's next start have the listeners with TLS? They stay away
 * while their files are of no use, or the clock: the rest sells. Decides only.
 *
 * A start that fails with them is tried without. If that fails as well they
 * were not the reason, and are tried again with the other things that may be.
 */
#ifndef GATEWAY_MQTT_BROKER_TLS_H
#define GATEWAY_MQTT_BROKER_TLS_H

#include "config/config.h"
#include "gateway/base/base.h"

struct broker_tls {
    bool configured;       /* there are such listeners */
    bool usable;           /* so the owner says */
    bool failed;           /* the broker did not start with them */
    bool innocent;         /* nor without them */
    struct reason why_not; /* of the owner */
    struct reason failure; /* what the broker said */
};

void broker_tls_init(struct broker_tls *tls,
                     const struct config_broker *config);
/* `why_not` is empty if they can be used. */
void broker_tls_say(struct broker_tls *tls, const char *why_not);
/* The files have changed: what failed may not any more. */
void broker_tls_changed(struct broker_tls *tls);
bool broker_tls_wanted(const struct broker_tls *tls);
/* A start failed, with or without them. Is it to be tried again without any
 * other change? */
bool broker_tls_start_failed(struct broker_tls *tls, bool with_tls,
                             const char *said);
/* The broker is up for a while. */
void broker_tls_steady(struct broker_tls *tls);
/* Why they are away, for people; "" if nothing keeps them. */
const char *broker_tls_reason(const struct broker_tls *tls);

#endif
