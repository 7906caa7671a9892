/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: builds the parts, connects them on one loop, runs until a signal
 * or a failure, and takes them down in reverse order. */
#ifndef GATEWAY_COMMANDS_DAEMON_H
#define GATEWAY_COMMANDS_DAEMON_H

#include "config/config.h"
#include "gateway/base/base.h"

enum {
    /* The journal could not keep its promise (an I/O error): nothing unsafe was
     * acknowledged; a restart recovers. */
    DAEMON_EXIT_JOURNAL = 4,
};

struct daemon_options {
    const struct config *config; /* these two outlive the daemon */
    const char *config_path;     /* where it came from; SIGHUP reads it again */
    bool level_fixed;            /* the log's, which the file does not set */
};

/* Runs to the end; returns the process's exit status: the above, or that of the
 * watchdog (watchdog.h). If it cannot start, the last line on standard error
 * says why. */
int daemon_run(const struct daemon_options *options);

#endif
