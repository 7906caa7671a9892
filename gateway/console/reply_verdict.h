/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict and the forecast in each form that the console gives them. */
#ifndef GATEWAY_CONSOLE_REPLY_VERDICT_H
#define GATEWAY_CONSOLE_REPLY_VERDICT_H

#include "gateway/console/source.h"

/* The member "verdict" of the status:
 *   {"level": "ok" | "degraded" | "failing", "since": RFC 3339,
 *    "reasons": [{"code", "level", "stream" (absent: the whole box), "text",
 *                 "action", "since", "restart_helps"}]} */
void reply_verdict(const struct console_status *status, struct writer *writer);
/* The member "forecast" of a stream; null where nothing is known. */
void reply_forecast(const struct forecast_view *forecast,
                    struct writer *writer);
/* /healthz: the level and the codes, then a line for each reason. Returns the
 * HTTP status: 503 only if the gateway is failing and a restart helps. */
uint32_t reply_health(const struct console_status *status,
                      struct writer *writer);
/* Prometheus: the level, the conditions, and each stream's forecast. */
void reply_verdict_metrics(const struct console_status *status,
                           struct writer *writer);

#endif
