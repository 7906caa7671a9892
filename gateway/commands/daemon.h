/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: builds the parts, connects them on one loop, runs until a signal
 * or a failure, and takes them down in reverse order. */
#ifndef GATEWAY_COMMANDS_DAEMON_H
#define GATEWAY_COMMANDS_DAEMON_H

#include "config/config.h"

enum {
    /* The journal could not keep its promise (an I/O error): nothing unsafe was
     * acknowledged; a restart recovers. */
    DAEMON_EXIT_JOURNAL = 4,
};

/* Runs to the end; returns the process's exit status. Says why on standard
 * error. */
int daemon_run(const struct config *config);

#endif
