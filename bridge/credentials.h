/* SPDX-License-Identifier: Apache-2.0 */
/* AWS credentials, from the environment only. */
#ifndef BRIDGE_CREDENTIALS_H
#define BRIDGE_CREDENTIALS_H

#include "gateway/base/base.h"

struct credentials {
    char access_key[128];
    char secret_key[128];
    char token[4096]; /* empty if there is none */
};

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. ERR_CONFIG, and
 * `reason` names the variable that is missing, too long, or contains what a
 * header must not. */
err_t credentials_read(struct credentials *ret, struct reason *reason) MUST_USE;

#endif
