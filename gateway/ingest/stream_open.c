/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a stream: its journal, replayed into the dedupe windows and the shop;
 * and closing it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/ingest/admission.h"
#include "gateway/ingest/stream_state.h"
#include "gateway/journal/reader.h"

uint32_t stream_message_bytes_max(const struct config *config) {
    return 2 * (config->event_bytes_max + ARENA_EXTRA) + SHOP_OUTPUT_BYTES_MAX +
           OWN_EVENTS_MAX * 2 * OWN_DATA_MAX;
}

/* The device an event came from, if it came from one: the rest of its source
 * behind "/{store}/". The gateway's and the shop's own are nobody's. */
static struct slice event_device(const struct stream *stream,
                                 const struct event *event) {
    char prefix[128];
    int len =
        snprintf(prefix, sizeof prefix, "/%s/", stream->options.config->store);
    if (!slice_starts_with(event->source, prefix)) {
        return SLICE_EMPTY;
    }
    struct slice device =
        slice_part(event->source, (size_t)len, event->source.len - (size_t)len);
    return admission_device(device, NULL) == ERR_OK ? device : SLICE_EMPTY;
}

static err_t replay_record(struct stream *stream,
                           const struct journal_record *record) {
    struct event event;
    TRY(event_load(record->bytes, &event));
    stream->appended_bytes += record->bytes.len;
    struct slice device = event_device(stream, &event);
    if (device.len > 0) {
        TRY(dedupe_add(stream->dedupe, device, event.id, event_hash(&event),
                       record->seq));
    }
    if (stream->shop == NULL) {
        return ERR_OK;
    }
    const struct shop_stamp stamp = {record->seq, record->wall_us};
    return shop_apply(stream->shop, &event, stamp);
}

/* The shop's state, for the log: equal before a stop and after a start. */
static uint64_t stream_hash(const struct stream *stream) {
    return stream->shop == NULL ? 0 : shop_hash(stream->shop);
}

/* The journal has none of its events in damage that was set aside: the shop
 * goes on with what it has. */
static err_t replay_next(struct stream *stream, struct journal_reader *reader,
                         uint64_t end, struct journal_record *ret) {
    err_t err = journal_reader_next(reader, end, ret);
    while (err == ERR_CORRUPT) {
        struct journal_gap gap;
        bool known;
        TRY(journal_reader_pass(reader, end, &gap, &known));
        ENSURE(known, ERR_CORRUPT);
        if (stream->shop != NULL) {
            shop_pass_gap(stream->shop);
        }
        err = journal_reader_next(reader, end, ret);
    }
    return err;
}

/* Was anything lost before what is replayed? */
static void pass_gaps_before(struct stream *stream, uint64_t start) {
    size_t count;
    const struct journal_gap *gaps = journal_gaps(stream->journal, &count);
    if (stream->shop != NULL && count > 0 && gaps[0].first < start) {
        shop_pass_gap(stream->shop);
    }
}

static err_t replay_from(struct stream *stream, uint64_t from, uint64_t end,
                         struct reason *reason) {
    struct journal_reader *reader = NULL;
    TRY(journal_reader_open(&stream->options.platform->disk, stream->dir, from,
                            &reader, reason));
    struct journal_record record = {0};
    err_t err = replay_next(stream, reader, end, &record);
    while (err == ERR_OK) {
        err = replay_record(stream, &record);
        if (err == ERR_OK) {
            err = replay_next(stream, reader, end, &record);
        }
    }
    journal_reader_close(reader);
    if (err != ERR_END) {
        return reason_set(reason, err, "%s: replay stopped at record %llu: %s",
                          stream->dir, (unsigned long long)record.seq,
                          err_name(err));
    }
    return ERR_OK;
}

/* The state: of a snapshot, and of what was appended since. */
static err_t replay(struct stream *stream, struct reason *reason) {
    const struct platform *platform = stream->options.platform;
    int64_t began_us = platform->clock.mono_us(platform->clock.self);
    uint64_t end = journal_next_seq(stream->journal);
    uint64_t from;
    TRY(stream_state_load(stream, &from, reason));
    pass_gaps_before(stream, from);
    stream->scrub_at = 0;
    stream->scrub_end = from;
    if (from < end) {
        TRY(replay_from(stream, from, end, reason));
    }
    if (end == 0) {
        return ERR_OK;
    }
    int64_t took_us = platform->clock.mono_us(platform->clock.self) - began_us;
    log_line(LOG_INFO, "stream",
             "replayed name=%s snapshot=%llu events=%llu ms=%lld hash=%016llx",
             stream->options.stream->name,
             (unsigned long long)stream->snapshot_seq,
             (unsigned long long)(end - from), (long long)(took_us / 1000),
             (unsigned long long)stream_hash(stream));
    return ERR_OK;
}

static err_t allocate(struct stream *stream) {
    size_t event_bytes = stream->options.config->event_bytes_max;
    /* It also takes CBOR data written as JSON: at most six times as long. */
    size_t arena_cap = 8 * event_bytes + ARENA_EXTRA;
    stream->stored_cap = 2 * event_bytes + ARENA_EXTRA;
    stream->rendered_cap = 2 * event_bytes + ARENA_EXTRA;
    stream->stored = malloc(stream->stored_cap);
    stream->rendered = malloc(stream->rendered_cap);
    void *arena = malloc(arena_cap);
    stream->arena = arena_over(arena, arena_cap);
    ENSURE(stream->stored != NULL && stream->rendered != NULL && arena != NULL,
           ERR_MEMORY);
    return outward_new(&stream->outward);
}

/* `trust`: sealed segments are believed by their ends, and read later. */
static err_t open_journal(struct stream *stream, bool quarantine, bool trust,
                          struct reason *reason) {
    const struct config *config = stream->options.config;
    uint64_t known_end = stream->options.known_end;
    if (quarantine) {
        TRY(stream_known_end(stream, &known_end, reason));
    }
    bool let_go; /* may a shop's journal have let go of anything? */
    TRY(stream_may_begin_later(stream, &let_go, reason));
    uint32_t batch_bytes = 4 * stream_message_bytes_max(config);
    const struct journal_options options = {
        .platform = stream->options.platform,
        .dir = stream->dir,
        .store = config->store,
        .stream = stream->options.stream->name,
        .batch_events_max = BATCH_EVENTS_MAX,
        .batch_bytes_max =
            batch_bytes < BATCH_BYTES_MIN ? BATCH_BYTES_MIN : batch_bytes,
        .segment_bytes = stream->options.stream->segment_bytes,
        .capacity = stream->options.stream->capacity,
        .reserve = RESERVE_BYTES,
        .free_floor = config->free_floor,
        .whole = stream->options.stream->shop && !let_go,
        .quarantine = quarantine,
        .known_end = known_end,
        .trust_sealed = trust,
    };
    struct reason why = {""};
    err_t err = journal_open(&options, &stream->journal, &why);
    if (err == ERR_FULL) {
        return reason_set(
            reason, err, "make room on the disk of %s, %llu MiB or more: %s",
            stream->dir, (unsigned long long)(options.segment_bytes >> 20),
            why.text);
    }
    return err == ERR_OK ? ERR_OK : reason_set(reason, err, "%s", why.text);
}

static err_t open_and_replay(struct stream *stream, bool trust,
                             struct reason *reason) {
    bool quarantine = stream->options.stream->on_rot == CONFIG_ROT_QUARANTINE;
    journal_close(stream->journal);
    stream->journal = NULL;
    stream->appended_bytes = 0;
    TRY(open_journal(stream, quarantine, trust, reason));
    return replay(stream, reason);
}

/* Who wants a start that is refused for damage wants all of it looked at. */
static err_t open_parts(struct stream *stream, struct reason *reason) {
    bool quarantine = stream->options.stream->on_rot == CONFIG_ROT_QUARANTINE;
    bool trust = quarantine && !stream_doubts(stream);
    TRY(allocate(stream));
    err_t err = open_and_replay(stream, trust, reason);
    if ((err == ERR_CORRUPT || err == ERR_IO) && trust) {
        /* What is replayed is damaged. */
        trust = false;
        err = open_and_replay(stream, trust, reason);
    }
    TRY(err);
    if (!trust) {
        stream->scrub_end = 0;
        stream_doubt_end(stream);
    }
    TRY(stream_tell_damage(stream, reason));
    stream->journal_stats = journal_stats(stream->journal);
    return ERR_OK;
}

static err_t stream_new(const struct stream_options *options,
                        struct stream **ret) {
    struct stream *stream = calloc(1, sizeof *stream);
    ENSURE(stream != NULL, ERR_MEMORY);
    stream->options = *options;
    snprintf(stream->dir, sizeof stream->dir, "%s/%s", options->config->data,
             options->stream->name);
    *ret = stream;
    return ERR_OK;
}

err_t stream_repair(const struct stream_options *options, struct journal **ret,
                    struct reason *reason) {
    struct stream *stream;
    TRY(stream_new(options, &stream));
    err_t err = open_journal(stream, true, false, reason);
    *ret = stream->journal;
    free(stream);
    return err;
}

err_t stream_open(const struct stream_options *options, struct stream **ret,
                  struct reason *reason) {
    struct stream *stream;
    TRY(stream_new(options, &stream));
    err_t err = open_parts(stream, reason);
    if (err != ERR_OK) {
        stream_close(stream);
        return err;
    }
    *ret = stream;
    return ERR_OK;
}

void stream_close(struct stream *stream) {
    if (stream == NULL) {
        return;
    }
    assert(!stream->committing && !stream->snapshotting && !stream->scrubbing);
    if (stream->journal != NULL) {
        log_line(LOG_INFO, "stream", "closed name=%s events=%llu hash=%016llx",
                 stream->options.stream->name,
                 (unsigned long long)journal_next_seq(stream->journal),
                 (unsigned long long)stream_hash(stream));
    }
    shop_free(stream->shop);
    journal_close(stream->journal);
    dedupe_free(stream->dedupe);
    outward_free(stream->outward);
    free(stream->stored);
    free(stream->rendered);
    free(stream->arena.data);
    free(stream);
}
