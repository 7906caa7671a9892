/* SPDX-License-Identifier: Apache-2.0 */
/* From the journal into the window, past what is not there any more. */
#include "bridge/carrier_state.h"
#include "gateway/journal/reader.h"

/* A journal that could not be read is tried again this much later. */
#define READ_AGAIN_US ((int64_t)10 * 1000 * 1000)

static void reader_failed(struct carrier *carrier, err_t err,
                          const char *text) {
    struct reason reason;
    reason_set(&reason, err, "cannot read the journal %s: %s",
               carrier->options.dir, text);
    carrier_set_error(carrier, reason.text);
    carrier_log_trouble(carrier, reason.text);
    carrier->reader_at_fault = true;
    carrier->read_again_us = carrier_mono_us(carrier) + READ_AGAIN_US;
}

/* A reader that failed is opened anew: what went wrong may have passed. */
static err_t reader_ready(struct carrier *carrier) {
    if (!carrier->reader_at_fault) {
        return ERR_OK;
    }
    ENSURE(carrier->read_again_us <= carrier_mono_us(carrier), ERR_AGAIN);
    journal_reader_close(carrier->reader);
    carrier->reader = NULL;
    struct reason reason = {""};
    err_t err = journal_reader_open(
        &carrier->shared->platform->disk, carrier->options.dir,
        forwarder_next_seq(&carrier->forwarder), &carrier->reader, &reason);
    if (err != ERR_OK) {
        reader_failed(carrier, err, reason.text);
        return err;
    }
    carrier->reader_at_fault = false;
    carrier->at_damage = false;
    return ERR_OK;
}

static void measure(struct carrier *carrier,
                    const struct journal_record *record) {
    carrier->waiting = (struct forwarder_record){
        .seq = record->seq,
        .wall_us = record->wall_us,
        .bytes = record->bytes,
    };
    struct reason reason = {""};
    if (sink_measure(carrier->sink, &carrier->target, &carrier->scratch,
                     &carrier->waiting, &reason) != ERR_OK) {
        carrier_log_trouble(carrier, "no memory for an event");
        return;
    }
    carrier->has_waiting = true;
    if (!carrier->waiting.sendable) {
        carrier->held = reason;
        carrier_set_error(carrier, reason.text);
        log_line(LOG_ERROR, "bridge", "stream=%s %s; its key waits",
                 carrier_name(carrier), reason.text);
    }
}

/* What comes next was let go of, to make room. Everything before it is sent
 * first; then it goes on where the journal begins. False: not yet. */
static bool pass_gap(struct carrier *carrier) {
    uint64_t next = forwarder_next_seq(&carrier->forwarder);
    uint64_t start = atomic_load_explicit(&carrier->options.position->start,
                                          memory_order_acquire);
    if (next >= start) {
        return true;
    }
    if (!forwarder_is_drained(&carrier->forwarder)) {
        return false;
    }
    carrier->status.lost += start - next;
    log_line(LOG_ERROR, "bridge",
             "stream=%s events_not_sent=%llu first=%llu last=%llu: the "
             "journal has let go of them, or lost them",
             carrier_name(carrier), (unsigned long long)(start - next),
             (unsigned long long)next, (unsigned long long)start - 1);
    forwarder_skip(&carrier->forwarder, start);
    carrier->at_damage = false;
    carrier->reader_at_fault = true;
    carrier->read_again_us = 0;
    return true;
}

static void note_gap(struct carrier *carrier, const struct journal_gap *gap,
                     bool known) {
    struct bridge_stream_status *status = &carrier->status;
    uint64_t count = gap->end - gap->first;
    status->lost += count;
    if (!known) {
        status->gaps[status->gap_count++ % BRIDGE_GAPS_MAX] = *gap;
    }
    log_line(LOG_ERROR, "bridge",
             "stream=%s events_not_sent=%llu first=%llu last=%llu: the "
             "journal is damaged there",
             carrier_name(carrier), (unsigned long long)count,
             (unsigned long long)gap->first, (unsigned long long)gap->end - 1);
}

/* With `on_rot: stop` only what was set aside before is passed. */
static err_t find_gap(struct carrier *carrier, struct journal_gap *ret,
                      bool *ret_known) {
    TRY(journal_reader_pass(carrier->reader, carrier->status.end, ret,
                            ret_known));
    ENSURE(*ret_known ||
               carrier->options.config->on_rot == CONFIG_ROT_QUARANTINE,
           ERR_CORRUPT);
    return ERR_OK;
}

/* The next record lies in damage. Everything before it is confirmed first, also
 * what is held: it is still there to be sent. Then it goes on behind the
 * damage. False: not yet. */
static bool pass_damage(struct carrier *carrier) {
    if (!carrier->at_damage) {
        return true;
    }
    if (carrier->forwarder.count > 0) {
        return false;
    }
    struct journal_gap gap;
    bool known;
    carrier->at_damage = false;
    err_t err = find_gap(carrier, &gap, &known);
    if (err != ERR_OK) {
        reader_failed(carrier, err, err_name(err));
        return false;
    }
    if (gap.first < gap.end) {
        note_gap(carrier, &gap, known);
        forwarder_skip(&carrier->forwarder, gap.end);
    }
    return true;
}

/* Reads the next record. ERR_END if there is none yet. */
static err_t read_one(struct carrier *carrier) {
    struct journal_record record;
    err_t err =
        journal_reader_next(carrier->reader, carrier->status.end, &record);
    if (err == ERR_NOT_FOUND) { /* let go of since: looked at again at once */
        carrier->reader_at_fault = true;
        carrier->read_again_us = 0;
        return ERR_OK;
    }
    if (err == ERR_CORRUPT) {
        carrier->at_damage = true;
        return ERR_OK;
    }
    if (err != ERR_OK && err != ERR_END) {
        reader_failed(carrier, err, err_name(err));
    }
    TRY(err);
    measure(carrier, &record);
    if (!carrier->has_waiting) {
        reader_failed(carrier, ERR_MEMORY, "no memory");
        return ERR_MEMORY;
    }
    return ERR_OK;
}

void carrier_fill(struct carrier *carrier) {
    carrier->status.end = atomic_load_explicit(&carrier->options.position->end,
                                               memory_order_acquire);
    if (carrier->sink == NULL) {
        return;
    }
    for (;;) {
        if (!carrier->has_waiting &&
            (!pass_gap(carrier) || !pass_damage(carrier) ||
             forwarder_next_seq(&carrier->forwarder) >= carrier->status.end ||
             reader_ready(carrier) != ERR_OK || read_one(carrier) != ERR_OK)) {
            return;
        }
        if (!carrier->has_waiting) {
            continue;
        }
        err_t err = forwarder_push(&carrier->forwarder, &carrier->waiting);
        if (err == ERR_CORRUPT) {
            carrier->has_waiting = false;
            reader_failed(carrier, err, "a sequence number is missing");
        }
        if (err != ERR_OK) {
            return;
        }
        carrier->has_waiting = false;
    }
}
