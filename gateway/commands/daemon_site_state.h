/* SPDX-License-Identifier: Apache-2.0 */
/* The login at the site's broker, read again while the gateway runs: at SIGHUP,
 * and now and then while the broker is away, so that a renewed password,
 * certificate or authority needs no restart. With an embedded broker there is
 * none of this. */
#ifndef GATEWAY_COMMANDS_DAEMON_SITE_STATE_H
#define GATEWAY_COMMANDS_DAEMON_SITE_STATE_H

#include "gateway/base/base.h"
#include "gateway/base/executor.h"
#include "gateway/mqtt/mqtt_login.h"

struct daemon;

struct daemon_site {
    uint32_t away_ticks;  /* for which the broker has been away */
    struct reason logged; /* why it could not be read */
    bool runs;
    /* The job's while it runs. */
    struct job job;
    struct mqtt_login next;
    err_t err;
    struct reason reason;
};

/* Once a second. */
void daemon_site_tick(struct daemon *daemon);
void daemon_site_reload(struct daemon *daemon);
bool daemon_site_is_busy(const struct daemon *daemon);

#endif
