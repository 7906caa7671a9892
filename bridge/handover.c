/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/handover.h"

#include <assert.h>

void handover_one(struct handover *handover, uint64_t seq,
                  enum letter_kind kind, const char *code, const char *words) {
    struct forwarder_entry entry;
    uint32_t tries;
    if (!forwarder_final(handover->forwarder, seq, &entry, &tries)) {
        return;
    }
    assert(handover->letter != NULL);
    const struct dead_letter letter = {
        .stream = handover->stream,
        .seq = seq,
        .wall_us = entry.wall_us,
        .life = entry.life,
        .bytes = entry.bytes,
        .code = code,
        .words = words,
        .tries = tries,
        .kind = kind,
    };
    bool before = handover->handing;
    handover->handing = true;
    handover->letter(handover->self, &letter);
    handover->handing = before;
}

void handover_note(const struct forwarder_batch *batch,
                   struct handover_batch *ret) {
    ret->count = forwarder_batch_records(batch);
    for (uint32_t i = 0; i < ret->count; i++) {
        uint32_t first = forwarder_batch_record(batch, i).first;
        ret->seqs[i] = batch->entries[first].seq;
    }
}

struct refusals {
    struct handover *handover;
    const struct handover_batch *batch;
};

static void take_refusal(void *context, uint32_t i, const char *code,
                         const char *words) {
    const struct refusals *refusals = context;
    assert(i < refusals->batch->count);
    handover_one(refusals->handover, refusals->batch->seqs[i], LETTER_ENTRY,
                 code, words);
}

void handover_answer(struct handover *handover,
                     const struct handover_batch *batch,
                     const struct sink *sink,
                     const struct exchange_result *result) {
    const struct answer *answer = &result->answer;
    if (answer->call == CALL_ANSWERED) {
        struct refusals refusals = {handover, batch};
        answer_each_refusal(&sink->shape, &result->raw, answer, batch->count,
                            take_refusal, &refusals);
    } else if (batch->count == 1) {
        handover_one(handover, batch->seqs[0],
                     answer->call == CALL_TOO_LARGE ? LETTER_TOO_LARGE
                                                    : LETTER_INVALID,
                     answer->code, answer->text);
    }
}
