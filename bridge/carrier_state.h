/* SPDX-License-Identifier: Apache-2.0 */
/* A carrier from inside, for the files that make it; nobody else's. */
#ifndef BRIDGE_CARRIER_STATE_H
#define BRIDGE_CARRIER_STATE_H

#include "bridge/carrier.h"
#include "bridge/cursor.h"
#include "bridge/forwarder.h"
#include "bridge/request.h"

struct carrier {
    struct carrier_shared *shared;
    struct bridge_stream_options options;
    const struct sink *sink;
    struct sink_target target;
    struct endpoint where;
    struct https *https;
    struct sigv4_key key;

    struct forwarder forwarder;
    struct cursor_file cursor;
    int64_t cursor_saved_us;
    struct log_limit cursor_log;
    struct journal_reader *reader;
    bool reader_at_fault;
    bool at_damage; /* the reader is, and goes on behind it */
    int64_t read_again_us;
    struct forwarder_record waiting; /* read, and no room for it yet */
    bool has_waiting;
    struct reason held; /* why the last event that cannot be sent cannot */

    const struct forwarder_batch *batch;
    bool probe_wanted;
    bool probing;
    int64_t sent_offset_us;     /* the clock's offset it was signed with */
    int64_t answered_us;        /* last answer that was the service's */
    struct sink_buffer scratch; /* one event's JSON */
    struct sink_buffer body;
    struct answer answer;
    char head[REQUEST_HEAD_MAX];
    char probe[1024];

    bool paused;
    struct log_limit error_log;
    struct bridge_stream_status status;
    struct bridge_stream_status told;
};

/* Reads from the journal into the window what there is room for. */
void carrier_fill(struct carrier *carrier);

int64_t carrier_mono_us(const struct carrier *carrier);
const char *carrier_name(const struct carrier *carrier); /* the stream's */
/* Words for the status; and for the log, one line a second. */
void carrier_set_error(struct carrier *carrier, const char *text);
void carrier_log_trouble(struct carrier *carrier, const char *text);

#endif
