/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters there are, and how each stands: what the records of the
 * journal `dead` come to, one after another. The events stay on the disk. */
#ifndef BRIDGE_DEAD_INDEX_H
#define BRIDGE_DEAD_INDEX_H

#include "bridge/dead_record.h"
#include "bridge/dead_status.h"

enum {
    DEAD_LETTERS_MAX = 65536, /* that an index holds */
    DEAD_STREAMS_MAX = 64,    /* names, ever */
};

enum dead_state {
    DEAD_IS_LETTER,  /* it waits for a person */
    DEAD_IS_RETRIED, /* it is to be sent again */
    DEAD_IS_SETTLED, /* sent or dropped; it goes with its segment */
};

struct dead_entry {
    uint64_t id;  /* the number of its record */
    uint64_t seq; /* of the event in its stream */
    struct event_life life;
    int64_t when_us;  /* it became a letter */
    uint64_t dropped; /* the number of the record that says so; 0 */
    uint32_t tries;
    uint8_t stream; /* of `names` */
    uint8_t state;
    bool own; /* an EventDeadLettered */
};

/* What is known of a stream. */
struct dead_named {
    uint32_t retried;
    uint64_t told;            /* all records before this are */
    uint64_t dropped;         /* the last record that dropped one */
    char code[DEAD_CODE_MAX]; /* of the last letter */
};

struct dead_index {
    struct dead_entry *list; /* by id */
    size_t count;
    size_t cap;
    size_t letters; /* not settled, */
    size_t retried; /* part of those */
    char names[DEAD_STREAMS_MAX][CONFIG_NAME_MAX];
    struct dead_named of[DEAD_STREAMS_MAX];
    uint32_t name_count;
};

void dead_index_free(struct dead_index *index);
/* Takes the record `id`, which follows all before. A letter that is there
 * already, or a record about one that is not, changes nothing. ERR_FULL,
 * ERR_MEMORY. */
err_t dead_index_take(struct dead_index *index, uint64_t id,
                      const struct dead_record *record) MUST_USE;
/* Letters before `id` are gone. */
void dead_index_trim(struct dead_index *index, uint64_t id);

/* Letters of the stream that are to be sent again. */
uint32_t dead_index_retried(const struct dead_index *index, const char *stream);
/* What was not told of the stream yet. */
void dead_index_untold(const struct dead_index *index, const char *stream,
                       struct dead_news *ret);
bool dead_index_is_untold(const struct dead_index *index,
                          const struct dead_entry *entry);
/* NULL if there is none. */
const struct dead_entry *dead_index_find(const struct dead_index *index,
                                         uint64_t id);
/* The letter of this event: NULL if there is none, settled or not. */
const struct dead_entry *dead_index_of(const struct dead_index *index,
                                       const char *stream, uint64_t seq,
                                       struct event_life life);
/* The oldest that is not settled; NULL. */
const struct dead_entry *dead_index_oldest(const struct dead_index *index);

#endif
