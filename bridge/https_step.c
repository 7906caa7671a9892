/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/https_step.h"

const char *https_step_late(enum step step) {
    static const char *const late[] = {
        [STEP_CLOSED] = "",
        [STEP_RESOLVING] = "",
        [STEP_CONNECTING] = "",
        [STEP_TUNNEL] = "no answer from the proxy in time",
        [STEP_HANDSHAKE] = "no TLS handshake in time",
        [STEP_IDLE] = "",
        [STEP_SENDING] = "the request could not be sent in time",
        [STEP_ANSWER] = "no answer in time",
    };
    return late[step];
}
