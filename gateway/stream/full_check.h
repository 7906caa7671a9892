/* SPDX-License-Identifier: Apache-2.0 */
/* A mark beside the journal that the next start is to read everything, because
 * the disk could not read something: the empty file `<dir>/doubt`. */
#ifndef GATEWAY_STREAM_FULL_CHECK_H
#define GATEWAY_STREAM_FULL_CHECK_H

#include "gateway/base/base.h"

bool full_check_is_due(const struct disk *disk, const char *dir);
/* If it cannot be made, the next start is a quick one: ERR_IO, ERR_FULL. */
err_t full_check_ask(const struct disk *disk, const char *dir) MUST_USE;
/* Everything was read. If the mark stays, the next start does it once more. */
void full_check_done(const struct disk *disk, const char *dir);

#endif
