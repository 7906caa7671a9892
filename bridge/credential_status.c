/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_status.h"

const char *credential_state_name(enum credential_state state) {
    static const char *const names[] = {
        [CREDENTIAL_STATE_NONE] = "none",
        [CREDENTIAL_STATE_FETCHING] = "fetching",
        [CREDENTIAL_STATE_VALID] = "valid",
        [CREDENTIAL_STATE_RENEWING] = "renewing",
        [CREDENTIAL_STATE_EXPIRED] = "expired",
        [CREDENTIAL_STATE_MISSING] = "missing",
    };
    return names[state];
}
