/* SPDX-License-Identifier: Apache-2.0 */
/* An event whose answer is final, as the sender hands it to whoever decides
 * what becomes of it. Until that is settled the event is neither in flight nor
 * done: later ones of its key wait, and the cursor stays before it. */
#ifndef BRIDGE_LETTER_H
#define BRIDGE_LETTER_H

#include "gateway/base/base.h"
#include "gateway/event/event_life.h"

enum letter_kind {
    LETTER_ENTRY,      /* the service refused this entry of a request */
    LETTER_INVALID,    /* it refused a request that held nothing else, */
    LETTER_TOO_LARGE,  /* or called it too large */
    LETTER_UNSENDABLE, /* the sink cannot take it: it was not sent */
};

struct dead_letter {
    const char *stream;
    uint64_t seq;
    int64_t wall_us;
    struct event_life life;
    struct slice bytes; /* as in the journal; lives until it is settled */
    const char *code;   /* the service's; empty if it gave none */
    const char *words;  /* printable ASCII; these two live for the call */
    uint32_t tries;     /* times sent */
    enum letter_kind kind;
};

enum settle {
    SETTLE_DEAD,  /* it is kept elsewhere, durably: the cursor may pass it */
    SETTLE_HOLD,  /* it stays, and is tried again once a minute */
    SETTLE_RETRY, /* send it again now */
};

#endif
