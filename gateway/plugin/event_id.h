/* SPDX-License-Identifier: Apache-2.0 */
/* The id of an event whose publish was refused, so that the device can be told
 * which of its events it was. */
#ifndef GATEWAY_PLUGIN_EVENT_ID_H
#define GATEWAY_PLUGIN_EVENT_ID_H

#include "gateway/identity/report.h"

/* Of a longer payload only this much is read: it is done on the broker's one
 * thread, for whoever may connect. */
enum { EVENT_ID_SCAN_MAX = 16 * 1024 };

/* "" if none is found: no event, or its id stands further back. */
void event_id_find(struct slice payload, char ret[static REPORT_ID_MAX]);

#endif
