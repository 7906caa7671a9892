/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/scrub.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/journal/reader.h"
#include "gateway/stream/full_check.h"

enum {
    BYTES_A_TICK = 8 * 1024 * 1024, /* of events, which may take many pages: */
    US_A_TICK = 1000000,            /* a slow disk that reads does not hang */
};

struct scrub {
    struct scrub_options options;
    struct job job;
    int64_t begun_us; /* monotonic */
    bool running;     /* the job has all that follows */
    uint64_t at;      /* read on from here */
    err_t err;
    bool unreadable;        /* the disk could not read the record `at` */
    err_t ask_err;          /* of asking the next start to read everything */
    struct journal_gap gap; /* found, and not recorded yet; else empty */
};

static bool has_found(const struct scrub *scrub) {
    return scrub->gap.first < scrub->gap.end;
}

/* Goes on behind damage; false if it cannot. */
static bool pass(struct scrub *scrub, struct journal_reader *reader) {
    bool known = false;
    struct journal_gap gap;
    scrub->err = journal_reader_pass(reader, scrub->options.end, &gap, &known);
    if (scrub->err != ERR_OK) {
        return false;
    }
    scrub->at = gap.end;
    if (!known) {
        scrub->gap = gap;
    }
    return !has_found(scrub);
}

static void read_some(struct scrub *scrub, struct journal_reader *reader) {
    const struct clock *clock = scrub->options.clock;
    const int64_t until_us = clock->mono_us(clock->self) + US_A_TICK;
    struct journal_record record;
    uint64_t bytes = 0;
    while (bytes < BYTES_A_TICK && clock->mono_us(clock->self) < until_us) {
        scrub->err = journal_reader_next(reader, scrub->options.end, &record);
        if (scrub->err == ERR_CORRUPT && pass(scrub, reader)) {
            continue;
        }
        if (scrub->err != ERR_OK || has_found(scrub)) {
            return;
        }
        scrub->at = record.seq + 1;
        bytes += record.bytes.len;
    }
}

/* The next start reads everything, and sets aside what is damaged. */
static void give_up(struct scrub *scrub) {
    scrub->unreadable = true;
    scrub->ask_err = full_check_ask(scrub->options.disk, scrub->options.dir);
}

static void work(void *self) {
    struct scrub *scrub = self;
    const struct scrub_options *options = &scrub->options;
    uint64_t start = atomic_load(&options->position->start);
    if (scrub->at < start) {
        scrub->at = start;
    }
    if (scrub->at >= options->end) {
        scrub->err = ERR_END;
        return;
    }
    struct journal_reader *reader;
    scrub->err = journal_reader_open(options->disk, options->dir, scrub->at,
                                     &reader, NULL);
    if (scrub->err == ERR_OK) {
        read_some(scrub, reader);
        journal_reader_close(reader);
    }
    if (scrub->err == ERR_IO || scrub->err == ERR_CORRUPT) {
        give_up(scrub);
    }
}

static void done(void *self) {
    struct scrub *scrub = self;
    scrub->running = false;
    if (scrub->unreadable) {
        log_line(LOG_ERROR, "stream",
                 "unreadable name=%s record=%llu: the disk cannot read it; "
                 "%s to set the damage aside",
                 scrub->options.stream, (unsigned long long)scrub->at,
                 scrub->ask_err == ERR_OK
                     ? "restart the gateway"
                     : "stop the gateway and run `shopme-edge journal repair`");
        scrub->unreadable = false;
        scrub->at = scrub->options.end;
    }
    if (scrub->err == ERR_END) {
        scrub->at = scrub->options.end;
    }
}

err_t scrub_new(const struct scrub_options *options, struct scrub **ret) {
    struct scrub *scrub = calloc(1, sizeof *scrub);
    ENSURE(scrub != NULL, ERR_MEMORY);
    scrub->options = *options;
    scrub->job = (struct job){.self = scrub, .work = work, .done = done};
    *ret = scrub;
    return ERR_OK;
}

void scrub_free(struct scrub *scrub) {
    assert(scrub == NULL || !scrub->running);
    free(scrub);
}

void scrub_tick(struct scrub *scrub) {
    if (scrub->running) {
        return;
    }
    if (has_found(scrub)) {
        if (!scrub->options.found(scrub->options.self, &scrub->gap)) {
            return;
        }
        scrub->gap = (struct journal_gap){0};
    }
    if (scrub->at >= scrub->options.end) {
        return;
    }
    scrub->running = true;
    scrub->begun_us = scrub->options.clock->mono_us(scrub->options.clock->self);
    scrub->options.executor.submit(scrub->options.executor.self, &scrub->job);
}

bool scrub_is_running(const struct scrub *scrub) {
    return scrub->running;
}

int64_t scrub_running_since_us(const struct scrub *scrub) {
    assert(scrub->running);
    return scrub->begun_us;
}
