/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway says of itself to the cloud: the event EdgeStatus
 * (docs/events.md), made of what the console shows. */
#ifndef GATEWAY_CONSOLE_EDGE_STATUS_H
#define GATEWAY_CONSOLE_EDGE_STATUS_H

#include "gateway/console/source.h"

struct edge_status_head {
    uint64_t life;   /* random at each start of the process */
    uint64_t number; /* counts from 1 in it */
};

/* A structured CloudEvent; check writer->full. */
void edge_status_write(const struct console_status *status,
                       const struct edge_status_head *head,
                       struct writer *writer);

#endif
