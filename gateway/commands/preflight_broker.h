/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a preflight that is about `broker`: programs, ports, and the
 * files that hold keys and passwords. */
#ifndef GATEWAY_COMMANDS_PREFLIGHT_BROKER_H
#define GATEWAY_COMMANDS_PREFLIGHT_BROKER_H

#include "config/read.h"

/* An error is what keeps the gateway from starting. What keeps the broker, or a
 * listener, away is for `check` only: at a start the gateway says so itself,
 * and tries again. */
void preflight_broker(const struct config *config,
                      const struct config_sources *sources, bool check,
                      struct config_findings *findings);
/* Are the ports free? Ask while no gateway runs, which would hold them. */
void preflight_broker_ports(const struct config *config,
                            const struct config_sources *sources,
                            struct config_findings *findings);

#endif
