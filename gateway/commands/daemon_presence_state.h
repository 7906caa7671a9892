/* SPDX-License-Identifier: Apache-2.0 */
/* Who is there, while the daemon runs: the table is fed by the broker's plugin
 * and by the streams, and shown by the console. With an external broker it is
 * not used. */
#ifndef GATEWAY_COMMANDS_DAEMON_PRESENCE_STATE_H
#define GATEWAY_COMMANDS_DAEMON_PRESENCE_STATE_H

#include "gateway/console/source.h"
#include "gateway/identity/presence.h"

struct daemon;

enum { DAEMON_SILENT_MAX = 320 };

struct daemon_presence {
    struct presence table;
    char silent[DAEMON_SILENT_MAX]; /* the words of the last look */
};

/* The accounts are these now. */
void daemon_presence_accounts(struct daemon *daemon,
                              const struct accounts *accounts);
void daemon_presence_reported(struct daemon *daemon,
                              const struct report *report);
/* A stream's (stream.h). */
void daemon_presence_heard(void *self, struct slice device, bool rejected);
/* The console's (source.h). */
void daemon_presence_fill(void *self, struct console_devices *ret);
/* Which devices are silent, in words, until the next call; NULL if none is. */
const char *daemon_presence_silent(struct daemon *daemon,
                                   const struct console_devices *devices);

#endif
