/* SPDX-License-Identifier: Apache-2.0 */
/* May the broker's listeners with TLS be open? Their files must be in the set
 * of identity files, and the clock right: with a clock at 1970 every
 * certificate is not valid yet, and every device would be refused. Asked every
 * few seconds until they may. */
#ifndef GATEWAY_COMMANDS_DAEMON_TLS_STATE_H
#define GATEWAY_COMMANDS_DAEMON_TLS_STATE_H

#include "gateway/base/base.h"
#include "gateway/base/executor.h"

struct daemon;

struct daemon_tls {
    bool usable;    /* the broker was told so */
    bool looked;    /* the job has answered */
    uint64_t ticks; /* since it did */
    bool runs;
    /* The job's while it runs. */
    struct job job;
    int64_t newest_us;   /* when the newest record was journaled; 0: none */
    struct reason files; /* what is wrong with the files; "" if nothing */
    struct reason first; /* what daemon_tls_first() answered */
};

/* Before the broker is there, so that it starts with them if it may: "" if they
 * may be open, else why not. Waits for the disk. */
const char *daemon_tls_first(struct daemon *daemon);
/* Once a second. */
void daemon_tls_tick(struct daemon *daemon);
/* The files in the set have changed: the broker reads them again. `withdrawn`:
 * an authority of devices is there no more. */
void daemon_tls_changed(struct daemon *daemon, bool withdrawn);
bool daemon_tls_is_busy(const struct daemon *daemon);

#endif
