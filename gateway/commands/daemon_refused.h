/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a publish that the broker refused: the device hears of it by
 * a receipt, and a topic that no stream takes is counted. */
#ifndef GATEWAY_COMMANDS_DAEMON_REFUSED_H
#define GATEWAY_COMMANDS_DAEMON_REFUSED_H

#include "gateway/identity/report.h"

struct daemon;

/* Of REPORT_REFUSED, also at a connection: then there is nobody to answer. */
void daemon_refused(struct daemon *daemon, const struct report *report);

#endif
