/* SPDX-License-Identifier: Apache-2.0 */
/* What a tick of the watchdog decides, without a thread or a clock. */
#ifndef GATEWAY_COMMANDS_WATCHDOG_RULES_H
#define GATEWAY_COMMANDS_WATCHDOG_RULES_H

#include "gateway/base/base.h"

enum {
    WATCHDOG_LOOPS_MAX = 2,
    WATCHDOG_HUNG_TICKS = 10,
    WATCHDOG_EXTEND_EVERY_TICKS = 5,
    WATCHDOG_EXTEND_S = 60,
    /* A stop waits so long for a disk call that does not end: a machine must
     * be able to shut down. */
    WATCHDOG_STOP_TICKS_MAX = 300,
};

enum watchdog_phase {
    WATCHDOG_STARTING, /* no loop turns yet: journals are read */
    WATCHDOG_RUNNING,
    WATCHDOG_STOPPING, /* loops end, and may wait for the disk */
};

/* What is seen at a tick. */
struct watchdog_seen {
    enum watchdog_phase phase;
    uint32_t loop_count;
    uint64_t turns[WATCHDOG_LOOPS_MAX];
    uint64_t disk_ended; /* calls */
    bool disk_busy;      /* some are in flight */
};

struct watchdog_rules {
    uint32_t alive_ticks; /* WATCHDOG=1 is due after so many; 0 never */
    struct watchdog_seen last;
    uint32_t stuck[WATCHDOG_LOOPS_MAX];   /* ticks without a turn */
    bool turned[WATCHDOG_LOOPS_MAX];      /* since the last WATCHDOG=1 */
    uint32_t since_alive, since_extended; /* ticks */
    uint32_t disk_stuck;                  /* ticks in which no call ended */
    bool progressed;                      /* since the last extension */
};

struct watchdog_does {
    int hung;    /* the loop's index, or -1 */
    bool alive;  /* say WATCHDOG=1: all loops turned */
    bool extend; /* say EXTEND_TIMEOUT_USEC */
};

/* `watchdog_us` is the manager's limit, 0 for none; WATCHDOG=1 is due at half
 * of it. Limits below 4 s are too short for loops that turn each second. */
void watchdog_rules_init(struct watchdog_rules *rules, uint64_t watchdog_us);
/* Call it about once a second. Ticks are counted, never time: while the machine
 * or the process is paused there are none. */
struct watchdog_does watchdog_rules_tick(struct watchdog_rules *rules,
                                         const struct watchdog_seen *seen);

#endif
