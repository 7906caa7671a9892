/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters, in each form that the console gives, and the orders about them
 * that it takes. */
#ifndef GATEWAY_CONSOLE_REPLY_DEAD_H
#define GATEWAY_CONSOLE_REPLY_DEAD_H

#include "gateway/console/source.h"

/* The member "dead" of the status:
 *   {"letters", "retried": of those to be sent again, "oldest": RFC 3339 or
 *    null, "ageing", "sent", "dropped", "lost", "full": why none can be
 *    written, or "", "orders_done"} */
void reply_dead(const struct console_status *status, struct writer *writer);
/* Members of a stream: "dead_lettered", "refusals": none, denied, in-row or
 * flood, "refusals_waiting". */
void reply_dead_stream(const struct console_stream *stream,
                       struct writer *writer);
void reply_dead_metrics(const struct console_status *status,
                        struct writer *writer);

struct dead_order {
    enum dead_ask ask;
    uint64_t ids[DEAD_ASK_MAX];
    uint32_t count;
};

/* {"retry": [1, 2]} or {"drop": [1, 2]}. ERR_PARSE, ERR_RANGE. */
err_t dead_order_read(struct slice body, struct dead_order *ret,
                      struct reason *reason) MUST_USE;

#endif
