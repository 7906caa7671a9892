/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch of events can be committed to: the journal, and what it is held
 * against. Each ends the program with words if anything fails. */
#ifndef TESTS_BENCHMARK_TARGET_H
#define TESTS_BENCHMARK_TARGET_H

#include "gateway/base/base.h"

enum { EVENT_BYTES = 300, BATCH_MAX = 1000 };

struct target {
    const char *name;
    /* Sets up in an empty directory that exists, up to the steady state: space
     * that was written before is being written again. */
    void *(*open)(const char *dir);
    /* Appends `batch` events and makes them durable. */
    void (*commit)(void *self, uint32_t batch);
    void (*close)(void *self);
};

extern const struct target target_journal;
/* The limit: the same bytes in whole pages, one write and one fdatasync, into a
 * file that was written before. Nothing to find or verify them by. */
extern const struct target target_raw;
/* SQLite, journal_mode=WAL, synchronous=FULL, one transaction a batch. */
extern const struct target target_sqlite;

/* An event is EVENT_BYTES long; no two numbers give the same. */
void target_event_init(uint8_t *event);
struct slice target_event(uint8_t *event, uint64_t number);
/* Ends the program if `good` is false. */
void target_must(bool good, const char *what, const char *words);

#endif
