/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a change of the accounts: the running gateway does, asked over the
 * control socket, or, if none runs, this process under the accounts' lock. */
#ifndef GATEWAY_COMMANDS_DEVICE_CHANGE_H
#define GATEWAY_COMMANDS_DEVICE_CHANGE_H

#include "config/config.h"
#include "gateway/identity/change.h"

enum { DEVICE_CHANGE_MS = 10000 };

enum device_changed {
    DEVICE_CHANGED, /* in force, or written while no gateway runs */
    DEVICE_UNKNOWN, /* it may have been made, or will be; the reason says what
                       is known */
    DEVICE_UNCHANGED,
};

/* Returns after DEVICE_CHANGE_MS at the latest. */
enum device_changed device_change(const struct config *config,
                                  const struct identity_change *change,
                                  struct reason *reason);

/* Root becomes the owner of the data folder, so that what is written is the
 * gateway's, and no link in a folder of another user makes root write
 * elsewhere. A folder that is not there is made. ERR_IO. */
err_t device_become_owner(const char *data, struct reason *reason) MUST_USE;

#endif
