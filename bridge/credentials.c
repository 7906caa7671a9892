/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credentials.h"

#include <stdlib.h>

/* What was pasted along with a key (a line feed, a space at an end) would break
 * a header or, in the secret, give a wrong signature without any explanation.
 */
static bool is_clean(const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        bool at_end = i == 0 || i == len - 1;
        if (text[i] < ' ' || text[i] > '~' || (text[i] == ' ' && at_end)) {
            return false;
        }
    }
    return true;
}

static err_t read_variable(const char *name, char *ret, size_t ret_size,
                           struct reason *reason) {
    const char *value = getenv(name);
    value = value != NULL ? value : "";
    if (!is_clean(value)) {
        return reason_set(reason, ERR_CONFIG,
                          "%s begins or ends with a space, or contains a line "
                          "feed or another character that no key has: set it "
                          "again",
                          name);
    }
    if (slice_to_str(slice_from_str(value), ret, ret_size) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "%s is longer than %zu characters, which no key is",
                          name, ret_size - 1);
    }
    return ERR_OK;
}

static err_t require(const char *name, char *ret, size_t ret_size,
                     struct reason *reason) {
    TRY(read_variable(name, ret, ret_size, reason));
    if (ret[0] == '\0') {
        return reason_set(reason, ERR_CONFIG,
                          "%s is not set in the environment, and a stream has "
                          "a sink in the cloud: set AWS_ACCESS_KEY_ID and "
                          "AWS_SECRET_ACCESS_KEY",
                          name);
    }
    return ERR_OK;
}

err_t credentials_read(struct credentials *ret, struct reason *reason) {
    struct credentials found;
    TRY(require("AWS_ACCESS_KEY_ID", found.access_key, sizeof found.access_key,
                reason));
    TRY(require("AWS_SECRET_ACCESS_KEY", found.secret_key,
                sizeof found.secret_key, reason));
    TRY(read_variable("AWS_SESSION_TOKEN", found.token, sizeof found.token,
                      reason));
    *ret = found;
    return ERR_OK;
}
