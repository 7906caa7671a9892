/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the journal of dead letters, version 1, big-endian:
 *
 *      0  u8   version
 *      1  u8   kind
 *      2  u64  when, wall time in us
 *   LETTER:
 *     10  u64  number of the event in its stream
 *     18  u64  wall time of the event, us
 *     26  8    its life, and
 *     34  8    its journal's id, of each the part that is written
 *     42  u32  times it was sent
 *     46  u8   kind of the refusal, as enum letter_kind
 *     47  text stream; text sink; text code; text words: each u16, bytes
 *      .  u32  bytes of the event, and the event as its stream's journal has it
 *   all others:
 *     10  u64  the letter: the number of its record in this journal
 *   REFUSED, behind that: u32 times it was sent; text code; text words
 *   DROPPED, behind that: u8 1 if its age did it, 0 if a person did
 *   TOLD, behind that: text stream; all of it before that record is announced,
 *   or with DEAD_DAMAGE instead of a stream all damage before it */
#ifndef BRIDGE_DEAD_RECORD_H
#define BRIDGE_DEAD_RECORD_H

#include "bridge/letter.h"
#include "config/config.h"

enum {
    DEAD_VERSION = 1,
    DEAD_CODE_MAX = 96, /* with its terminator; longer ones are cut */
    DEAD_WORDS_MAX = 512,
    DEAD_SINK_MAX = 320,
    /* All of a letter but its event. */
    DEAD_HEAD_MAX =
        64 + CONFIG_NAME_MAX + DEAD_SINK_MAX + DEAD_CODE_MAX + DEAD_WORDS_MAX,
};

enum dead_kind {
    DEAD_LETTER = 1,
    DEAD_REFUSED, /* it was sent again, and refused again */
    DEAD_RETRY,   /* it is to be sent again */
    DEAD_SENT,    /* it was, and was taken: settled */
    DEAD_DROPPED, /* settled */
    DEAD_TOLD,    /* head office was told, durably */
};

struct dead_record {
    enum dead_kind kind;
    int64_t when_us;
    uint64_t letter; /* all but LETTER: which one; TOLD: the end */
    uint64_t seq;    /* LETTER: these six */
    int64_t wall_us;
    struct event_life life;
    struct event_life journal_id;
    enum letter_kind refusal;
    struct slice event;
    uint32_t tries; /* and REFUSED: these three */
    char code[DEAD_CODE_MAX];
    char words[DEAD_WORDS_MAX];
    char stream[CONFIG_NAME_MAX]; /* LETTER, TOLD */
    char sink[DEAD_SINK_MAX];
    bool by_age; /* DROPPED */
};

/* No stream has this name. */
#define DEAD_DAMAGE "dead"

/* Of a letter: is it an EventDeadLettered? One that is refused makes no other.
 */
bool dead_record_is_own(const struct dead_record *record);
/* Copies a text, cut to its room where a character ends. */
void dead_text(char *ret, size_t size, const char *text);

/* Check writer->full. */
void dead_record_write(const struct dead_record *record, struct writer *writer);
/* `event` borrows from `bytes`. ERR_CORRUPT; ERR_UNSUPPORTED for a later
 * version's. */
err_t dead_record_read(struct slice bytes, struct dead_record *ret) MUST_USE;

#endif
