/* SPDX-License-Identifier: Apache-2.0 */
/* When the oldest event that is not in the cloud was recorded. A job asks the
 * journal, once for each cursor (which stands still while the cloud is away).
 */
#ifndef GATEWAY_COMMANDS_BACKLOG_AGE_H
#define GATEWAY_COMMANDS_BACKLOG_AGE_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/base/executor.h"

struct backlog_age {
    const struct disk *disk; /* these outlive it */
    const char *dir;         /* of the journal */
    struct executor executor;
    uint64_t
        cursor; /* the cursor that `us` belongs to; both 0: nothing is known */
    int64_t us;
    /* The job's while it runs. */
    struct job job;
    bool running;
    uint64_t asked; /* record */
    uint64_t asked_end;
    int64_t found_us; /* 0: it could not be read */
};

void backlog_age_init(struct backlog_age *age, const struct disk *disk,
                      const char *dir, struct executor executor);
/* Wall time, us since 1970, of the record at `cursor` among those before `end`;
 * 0 if there is none, or if it is not known (yet). */
int64_t backlog_age_us(struct backlog_age *age, uint64_t cursor, uint64_t end);

#endif
