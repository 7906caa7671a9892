/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog: a thread that ends the process if a loop does not turn for
 * WATCHDOG_HUNG_TICKS of its own ticks (a second each), since nothing else
 * would: a restart recovers, and nothing acknowledged is lost. It tells the
 * service manager that the loops turn, and asks it for patience while a start
 * reads the journals or a stop waits for the disk.
 *
 * A disk call that hangs is not its business: no loop calls the disk, and a
 * restart would wait for the same disk. */
#ifndef GATEWAY_COMMANDS_WATCHDOG_H
#define GATEWAY_COMMANDS_WATCHDOG_H

#include <stdatomic.h>

#include "gateway/commands/disk_count.h"
#include "gateway/commands/notify.h"
#include "gateway/commands/watchdog_rules.h"

enum {
    /* A loop did not turn: the exit status of a process that ended itself. */
    WATCHDOG_EXIT_HUNG = 5,
};

struct watchdog;

/* Starts the thread, in WATCHDOG_STARTING. Both outlive it. ERR_MEMORY. */
err_t watchdog_start(const struct notify *notify, const struct disk_count *disk,
                     struct watchdog **ret) MUST_USE;
/* Adds a loop: `*turns` grows at least once in two seconds while it turns.
 * Before WATCHDOG_RUNNING; both outlive the watchdog's next phase. */
void watchdog_add(struct watchdog *watchdog, const char *name,
                  const atomic_uint_fast64_t *turns);
void watchdog_enter(struct watchdog *watchdog, enum watchdog_phase phase);
/* Ends the thread and frees. Takes NULL. */
void watchdog_stop(struct watchdog *watchdog);

#endif
