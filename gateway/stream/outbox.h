/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts and notices that wait to leave the gateway, each with the durable
 * end it needs (promise P4: every output carries the sequence number it needs,
 * and leaves when the durable position has reached it). */
#ifndef GATEWAY_STREAM_OUTBOX_H
#define GATEWAY_STREAM_OUTBOX_H

#include "gateway/base/base.h"
#include "gateway/event/event.h"

struct outbox;

/* How released items are sent: one MQTT publication each. */
struct outbox_sink {
    void *self;
    void (*receipt)(void *self, struct slice device, struct slice payload);
    void (*notice)(void *self, struct slice device, struct slice payload);
};

/* The journal's id and life, which outlive it: the receipts say them. */
err_t outbox_new(const uint8_t *journal_id, const uint8_t *life,
                 struct outbox **ret) MUST_USE;
void outbox_free(struct outbox *outbox); /* takes NULL */

/* Each copies its arguments. `needs_end` is the durable end without which the
 * item may not leave: the sequence number of the event it is about, plus one.
 */
err_t outbox_accept(struct outbox *outbox, uint64_t needs_end,
                    struct slice device, enum event_encoding encoding,
                    struct slice id, uint64_t seq) MUST_USE;
/* `id` is empty if no id of the event could be read. */
err_t outbox_reject(struct outbox *outbox, uint64_t needs_end,
                    struct slice device, enum event_encoding encoding,
                    struct slice id, const char *reason) MUST_USE;
err_t outbox_notice(struct outbox *outbox, uint64_t needs_end,
                    struct slice device, struct slice payload) MUST_USE;

/* Releases all items whose need is met, in order. The receipts of one device
 * become one message, in the encoding the device used:
 * {"accepted":[{"id","seq"}], "rejected":[{"id","reason"}], "journalid",
 * "journallife"}, id null where it could not be read. */
err_t outbox_release(struct outbox *outbox, uint64_t durable_end,
                     const struct outbox_sink *sink) MUST_USE;

#endif
