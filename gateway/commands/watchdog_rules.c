/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/watchdog_rules.h"

#include <assert.h>

enum { US_A_TICK = 1000000 };

void watchdog_rules_init(struct watchdog_rules *rules, uint64_t watchdog_us) {
    *rules = (struct watchdog_rules){0};
    uint64_t half = watchdog_us / 2 / US_A_TICK;
    uint64_t ticks = half > UINT32_MAX ? UINT32_MAX : half;
    rules->alive_ticks = watchdog_us > 0 && ticks == 0 ? 1 : (uint32_t)ticks;
}

static int note_turns(struct watchdog_rules *rules,
                      const struct watchdog_seen *seen) {
    int hung = -1;
    for (uint32_t i = 0; i < seen->loop_count; i++) {
        bool turned = seen->turns[i] != rules->last.turns[i];
        rules->turned[i] |= turned;
        rules->stuck[i] = turned ? 0 : rules->stuck[i] + 1;
        if (rules->stuck[i] >= WATCHDOG_HUNG_TICKS) {
            hung = (int)i;
        }
    }
    return hung;
}

static bool is_alive(struct watchdog_rules *rules,
                     const struct watchdog_seen *seen) {
    rules->since_alive++;
    bool due =
        rules->alive_ticks > 0 && rules->since_alive >= rules->alive_ticks;
    for (uint32_t i = 0; i < seen->loop_count; i++) {
        due = due && rules->turned[i];
    }
    if (due) {
        rules->since_alive = 0;
        memset(rules->turned, 0, sizeof rules->turned);
    }
    return due;
}

static void note_disk(struct watchdog_rules *rules,
                      const struct watchdog_seen *seen) {
    bool progressed = seen->disk_ended != rules->last.disk_ended;
    rules->progressed |= progressed;
    rules->disk_stuck = progressed ? 0 : rules->disk_stuck + 1;
}

static bool extends(struct watchdog_rules *rules,
                    const struct watchdog_seen *seen) {
    bool waits = seen->phase == WATCHDOG_STOPPING && seen->disk_busy &&
                 rules->disk_stuck < WATCHDOG_STOP_TICKS_MAX;
    rules->since_extended++;
    if (rules->since_extended < WATCHDOG_EXTEND_EVERY_TICKS ||
        (!rules->progressed && !waits)) {
        return false;
    }
    rules->since_extended = 0;
    rules->progressed = false;
    return true;
}

struct watchdog_does watchdog_rules_tick(struct watchdog_rules *rules,
                                         const struct watchdog_seen *seen) {
    assert(seen->loop_count <= WATCHDOG_LOOPS_MAX);
    struct watchdog_does does = {.hung = -1};
    note_disk(rules, seen);
    if (seen->phase == WATCHDOG_RUNNING) {
        does.hung = note_turns(rules, seen);
        does.alive = is_alive(rules, seen);
    } else {
        does.extend = extends(rules, seen);
    }
    rules->last = *seen;
    return does;
}
