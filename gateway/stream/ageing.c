/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/ageing.h"

#include "gateway/journal/aside.h"
#include "gateway/journal/reader.h"

enum {
    TRIM_A_RUN = 4, /* segments, so that receipts never wait long */
    EARLY = 16,     /* one part in so many of keep_max */
};

#define LOOK_US ((int64_t)10 * 60 * 1000 * 1000) /* at most this apart */

static const struct disk *disk_of(const struct ageing *ageing) {
    return &ageing->platform->disk;
}

bool ageing_appended_at(const struct ageing *ageing, uint64_t seq,
                        int64_t *ret_us) {
    uint64_t end = atomic_load(&journal_position(ageing->journal)->end);
    struct journal_reader *reader;
    struct journal_record record;
    if (seq >= end || journal_reader_open(disk_of(ageing), ageing->dir, seq,
                                          &reader, NULL) != ERR_OK) {
        return false;
    }
    err_t err = journal_reader_next(reader, end, &record);
    if (err == ERR_OK) {
        *ret_us = record.wall_us;
    }
    journal_reader_close(reader);
    return err == ERR_OK;
}

/* If it cannot be read, it counts as old: what is damaged is recorded. */
static int64_t first_us(const struct ageing *ageing, struct ageing_first *first,
                        uint64_t seq) {
    if (!first->known || first->seq != seq) {
        *first = (struct ageing_first){.known = true, .seq = seq};
        if (!ageing_appended_at(ageing, seq, &first->us)) {
            first->us = 0;
        }
    }
    return first->us;
}

static int64_t part_us(const struct ageing *ageing) {
    return (int64_t)(ageing->keep_max_ms * 1000 / EARLY);
}

/* What was appended before this is `parts` sixteenths of keep_max old. */
static int64_t before_us(const struct ageing *ageing, int64_t parts) {
    const struct clock *clock = &ageing->platform->clock;
    return clock->wall_us(clock->self) - parts * part_us(ageing);
}

/* Ends the segment that is written to after a while, so that little has to go
 * early with the first of it. No room for another: later. */
static err_t end_open_one(struct ageing *ageing, struct reason *reason) {
    uint64_t seq = journal_stats(ageing->journal).open_first;
    if (seq == atomic_load(&journal_position(ageing->journal)->end) ||
        first_us(ageing, &ageing->open, seq) > before_us(ageing, 1)) {
        return ERR_OK;
    }
    err_t err = journal_roll(ageing->journal, reason);
    return err == ERR_FULL ? ERR_OK : err;
}

static err_t trim_old(struct ageing *ageing, uint64_t delivered,
                      uint64_t covered, bool *ret_uncovered,
                      struct reason *reason) {
    struct journal_segment oldest;
    int64_t before = before_us(ageing, EARLY - 1);
    for (int i = 0;
         i < TRIM_A_RUN && journal_oldest(ageing->journal, &oldest) &&
         oldest.end_seq <= delivered &&
         first_us(ageing, &ageing->oldest, oldest.first_seq) <= before;
         i++) {
        if (oldest.end_seq > covered) {
            *ret_uncovered = true;
            return ERR_OK;
        }
        TRY(journal_trim(ageing->journal, reason));
    }
    return ERR_OK;
}

static void remove_set_aside(struct ageing *ageing) {
    const struct clock *clock = &ageing->platform->clock;
    int64_t now_us = clock->mono_us(clock->self);
    int64_t wait_us = part_us(ageing) < LOOK_US ? part_us(ageing) : LOOK_US;
    if (ageing->looked_us != 0 && now_us - ageing->looked_us < wait_us) {
        return;
    }
    ageing->looked_us = now_us;
    int64_t before = before_us(ageing, EARLY - 1);
    aside_remove(disk_of(ageing), ageing->dir, before);
    aside_remove(disk_of(ageing), ageing->broker_dir, before);
}

err_t ageing_run(struct ageing *ageing, uint64_t delivered, uint64_t covered,
                 bool *ret_uncovered, struct reason *reason) {
    *ret_uncovered = false;
    if (ageing->keep_max_ms == 0) {
        return ERR_OK;
    }
    TRY(end_open_one(ageing, reason));
    TRY(trim_old(ageing, delivered, covered, ret_uncovered, reason));
    err_t err =
        journal_wipe(ageing->journal, before_us(ageing, EARLY - 1), reason);
    ENSURE(err == ERR_OK || err == ERR_FULL, err);
    remove_set_aside(ageing);
    return ERR_OK;
}
