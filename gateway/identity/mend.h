/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup, a restore or a copy did to the sets of files, put right before
 * they are used:
 *
 *     `current` is a folder (links were followed)   it becomes the next set
 *     it is not there                               the newest set
 *     that one cannot be read, or is older than     no accounts; told, and
 *     the one that `current` names                  the older ones are kept
 *     others may read it, or it is another user's   mode and owner as made
 *
 * An older set would let removed and revoked devices in. What cannot be put
 * right is refused by name. */
#ifndef GATEWAY_IDENTITY_MEND_H
#define GATEWAY_IDENTITY_MEND_H

#include "gateway/identity/identity_set.h"

/* Under the lock of edit.h, before a set is read. `*ret` says what was put
 * right; "" if nothing was to be. A power cut in between leaves what the next
 * call puts right. Errors: as of identity_set_write(), with `reason`. */
err_t identity_mend(const char *data, struct reason *ret,
                    struct reason *reason) MUST_USE;

#endif
