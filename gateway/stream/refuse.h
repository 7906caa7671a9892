/* SPDX-License-Identifier: Apache-2.0 */
/* Answers a device whose message never came to a door: the broker refused it,
 * because the device may not use the topic. It is counted, journaled as
 * EventRejected (of which there are at most 60 a minute, as of all refusals),
 * and answered on the device's own receipts topic as a door's refusal is. */
#ifndef GATEWAY_STREAM_REFUSE_H
#define GATEWAY_STREAM_REFUSE_H

#include "gateway/base/base.h"
#include "gateway/event/event.h"

struct stream; /* stream.h */

/* Answers that may wait for the disk at once. */
enum { STREAM_REFUSALS_MAX = 1024 };

struct stream_refusal {
    struct slice device; /* whom to tell: who sent it, as the broker knows */
    struct slice id;     /* of the event; empty if none could be read */
    const char *why;     /* what happened and what to do, UTF-8 */
    enum event_encoding encoding; /* that the device used */
};

/* The receipt leaves when the record that it needs is durable (P4); no door has
 * to ask for that commit. ERR_AGAIN, and nothing happens, if the stream is full
 * or stops, or if too many answers wait: then only count it. ERR_REFUSED if no
 * device can have that name. ERR_MEMORY, ERR_IO and ERR_FULL are final, as for
 * stream_take(). */
err_t stream_refuse(struct stream *stream,
                    const struct stream_refusal *refusal) MUST_USE;

#endif
