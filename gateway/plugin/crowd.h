/* SPDX-License-Identifier: Apache-2.0 */
/* The bound on a listener's connections. Mosquitto has one (max_connections),
 * but 2.0.11 takes each connection off its count twice at its end, unless its
 * session stays: so with each that comes and goes one more is let in, and soon
 * any number. Before its CONNECT no plugin is told of a connection. So here the
 * process's sockets are counted, several times a second, and of those that are
 * too many the last ones that came are shut down; Mosquitto does the rest.
 *
 * Listeners of one port and several addresses have their bounds together. */
#ifndef GATEWAY_PLUGIN_CROWD_H
#define GATEWAY_PLUGIN_CROWD_H

#include "gateway/base/base.h"

struct crowd;

/* One was shut down, whose address this is. */
typedef void crowd_ended(void *self, const char *address);

/* `bounds`: "PORT CONNECTIONS" for each listener, with spaces between; "" for
 * none. ERR_CONFIG. */
err_t crowd_new(const char *bounds, crowd_ended *ended, void *self,
                struct crowd **ret, struct reason *reason) MUST_USE;
void crowd_free(struct crowd *crowd); /* takes NULL */

/* Often; counts if a while has passed since it last did. */
void crowd_tick(struct crowd *crowd, int64_t now_us);

#endif
