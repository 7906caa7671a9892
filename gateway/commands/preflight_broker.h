/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a preflight that is about `broker`: programs, ports, and the
 * files that hold keys and passwords. */
#ifndef GATEWAY_COMMANDS_PREFLIGHT_BROKER_H
#define GATEWAY_COMMANDS_PREFLIGHT_BROKER_H

#include "gateway/commands/preflight.h"

/* An error is what keeps the gateway from starting; what keeps a listener away
 * is a warning, and looked at by PREFLIGHT_CHECK only: the rest sells. */
void preflight_broker(const struct config *config,
                      const struct config_sources *sources,
                      enum preflight_for what,
                      struct config_findings *findings);
/* Are the ports free? Ask while no gateway runs, which would hold them. */
void preflight_broker_ports(const struct config *config,
                            const struct config_sources *sources,
                            struct config_findings *findings);

#endif
