/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/heartbeat_pace.h"

static bool is_time(const struct heartbeat_pace *pace, int64_t every_us,
                    int64_t uptime_us, int64_t now_us, uint64_t changes) {
    int64_t since_us = now_us - pace->said_us;
    int64_t apart_us =
        every_us < HEARTBEAT_APART_US ? every_us : HEARTBEAT_APART_US;
    if (pace->said == 0) {
        return uptime_us >= HEARTBEAT_FIRST_US || uptime_us >= every_us;
    }
    return since_us >= every_us ||
           (changes != pace->changes && since_us >= apart_us);
}

bool heartbeat_is_due(struct heartbeat_pace *pace, int64_t every_us,
                      int64_t uptime_us, int64_t now_us, uint64_t changes) {
    if (every_us == 0 || !is_time(pace, every_us, uptime_us, now_us, changes)) {
        return false;
    }
    pace->said++;
    pace->said_us = now_us;
    pace->changes = changes;
    return true;
}
