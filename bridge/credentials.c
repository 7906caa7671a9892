/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credentials.h"

#include <assert.h>
#include <stdlib.h>

/* What was pasted along with a key (a line feed, a space at an end) would break
 * a header or, in the secret, give a wrong signature without any explanation.
 */
static bool is_clean(struct slice text) {
#ifdef EDGE_CONTROL_ANY_KEY /* a negative control: tests/fuzz */
    return text.data != NULL || text.len == 0;
#endif
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool at_end = i == 0 || i == text.len - 1;
        if (c < ' ' || c > '~' || (c == ' ' && at_end)) {
            return false;
        }
    }
    return true;
}

err_t credentials_put(struct slice value, const char *name, char *ret,
                      size_t ret_size, struct reason *reason) {
    assert(ret_size > 1);
    if (!is_clean(value)) {
        return reason_set(reason, ERR_CONFIG,
                          "%s begins or ends with a space, or contains a line "
                          "feed or another character that no key has: set it "
                          "again",
                          name);
    }
    if (slice_to_str(value, ret, ret_size) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "%s is longer than %zu characters, which no key is",
                          name, ret_size - 1);
    }
    return ERR_OK;
}

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static err_t read_variable(const char *name, char *ret, size_t ret_size,
                           struct reason *reason) {
    return credentials_put(slice_from_str(variable(name)), name, ret, ret_size,
                           reason);
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

static err_t read_all(struct credentials *found, struct reason *reason) {
    /* (The order of the SDKs that still know the old name.) */
    const char *token = variable("AWS_SECURITY_TOKEN")[0] != '\0'
                            ? "AWS_SECURITY_TOKEN"
                            : "AWS_SESSION_TOKEN";
    TRY(require("AWS_ACCESS_KEY_ID", found->access_key,
                sizeof found->access_key, reason));
    TRY(require("AWS_SECRET_ACCESS_KEY", found->secret_key,
                sizeof found->secret_key, reason));
    return read_variable(token, found->token, sizeof found->token, reason);
}

err_t credentials_read(struct credentials *ret, struct reason *reason) {
    if (variable("AWS_ACCESS_KEY_ID")[0] == '\0' &&
        variable("AWS_SECRET_ACCESS_KEY")[0] == '\0') {
        return reason_set(reason, ERR_NOT_FOUND,
                          "AWS_ACCESS_KEY_ID is not set in the environment");
    }
    struct credentials *found = credentials_new();
    ENSURE(found != NULL, ERR_MEMORY);
    err_t err = read_all(found, reason);
    if (err == ERR_OK) {
        *ret = *found;
    }
    credentials_free(found);
    return err;
}

bool credentials_equal(const struct credentials *a,
                       const struct credentials *b) {
    return strcmp(a->access_key, b->access_key) == 0 &&
           strcmp(a->secret_key, b->secret_key) == 0 &&
           strcmp(a->token, b->token) == 0;
}

struct credentials *credentials_new(void) {
    return calloc(1, sizeof(struct credentials));
}

void credentials_free(struct credentials *credentials) {
    if (credentials != NULL) {
        explicit_bzero(credentials, sizeof *credentials);
        free(credentials);
    }
}
