/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters: events that the cloud refuses for good. Each is written to the
 * journal `dead` with the reason, and is settled in its stream only when it is
 * durable there. Then the stream goes on.
 *
 * What looks like a mistake at the service is no letter: it waits in its stream
 * (dead_policy.h). So does everything while no letter can be written: the
 * journal is full or the disk fails. A person has letters sent again or drops
 * them; what is settled goes with its segment, and no letter stays longer than
 * `dead.keep`.
 *
 * Lives on the bridge's loop; jobs do what waits for the disk, one at a time.
 */
#ifndef BRIDGE_DEAD_H
#define BRIDGE_DEAD_H

#include "bridge/dead_status.h"
#include "bridge/letter.h"
#include "bridge/sender.h"

struct dead_stream_options {
    const struct config_stream *config; /* outlives it, as the next two */
    const char *dir;
    const uint8_t *journal_id;
};

struct dead_options {
    const struct sender_context *context; /* outlives it */
    struct dead_stream_options streams[CONFIG_STREAMS_MAX];
    uint32_t stream_count;
    bool only_read; /* nothing is written: every stream holds what is refused */
    const int64_t *offset_us; /* the server's clock less ours, if known */
    /* What becomes of an event of the n-th stream. It may be called from
     * within dead_take(). */
    void (*settle)(void *self, uint32_t stream, uint64_t seq, enum settle how);
    void (*turn)(void *self); /* as the sender's */
    void *self;
};

struct dead;

/* Reads the journal if there is one, so never call it on a loop. One that
 * cannot be read is no error: it is tried again. ERR_MEMORY. */
err_t dead_new(const struct dead_options *options, struct dead **ret) MUST_USE;
/* Drops requests in flight, and what is not written yet: it is in its stream.
 * From then on it only waits for its job. */
void dead_hang_up(struct dead *dead);
/* With no job left. Takes NULL. */
void dead_free(struct dead *dead);

/* Events of the n-th stream, from its cursor on, that are letters already:
 * ascending; freed with it. Valid until the first job. */
const uint64_t *dead_known(const struct dead *dead, uint32_t stream,
                           size_t *ret_count);
/* An event's answer is final. `taken` is how many of its stream were. */
void dead_take(struct dead *dead, uint32_t stream,
               const struct dead_letter *letter, uint64_t taken);

/* How a stream stands, at each turn. */
struct dead_facts {
    uint64_t taken; /* events since the start */
    uint64_t cursor;
    uint64_t saved;
    bool paused; /* nothing may be sent, or there is nothing to sign with */
};
void dead_look(struct dead *dead, uint32_t stream,
               const struct dead_facts *facts);
/* Behind that: begins jobs and requests. */
void dead_work(struct dead *dead, int64_t offset_us);
int64_t dead_due_us(const struct dead *dead);

/* An order about letters by their ids; done when `asks_done` has reached
 * `number`. ERR_MEMORY. */
err_t dead_order(struct dead *dead, enum dead_ask ask, const uint64_t *ids,
                 uint32_t count, uint64_t number) MUST_USE;

void dead_status(const struct dead *dead, struct dead_status *ret);
/* Head office was told, durably, of all the news of the n-th stream before
 * `end`, or of all damage. Said again it changes nothing. */
void dead_told(struct dead *dead, uint32_t stream, uint64_t end);

#endif
