/* SPDX-License-Identifier: Apache-2.0 */
/* Files that were set aside for people to look at: damaged segments (.rot) and
 * snapshots (.bad), and what the broker could not use (.bad-N). Nothing reads
 * them. */
#ifndef GATEWAY_JOURNAL_ASIDE_H
#define GATEWAY_JOURNAL_ASIDE_H

#include "gateway/base/base.h"

/* Durably removes those that were last changed before `before_us` (wall time),
 * with a line in the log for each. What cannot be removed now stays until it is
 * tried again, and the log says that, too. */
void aside_remove(const struct disk *disk, const char *dir, int64_t before_us);

#endif
