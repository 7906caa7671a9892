/* SPDX-License-Identifier: Apache-2.0 */
/* One stream's way to the cloud: ties the feed of its journal to the forwarder,
 * the forwarder's requests to an exchange, the answers back, and what is
 * confirmed to the cursor's file.
 *
 * Lives on the bridge's loop and never waits on it: the disk is behind an
 * executor, the network behind a connector. Knows nothing of other streams. */
#ifndef BRIDGE_SENDER_H
#define BRIDGE_SENDER_H

#include "bridge/credentials.h"
#include "bridge/status.h"
#include "bridge/transport.h"
#include "config/config.h"
#include "gateway/base/executor.h"
#include "gateway/base/platform.h"
#include "gateway/journal/journal.h"

/* What all senders use and none changes; it outlives them. */
struct sender_context {
    const struct platform *platform;
    const struct config *config;
    const struct credentials *credentials;
    struct connector connector;
    struct executor executor;
};

/* All of it outlives the sender. */
struct sender_options {
    const struct sender_context *context;
    const struct config_stream *stream;
    const char *dir; /* the journal's */
    const struct journal_position *position;
    /* There may be more to do: an answer came, or a job ended. The last thing
     * the sender does in the callback of either. */
    void (*turn)(void *self);
    /* An answer told the server's time: its clock less ours. */
    void (*clock_learned)(void *self, int64_t offset_us);
    void *self;
};

struct sender;

/* Opens the cursor's file, so not on a loop. ERR_CORRUPT for a cursor past the
 * journal's end; ERR_CONFIG for an endpoint that cannot be used, else as
 * cursor_file_open(). */
err_t sender_new(const struct sender_options *options, struct sender **ret,
                 struct reason *reason) MUST_USE;
/* Closes the connection: what is in flight is dropped. Then the sender only
 * waits for its jobs. */
void sender_hang_up(struct sender *sender);
/* Once its jobs have ended: saves the cursor here and now, so not on a loop. */
void sender_finish(struct sender *sender);
/* After sender_hang_up(), with no job left. Takes NULL. */
void sender_free(struct sender *sender);

void sender_pause(struct sender *sender, bool paused);
/* Fills the window, saves the cursor if it is time, frees idle memory. */
void sender_work(struct sender *sender);
/* Sends a request if there is one and none is in flight, signed for our clock
 * corrected by `offset_us`. */
void sender_send(struct sender *sender, int64_t offset_us);
/* It is online and could send another request now: streams of lower priority
 * wait. */
bool sender_blocks_lower_priority(const struct sender *sender);
bool sender_is_busy(const struct sender *sender); /* a request is in flight */
/* When it wants sender_work() and, if it may send, sender_send() again;
 * INT64_MAX if not by time alone. */
int64_t sender_due_us(const struct sender *sender, bool may_send);

/* A copy; true if it changed since the last call. */
bool sender_status(struct sender *sender, struct bridge_stream_status *ret);

#endif
