/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/dead_item.h"

#include <stdio.h>

static const char *sink_name(enum config_sink sink) {
    return sink == CONFIG_SINK_KINESIS ? "kinesis" : "eventbridge";
}

struct dead_item *dead_item_of(const struct config_stream *stream,
                               struct event_life journal_id, int64_t wall_us,
                               const struct dead_letter *letter) {
    struct dead_record record = {
        .kind = DEAD_LETTER,
        .when_us = wall_us,
        .seq = letter->seq,
        .wall_us = letter->wall_us,
        .life = letter->life,
        .journal_id = journal_id,
        .refusal = letter->kind,
        .event = letter->bytes,
        .tries = letter->tries,
    };
    dead_text(record.stream, sizeof record.stream, stream->name);
    dead_text(record.code, sizeof record.code, letter->code);
    dead_text(record.words, sizeof record.words, letter->words);
    snprintf(record.sink, sizeof record.sink, "%s:%s", sink_name(stream->sink),
             stream->sink_name);
    return dead_item_new(&record);
}
