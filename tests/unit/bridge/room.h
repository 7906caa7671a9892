/* SPDX-License-Identifier: Apache-2.0 */
/* A journal on a simulated disk, with a clock that stands and an executor that
 * waits: what a feed or a sender lives in. Its disk may be called from within a
 * job and between room_loop_ends() and room_loop_begins(), else the test
 * fails. */
#ifndef TESTS_UNIT_BRIDGE_ROOM_H
#define TESTS_UNIT_BRIDGE_ROOM_H

#include "gateway/journal/journal.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/fake_executor.h"
#include "tests/unit/bridge/dice.h"

#define ROOM_DIR "/data/orders"

enum { ROOM_SEGMENT_PAGES = 8 }; /* room for six frames of a page */

struct room {
    struct fake_disk *fake;
    struct disk inner;
    bool disk_allowed;
    struct dice dice;
    int64_t mono_us;
    int64_t wall_us;
    struct platform platform; /* for who is tested */
    struct platform writing;  /* for the journal */
    struct fake_executor executor;
    struct journal *journal;
    const struct journal_position *position;
    uint32_t keys; /* event n has the subject k(n % keys) */
};

/* An empty journal in segments of `segment_pages`. */
void room_init(struct room *room, uint32_t segment_pages);
void room_free(struct room *room);

/* Commits one frame of `count` events with `bytes` of padding each. */
void room_append(struct room *room, uint32_t count, size_t bytes);
/* Commits `count` frames of one small event. */
void room_append_frames(struct room *room, uint32_t count);
/* Trims the oldest segment. */
void room_trim(struct room *room);
/* Flips a bit of the frame at a page of the segment that begins with
 * `first_seq`. */
void room_damage(struct room *room, uint64_t first_seq, uint32_t page);

/* Runs the oldest job, and tells its owner; false if there is none. */
bool room_work(struct room *room);
bool room_done(struct room *room);
/* Both, until there is nothing more. */
void room_settle(struct room *room);

void room_loop_begins(struct room *room);
void room_loop_ends(struct room *room);

#endif
