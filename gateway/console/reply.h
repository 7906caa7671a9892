/* SPDX-License-Identifier: Apache-2.0 */
/* What the routes answer: pure functions that turn the source's figures into
 * text. */
#ifndef GATEWAY_CONSOLE_REPLY_H
#define GATEWAY_CONSOLE_REPLY_H

#include "gateway/console/source.h"

/* Each writes one whole answer; check writer->full. */
void reply_status(const struct console_status *status, struct writer *writer);
void reply_orders(const struct console_source *source, struct writer *writer);
void reply_metrics(const struct console_status *status, struct writer *writer);
void reply_error(const char *text, struct writer *writer);

/* Reads {"paused": true | false}. ERR_PARSE or ERR_RANGE with a reason. */
err_t reply_read_uplink(struct slice body, bool *ret_paused,
                        struct reason *reason) MUST_USE;

/* A link's state in one word: idle, online, offline, refused, paused,
 * throttled, waiting; "none" for a stream that stays in the store. */
const char *reply_link(const struct console_stream *stream);
/* Events not yet in the cloud; 0 without a sink. */
uint64_t reply_backlog(const struct console_stream *stream);

#endif
