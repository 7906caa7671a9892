/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file is read again while the daemon runs. What the schema
 * marks as reloadable takes effect; any other key that changed is named and
 * keeps its value until a restart; a file that cannot be used changes nothing.
 */
#ifndef GATEWAY_COMMANDS_DAEMON_RELOAD_STATE_H
#define GATEWAY_COMMANDS_DAEMON_RELOAD_STATE_H

#include <uv.h>

#include "config/read.h"
#include "gateway/base/executor.h"

struct daemon;

/* What SIGHUP does. */
struct daemon_reload {
    const char *path;   /* the configuration's */
    bool level_fixed;   /* by --log-level */
    struct config live; /* as started, and what was reloaded since */
    uv_signal_t signal;
    bool again; /* a signal came while the job ran */
    bool runs;  /* the job, which has these until it ended */
    struct job job;
    struct config next;
    struct config_sources sources;
    struct config_findings findings;
    err_t err;
};

/* Sets `live` and the level of the log. */
void daemon_reload_begin(struct daemon *daemon);
void daemon_reload_open(struct daemon *daemon);
void daemon_reload_close(struct daemon *daemon);
/* The job has not ended yet. */
bool daemon_reload_is_busy(const struct daemon *daemon);

#endif
