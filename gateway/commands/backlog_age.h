/* SPDX-License-Identifier: Apache-2.0 */
/* When the oldest event that is not in the cloud was recorded. The journal is
 * asked by a job, once for each cursor (while the cloud is away the cursor
 * stands), and what the page shows until then is not known. */
#ifndef GATEWAY_COMMANDS_BACKLOG_AGE_H
#define GATEWAY_COMMANDS_BACKLOG_AGE_H

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/base/executor.h"

struct backlog_age {
    const struct disk *disk; /* these outlive it */
    const char *dir;         /* of the journal */
    struct executor executor;
    uint64_t cursor; /* that `us` is of; both 0: none is known */
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
/* Wall time, us since 1970, of the record `cursor` of those before `end`; 0 if
 * there is none, or it is not known (yet). */
int64_t backlog_age_us(struct backlog_age *age, uint64_t cursor, uint64_t end);

#endif
