/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/filler.h"

#include <assert.h>

enum {
    SCRATCH_KEEP = 64 * 1024, /* a larger one is freed when there is no work */
};

/* When to retry after there was no memory for an event. */
#define MEMORY_RETRY_US ((int64_t)10 * 1000 * 1000)

static int64_t mono_us(const struct filler *filler) {
    return filler->clock->mono_us(filler->clock->self);
}

static void say_fault(struct filler *filler, const char *why) {
    struct reason reason;
    reason_set(&reason, ERR_IO, "cannot read the journal %s: %s", filler->dir,
               why);
    report_words(filler->report, reason.text);
    report_trouble(filler->report, reason.text);
}

/* Letters come as the records do, in order. */
static bool is_letter(struct filler *filler, uint64_t seq) {
    while (filler->letter_at < filler->letter_count &&
           filler->letters[filler->letter_at] < seq) {
        filler->letter_at++;
    }
    return filler->letter_at < filler->letter_count &&
           filler->letters[filler->letter_at] == seq;
}

/* Puts the next record into the window. False: not now. */
static bool push_record(struct filler *filler) {
    struct feed_record record = feed_record(filler->feed);
    if (!forwarder_has_room(filler->forwarder, record.bytes.len)) {
        filler->forwarder->tight = true;
        return false;
    }
    struct forwarder_record measured = {
        .seq = record.seq,
        .wall_us = record.wall_us,
        .life = record.life,
        .bytes = record.bytes,
        .pushed_us = mono_us(filler),
        .settled = is_letter(filler, record.seq),
    };
    struct reason reason = {""};
    err_t err = sink_measure(filler->sink, filler->target, &filler->scratch,
                             &measured, &reason);
    if (err == ERR_OK) {
        err = forwarder_push(filler->forwarder, &measured);
    }
    if (err != ERR_OK) {
        say_fault(filler, err_name(err));
        filler->again_us = mono_us(filler) + MEMORY_RETRY_US;
        return false;
    }
    feed_take(filler->feed);
    if (!measured.sendable && !measured.settled) {
        filler->unsendable(filler->context, measured.seq, &reason);
    }
    return true;
}

/* Trimmed records are passed once all records before them are sent; entries
 * held there are forgotten, as they were trimmed, too. Damage is passed only
 * when everything before it is confirmed, held entries included: those can
 * still be sent. */
static bool may_pass(const struct filler *filler) {
    switch (feed_gap_cause(filler->feed)) {
    case FEED_TRIMMED:
        return forwarder_is_drained(filler->forwarder);
    case FEED_DAMAGED:
        return filler->forwarder->window.count == 0;
    }
    return false;
}

/* False: not yet. */
static bool pass_gap(struct filler *filler) {
    struct feed_gap gap;
    if (!may_pass(filler) || feed_pass(filler->feed, &gap) != ERR_OK) {
        return false;
    }
    if (gap.range.first == gap.range.end) {
        return true;
    }
    report_lost(filler->report, gap.range.first, gap.range.end,
                gap.cause == FEED_TRIMMED
                    ? "the journal has trimmed or lost them"
                    : "the journal is damaged there");
    if (!gap.known) {
        report_gap(filler->report, &gap.range);
    }
    forwarder_skip(filler->forwarder, gap.range.end);
    return true;
}

void filler_work(struct filler *filler) {
    if (filler->again_us > mono_us(filler)) {
        return;
    }
    for (;;) {
        switch (feed_look(filler->feed, mono_us(filler))) {
        case FEED_NOTHING:
            return;
        case FEED_READY:
            if (!push_record(filler)) {
                return;
            }
            break;
        case FEED_GAP:
            if (!pass_gap(filler)) {
                return;
            }
            break;
        case FEED_FAULT:
            say_fault(filler, feed_fault(filler->feed));
            return;
        }
    }
}

int64_t filler_due_us(const struct filler *filler) {
    int64_t due_us = feed_due_us(filler->feed);
    if (filler->again_us > mono_us(filler) && filler->again_us < due_us) {
        return filler->again_us;
    }
    return due_us;
}

void filler_rest(struct filler *filler) {
    if (filler->scratch.cap > SCRATCH_KEEP) {
        sink_buffer_free(&filler->scratch);
    }
}

void filler_free(struct filler *filler) {
    feed_free(filler->feed);
    filler->feed = NULL;
    sink_buffer_free(&filler->scratch);
}
