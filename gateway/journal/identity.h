/* SPDX-License-Identifier: Apache-2.0 */
/* Which journal lies in a directory, from its files alone. */
#ifndef GATEWAY_JOURNAL_IDENTITY_H
#define GATEWAY_JOURNAL_IDENTITY_H

#include "gateway/base/base.h"
#include "gateway/journal/format.h"

/* The journal's id, from the first segment whose header verifies. `ret` has
 * JOURNAL_ID_SIZE bytes. ERR_NOT_FOUND if there is no such segment; ERR_IO,
 * ERR_MEMORY. */
err_t journal_identity(const struct disk *disk, const char *dir, uint8_t *ret,
                       struct reason *reason) MUST_USE;

#endif
