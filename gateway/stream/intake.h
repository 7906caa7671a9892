/* SPDX-License-Identifier: Apache-2.0 */
/* What to do with one message: is it an event, may this device send it here,
 * and is it already in the journal? It only decides: it journals nothing,
 * remembers nothing and answers nobody. */
#ifndef GATEWAY_STREAM_INTAKE_H
#define GATEWAY_STREAM_INTAKE_H

#include "gateway/base/base.h"
#include "gateway/event/event.h"
#include "gateway/stream/dedupe.h"

/* Part of event_bytes_max kept free for what the sink adds, and for what the
 * shop adds when it echoes an event's data. */
enum { INTAKE_HEADROOM = 4096 };

/* One message as it came through a door. */
struct stream_message {
    struct slice device; /* from the topic or a certificate */
    struct slice payload;
};

enum intake_verdict {
    INTAKE_NEW,
    INTAKE_DUPLICATE, /* of the record `first_seq` */
    INTAKE_REJECTED,  /* `why` says what the device must change */
};

struct intake_result {
    enum intake_verdict verdict;
    struct event event; /* NEW, DUPLICATE; of REJECTED at most the id */
    uint64_t content_hash;
    uint64_t first_seq;
    bool too_old; /* REJECTED for that: it might be a repeat */
    struct reason why;
};

struct intake;
struct config_stream;

struct shop;

struct intake_options {
    const char *store; /* outlives the intake */
    uint32_t event_bytes_max;
    bool has_shop; /* the shop's rules apply too */
    /* Whose sink's rules apply; outlives the intake. NULL: none. */
    const struct config_stream *stream;
    struct shop *shop;         /* outlives the intake; NULL: only what depends
                                  on no state is checked */
    const struct clock *clock; /* outlives the intake */
};

err_t intake_new(const struct intake_options *options,
                 struct intake **ret) MUST_USE;
void intake_free(struct intake *intake); /* takes NULL */

/* A bad event is not an error but a verdict. The result's slices live until the
 * next call, or as long as the message. ERR_MEMORY: the event may be good;
 * nothing is known about it. */
err_t intake_judge(struct intake *intake, const struct dedupe *dedupe,
                   const struct stream_message *message,
                   struct intake_result *ret) MUST_USE;

#endif
