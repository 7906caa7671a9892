/* SPDX-License-Identifier: Apache-2.0 */
/* The three forms of JSON in which sources give credentials. Pure. */
#ifndef BRIDGE_CREDENTIAL_JSON_H
#define BRIDGE_CREDENTIAL_JSON_H

#include "bridge/credentials.h"

enum credential_form {
    /* {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}: a container's
       endpoint, IMDS */
    CREDENTIAL_FORM_METADATA,
    /* {"Version": 1, ..., "SessionToken", ...}: a credential_process */
    CREDENTIAL_FORM_PROCESS,
    /* {"credentials": {"accessKeyId", ..., "sessionToken", "expiration"}}: AWS
       IoT Core */
    CREDENTIAL_FORM_IOT,
};

/* ERR_PARSE if it is not JSON, not an object, or a time is none; ERR_CONFIG if
 * a part is missing or unusable. `reason` has no part of the text, but for the
 * Code and Message with which a source says that it failed. */
err_t credential_json_read(struct slice text, enum credential_form form,
                           struct credentials *ret,
                           struct reason *reason) MUST_USE;

#endif
