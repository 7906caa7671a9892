/* SPDX-License-Identifier: Apache-2.0 */
/* Sends one stream to the cloud: gives the records of its journal's feed to the
 * forwarder, the forwarder's requests to an exchange, the answers back to the
 * forwarder, and the confirmed position to the cursor's file.
 *
 * It lives on the bridge's loop and never makes it wait: an executor runs the
 * disk's work, a connector the network's. Of other streams it knows what they
 * share (share.h). */
#ifndef BRIDGE_SENDER_H
#define BRIDGE_SENDER_H

#include "bridge/credentials.h"
#include "bridge/exchange.h"
#include "bridge/letter.h"
#include "bridge/share.h"
#include "bridge/status.h"
#include "bridge/transport.h"
#include "config/config.h"
#include "gateway/base/executor.h"
#include "gateway/base/platform.h"
#include "gateway/journal/journal.h"

/* What all senders use and, but for the share, none changes; it outlives
 * them. */
struct sender_context {
    const struct platform *platform;
    const struct config *config;
    const struct credentials *credentials;
    struct connector connector;
    struct executor executor;
    struct share *share; /* the streams'; NULL: there is no other */
    /* Of answers to no sender, as a sender's own; may be NULL. */
    void (*clock_learned)(void *self, int64_t offset_us);
    void (*credentials_refused)(void *self,
                                const struct exchange_result *result);
    void *self;
};

/* All of it outlives the sender. */
struct sender_options {
    const struct sender_context *context;
    const struct config_stream *stream;
    const char *dir;           /* the journal's */
    const uint8_t *journal_id; /* JOURNAL_ID_SIZE */
    const char *cursor_apart;  /* where the cursor is kept, if not there */
    const struct journal_position *position;
    /* There may be more to do: an answer arrived, or a job ended. It is the
     * last thing the sender does in the callback of either. */
    void (*turn)(void *self);
    /* An answer gave the server's time: its clock minus ours. */
    void (*clock_learned)(void *self, int64_t offset_us);
    /* An event's answer is final: sender_settle() says what becomes of it, from
     * this call or later. NULL: all are held. */
    void (*letter)(void *self, const struct dead_letter *letter);
    /* Those that were settled as dead before, ascending: not sent again. */
    const uint64_t *letters;
    size_t letter_count;
    /* A call was refused. */
    void (*credentials_refused)(void *self,
                                const struct exchange_result *result);
    void *self;
};

struct sender;

/* Opens the cursor's file, so never call it on a loop. ERR_CORRUPT if the
 * cursor is past the journal's end; ERR_CONFIG if the endpoint is not usable;
 * else as cursor_file_open(). */
err_t sender_new(const struct sender_options *options, struct sender **ret,
                 struct reason *reason) MUST_USE;
/* Closes the connection and drops the request in flight. From then on the
 * sender only waits for its jobs. */
void sender_hang_up(struct sender *sender);
/* Call it once its jobs have ended: saves the cursor immediately, so never on a
 * loop. */
void sender_finish(struct sender *sender);
/* After sender_hang_up(), with no job left. Takes NULL. */
void sender_free(struct sender *sender);

/* What becomes of a letter. Of one that does not wait for that any more (it was
 * trimmed meanwhile) nothing does. */
void sender_settle(struct sender *sender, uint64_t seq, enum settle how);
void sender_pause(struct sender *sender, bool paused);
/* In each turn: why there are no credentials to sign with, which is shown as
 * its state; or NULL, and what others were refused for is sent again at once.
 */
void sender_credentials(struct sender *sender, const char *lack, bool expired);
/* Fills the window, saves the cursor if that is due, frees idle memory. */
void sender_work(struct sender *sender);
/* Sends requests while there are some and connections for them, signed for our
 * clock corrected by `offset_us`. */
void sender_send(struct sender *sender, int64_t offset_us);
/* It stands back for a stream of higher priority: the line is the limit. */
bool sender_yields(const struct sender *sender);
/* In each turn, behind sender_work(): does it? It may be shown then as
 * waiting. */
void sender_wait(struct sender *sender, bool waits);
bool sender_is_busy(const struct sender *sender); /* a request is in flight */
/* The endpoint that it probes, since that took no connection the last time; or
 * NULL. One stream is enough to find out when it takes them again. */
const struct endpoint *sender_probes(const struct sender *sender);
/* Before each sender_send(): another stream probes for this one. When that has
 * ended, this one sends at once. */
void sender_spare(struct sender *sender, bool spared);
/* When to call sender_work() and, if it may send, sender_send() again;
 * INT64_MAX if not because of time alone. */
int64_t sender_due_us(struct sender *sender, bool may_send);

/* As it is now, for who does not tell it on; until the next call. */
const struct bridge_stream_status *sender_look(struct sender *sender);
/* A copy; true if it changed since the last call. */
bool sender_status(struct sender *sender, struct bridge_stream_status *ret);

#endif
