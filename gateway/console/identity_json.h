/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the accounts on the control socket: the JSON that the command
 * line sends, and what it is answered.
 *
 *   POST /api/v1/identity
 *     {"op": "put" | "password" | "remove" | "reload",
 *      "name": "till-1",          not with reload
 *      "new": true,               put: refused if the device is there
 *      "password": "$7$...",      a hash; "" = none
 *      "certificate": true, "channel": true, "topics": ["kitchen/#"]}
 *   202 {"request": 7}
 *
 *   GET /api/v1/identity
 *     {"set": 12, "loaded": 12, "reason": "",
 *      "requests": [{"request": 7, "state": "waiting" | "done" | "failed",
 *                    "set": 12, "reason": ""}]}
 *
 * The newest request comes first. `set` of a request is 0 until it is written;
 * then it stands also if the broker has not taken it yet. */
#ifndef GATEWAY_CONSOLE_IDENTITY_JSON_H
#define GATEWAY_CONSOLE_IDENTITY_JSON_H

#include "gateway/console/source.h"
#include "gateway/identity/change.h"

enum { IDENTITY_JSON_MAX = CONSOLE_IDENTITY_BODY_MAX };

/* Only what `change` sets. */
void identity_json_write(const struct identity_change *change,
                         struct writer *writer);
/* ERR_PARSE, ERR_RANGE, ERR_BUSY: checked by identity_change_check(), too. */
err_t identity_json_read(struct slice body, struct identity_change *ret,
                         struct reason *reason) MUST_USE;

void identity_json_request(uint64_t request, struct writer *writer);
void identity_json_status(const struct console_identity *identity,
                          struct writer *writer);

#endif
