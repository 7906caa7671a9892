/* SPDX-License-Identifier: Apache-2.0 */
/* A mark that the next start must read everything, because the disk could not
 * read something: the empty file `<dir>/doubt` next to the journal. */
#ifndef GATEWAY_STREAM_FULL_CHECK_H
#define GATEWAY_STREAM_FULL_CHECK_H

#include "gateway/base/base.h"

bool full_check_is_due(const struct disk *disk, const char *dir);
/* If the mark cannot be created, the next start is a quick one: ERR_IO,
 * ERR_FULL. */
err_t full_check_ask(const struct disk *disk, const char *dir) MUST_USE;
/* Everything was read. If the mark cannot be removed, the next start reads
 * everything once more. */
void full_check_done(const struct disk *disk, const char *dir);

#endif
