/* SPDX-License-Identifier: Apache-2.0 */
/* Two pages: the loop hands out one while a job fills the other. A running job
 * owns `reading`, `visit` and the page it fills; the loop owns all other
 * fields. */
#include "bridge/feed.h"

#include <assert.h>
#include <stdlib.h>

#include "bridge/reading.h"

enum task {
    TASK_NONE,
    TASK_READ,
    TASK_PASS,
};

/* Where the journal's reader is, as far as the loop knows. */
enum standing {
    STANDING_GOING,   /* or not opened yet */
    STANDING_DAMAGED, /* before damage */
    STANDING_PASSED,  /* after damage; `visit` says which */
    STANDING_FAILED,  /* and not reported yet */
    STANDING_WAITING, /* reported; tried again at `again_us` */
};

/* What a job was asked to do and what it found. */
struct visit {
    uint64_t from_seq;
    uint64_t end_seq;
    struct reading_page *page;
    enum reading_end end;
    err_t err;
    struct journal_gap gap;
    bool known;
    struct reason reason;
};

struct feed {
    struct feed_options options;
    struct reading_page pages[2];
    uint32_t front;    /* handed out; the other one is filled */
    uint32_t taken;    /* records of the front */
    uint64_t read_seq; /* follows what was read */
    enum standing standing;
    int64_t again_us;

    enum task task;
    struct job job;
    struct reading reading;
    struct visit visit;
    int64_t looked_us; /* monotonic: the last feed_look() */
    int64_t begun_us;  /* the job's begin */
};

static struct reading_page *front_page(struct feed *feed) {
    return &feed->pages[feed->front];
}

static struct reading_page *back_page(struct feed *feed) {
    return &feed->pages[1 - feed->front];
}

/* --- jobs --------------------------------------------------------------- */

static void work(void *self) {
    struct feed *feed = self;
    struct visit *visit = &feed->visit;
    assert(feed->task != TASK_NONE);
    if (feed->task == TASK_READ) {
        visit->end = reading_fill(&feed->reading, visit->from_seq,
                                  visit->end_seq, visit->page, &visit->reason);
        return;
    }
    visit->err =
        reading_pass(&feed->reading, visit->end_seq, feed->options.pass_unknown,
                     &visit->gap, &visit->known);
    if (visit->err != ERR_OK) {
        reason_set(&visit->reason, visit->err, "%s", disk_cause(visit->err));
    }
}

/* A record that has been trimmed since is looked for again: the position says
 * what is missing, or a new reader finds it. */
static enum standing standing_after_read(enum reading_end end) {
    switch (end) {
    case READING_FULL:
    case READING_END:
    case READING_TRIMMED:
        return STANDING_GOING;
    case READING_DAMAGED:
        return STANDING_DAMAGED;
    case READING_FAILED:
        return STANDING_FAILED;
    }
    return STANDING_FAILED;
}

static void end_read(struct feed *feed) {
    feed->read_seq += feed->visit.page->count;
    assert(feed->read_seq <= feed->visit.end_seq);
    feed->standing = standing_after_read(feed->visit.end);
}

static void end_pass(struct feed *feed) {
    feed->standing =
        feed->visit.err == ERR_OK ? STANDING_PASSED : STANDING_FAILED;
}

static void done(void *self) {
    struct feed *feed = self;
    enum task task = feed->task;
    feed->task = TASK_NONE;
    if (task == TASK_READ) {
        end_read(feed);
    } else {
        end_pass(feed);
    }
    feed->options.changed(feed->options.context);
}

static void submit(struct feed *feed, enum task task) {
    assert(feed->task == TASK_NONE);
    feed->task = task;
    feed->begun_us = feed->looked_us;
    feed->visit.from_seq = feed->read_seq;
    feed->visit.end_seq = atomic_load_explicit(&feed->options.position->end,
                                               memory_order_acquire);
    feed->visit.page = back_page(feed);
    feed->options.executor.submit(feed->options.executor.self, &feed->job);
}

/* --- looking ------------------------------------------------------------ */

static uint64_t durable_start(const struct feed *feed) {
    return atomic_load_explicit(&feed->options.position->start,
                                memory_order_acquire);
}

/* When all of the front page was taken, the other page becomes the front. A
 * page that is being filled stays where it is. */
static void turn_page(struct feed *feed) {
    if (feed->taken < front_page(feed)->count || feed->task != TASK_NONE) {
        return;
    }
    reading_page_clear(front_page(feed));
    feed->front = 1 - feed->front;
    feed->taken = 0;
}

static bool in_hand(const struct feed *feed) {
    return feed->taken < feed->pages[feed->front].count;
}

/* With no record to hand out and no job, the next record was trimmed. */
static bool is_trimmed(const struct feed *feed) {
    return feed->standing != STANDING_PASSED &&
           feed->read_seq < durable_start(feed);
}

/* While a job runs, the page it fills is not even looked at. */
static bool may_read(const struct feed *feed) {
    return feed->task == TASK_NONE && feed->standing == STANDING_GOING &&
           feed->pages[1 - feed->front].count == 0 &&
           feed->read_seq >= durable_start(feed) &&
           feed->read_seq < atomic_load_explicit(&feed->options.position->end,
                                                 memory_order_acquire);
}

static void give_back(struct feed *feed) {
    for (uint32_t i = 0; i < 2; i++) {
        if (feed->pages[i].cap > READING_BYTES_KEEP) {
            reading_page_free(&feed->pages[i]);
        }
    }
}

static enum feed_state look_at_journal(struct feed *feed) {
    if (is_trimmed(feed) || feed->standing == STANDING_DAMAGED ||
        feed->standing == STANDING_PASSED) {
        return FEED_GAP;
    }
    return feed->standing == STANDING_FAILED ? FEED_FAULT : FEED_NOTHING;
}

enum feed_state feed_look(struct feed *feed, int64_t now_us) {
    feed->looked_us = now_us;
    if (feed->standing == STANDING_WAITING && feed->again_us <= now_us) {
        feed->standing = STANDING_GOING;
    }
    turn_page(feed);
    if (may_read(feed)) {
        submit(feed, TASK_READ);
    }
    if (in_hand(feed)) {
        return FEED_READY;
    }
    if (feed->task != TASK_NONE) {
        return FEED_NOTHING;
    }
    assert(back_page(feed)->count == 0);
    give_back(feed);
    enum feed_state state = look_at_journal(feed);
    if (state == FEED_FAULT) {
        feed->standing = STANDING_WAITING;
        feed->again_us = now_us + FEED_RETRY_US;
    }
    return state;
}

struct feed_record feed_record(const struct feed *feed) {
    assert(in_hand(feed));
    const struct reading_page *page = &feed->pages[feed->front];
    uint32_t i = feed->taken;
    assert(page->records[i].offset + page->records[i].len <= page->len);
    return (struct feed_record){
        .seq = page->first_seq + i,
        .wall_us = page->records[i].wall_us,
        .life = page->records[i].life,
        .bytes = page->records[i].len > 0
                     ? slice_of(page->bytes + page->records[i].offset,
                                page->records[i].len)
                     : SLICE_EMPTY,
    };
}

void feed_take(struct feed *feed) {
    assert(in_hand(feed));
    feed->taken++;
}

/* --- gaps and faults ---------------------------------------------------- */

enum feed_cause feed_gap_cause(const struct feed *feed) {
    return is_trimmed(feed) ? FEED_TRIMMED : FEED_DAMAGED;
}

static err_t pass_trimmed(struct feed *feed, struct feed_gap *ret) {
    uint64_t start = durable_start(feed);
    assert(feed->read_seq < start);
    *ret = (struct feed_gap){
        .cause = FEED_TRIMMED,
        .range = {.first = feed->read_seq, .end = start},
        .known = true,
    };
    feed->read_seq = start;
    feed->reading.stale = true;
    feed->standing = STANDING_GOING;
    return ERR_OK;
}

err_t feed_pass(struct feed *feed, struct feed_gap *ret) {
    assert(!in_hand(feed) && feed->task == TASK_NONE);
    if (is_trimmed(feed)) {
        return pass_trimmed(feed, ret);
    }
    if (feed->standing == STANDING_DAMAGED) {
        submit(feed, TASK_PASS);
        return ERR_AGAIN;
    }
    assert(feed->standing == STANDING_PASSED);
    assert(feed->visit.gap.first == feed->read_seq);
    *ret = (struct feed_gap){
        .cause = FEED_DAMAGED,
        .range = feed->visit.gap,
        .known = feed->visit.known,
    };
    feed->read_seq = feed->visit.gap.end;
    feed->standing = STANDING_GOING;
    return ERR_OK;
}

const char *feed_fault(const struct feed *feed) {
    assert(feed->task == TASK_NONE);
    return feed->visit.reason.text;
}

int64_t feed_due_us(const struct feed *feed) {
    return feed->standing == STANDING_WAITING && !in_hand(feed) ? feed->again_us
                                                                : INT64_MAX;
}

int64_t feed_busy_since_us(const struct feed *feed) {
    assert(feed_is_busy(feed));
    return feed->begun_us;
}

bool feed_is_busy(const struct feed *feed) {
    return feed->task != TASK_NONE;
}

/* --- beginning and end -------------------------------------------------- */

err_t feed_new(const struct feed_options *options, uint64_t next_seq,
               struct feed **ret) {
    struct feed *feed = calloc(1, sizeof *feed);
    ENSURE(feed != NULL, ERR_MEMORY);
    feed->options = *options;
    feed->read_seq = next_seq;
    feed->reading.disk = options->disk;
    feed->reading.dir = options->dir;
    feed->job = (struct job){.self = feed, .work = work, .done = done};
    *ret = feed;
    return ERR_OK;
}

void feed_free(struct feed *feed) {
    if (feed == NULL) {
        return;
    }
    assert(feed->task == TASK_NONE);
    reading_close(&feed->reading);
    reading_page_free(&feed->pages[0]);
    reading_page_free(&feed->pages[1]);
    free(feed);
}
