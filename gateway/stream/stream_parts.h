/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream is made of: shared by what runs it and what looks at it. */
#ifndef GATEWAY_STREAM_STREAM_PARTS_H
#define GATEWAY_STREAM_STREAM_PARTS_H

#include "gateway/stream/batch.h"
#include "gateway/stream/committer.h"
#include "gateway/stream/drop_ledger.h"
#include "gateway/stream/own_event.h"
#include "gateway/stream/payments.h"
#include "gateway/stream/retention.h"
#include "gateway/stream/scrub.h"
#include "gateway/stream/snapshots.h"
#include "gateway/stream/state.h"
#include "gateway/stream/stream.h"

enum { STREAM_DIR_SIZE = CONFIG_PATH_MAX + CONFIG_NAME_MAX + 2 };

struct stream {
    struct stream_options options;
    char dir[STREAM_DIR_SIZE];
    char broker_dir[STREAM_DIR_SIZE];
    struct journal *journal;
    struct state *state;
    struct intake *intake;
    struct batch *batch;
    struct outbox *outbox;
    struct own_event own;
    struct drop_ledger *ledger;
    struct retention *retention;
    struct snapshots *snapshots;
    struct scrub *scrub;
    struct committer *committer;
    struct stream_counts counts;
    uint32_t commit_delay_ms;
    int64_t upkeep_us;     /* monotonic: when it was last asked for */
    int64_t taken_us;      /* monotonic: when the batch's first message came */
    uint64_t durable_told; /* `durable` was called for this position */
    struct payments_watch payments;
    uint32_t refusals; /* answers to these that may still wait */
};

#endif
