/* SPDX-License-Identifier: Apache-2.0 */
/* Hands events whose answer is final to whoever settles them (letter.h), with
 * the service's code and words. */
#ifndef BRIDGE_HANDOVER_H
#define BRIDGE_HANDOVER_H

#include "bridge/exchange.h"

struct handover {
    void (*letter)(void *self, const struct dead_letter *letter);
    void *self;
    const char *stream;
    const struct forwarder *forwarder;
    bool handing; /* within a call of `letter` */
};

/* If event `seq` waits to be settled. */
void handover_one(struct handover *handover, uint64_t seq,
                  enum letter_kind kind, const char *code, const char *words);

/* The numbers of a request's events: the batch is gone once it is answered. Of
 * an aggregate the first: only one that holds no other can be final. */
struct handover_batch {
    uint64_t seqs[FORWARDER_BATCH_MAX];
    uint32_t count;
};
void handover_note(const struct forwarder_batch *batch,
                   struct handover_batch *ret);
/* Those that the answer made final; behind forwarder_answer(), and while the
 * response lives. */
void handover_answer(struct handover *handover,
                     const struct handover_batch *batch,
                     const struct sink *sink,
                     const struct exchange_result *result);

#endif
