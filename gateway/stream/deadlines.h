/* SPDX-License-Identifier: Apache-2.0 */
/* How long records have been there, on the monotonic clock: whatever the wall
 * clock does, what was asked for waits as long as it was told. Bounded, without
 * an entry for each record: a mark says by when all before a number were there.
 *
 * Not its job: what is due (the shop knows what waits); journaling it. */
#ifndef GATEWAY_STREAM_DEADLINES_H
#define GATEWAY_STREAM_DEADLINES_H

#include "gateway/base/base.h"

enum { DEADLINES_MARKS_MAX = 4096 }; /* an hour of one a second */

struct deadlines {
    struct {
        uint64_t end;
        int64_t mono_us;
    } marks[DEADLINES_MARKS_MAX]; /* a ring */
    uint32_t first;
    uint32_t count;
    uint64_t due; /* all before this number are */
};

/* All records before `end` are there now; neither number nor time goes back
 * (what does is taken as no later than the last). If there are too many marks
 * the newest takes this one in, and what it is of waits a little longer. */
void deadlines_mark(struct deadlines *deadlines, uint64_t end, int64_t mono_us);
/* All records before the result have been there for `limit_us`. */
uint64_t deadlines_due(struct deadlines *deadlines, int64_t mono_us,
                       int64_t limit_us);

#endif
