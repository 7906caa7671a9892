/* SPDX-License-Identifier: Apache-2.0 */
/* What a start needs of the machine, looked at before anything is started:
 * folders, programs, certificates, credentials, ports. `check` and `run` use
 * this one function, so `check` finds what a start would. Nothing is changed.
 */
#ifndef GATEWAY_COMMANDS_PREFLIGHT_H
#define GATEWAY_COMMANDS_PREFLIGHT_H

#include <stdio.h>

#include "config/read.h"

enum preflight_for {
    PREFLIGHT_CHECK,
    PREFLIGHT_START, /* without what the daemon says itself, and tries again */
};

/* Adds what is wrong to `findings`, each at the place of its key. Values that
 * were refused already are passed over. `config` as config_read() left it, with
 * or without errors, but of files that could all be read. */
void preflight(const struct config *config,
               const struct config_sources *sources, enum preflight_for what,
               struct config_findings *findings);

/* Warns of a region that only the environment of the gateway can give. (A start
 * without one is refused by the above; all other commands do without.) */
void preflight_region(const struct config *config,
                      const struct config_sources *sources,
                      struct config_findings *findings);

/* Is any stream sent to the cloud? */
bool preflight_has_sink(const struct config *config);

/* One line each, the errors last; a warning says that it is one. `out` is
 * standard error: under the systemd journal each line has its priority. */
void preflight_print(const struct config_findings *findings, FILE *out);

#endif
