/* SPDX-License-Identifier: Apache-2.0 */
/* Random lives of a stream: messages, repeats, commits, jobs that run early or
 * late, a bridge that delivers, notes of damage, disks that fail or fill up,
 * power cuts and restarts. After each restart and at the end:
 *
 * - every event that a receipt was sent for is in the journal under its number,
 *   or was delivered, or is named by EventsDropped or JournalDamaged;
 * - no event is there twice, and the numbers have no hole that is not named;
 * - the shop and the dedupe windows are what a replay of the files gives.
 *
 * That a receipt speaks only of what is durable the fixture sees to.
 *
 * What is dropped is named by a later commit. Once the stream has nothing left
 * to commit, an event names it that is in the journal or was delivered: not one
 * that was itself dropped, whatever ended the process in between.
 *
 * EDGE_SEED begins with that seed, EDGE_LIVES says how many lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/stream/fixture_read.h"

#ifndef TEST_SHARE
#define TEST_SHARE 1
#endif

enum {
    LIVES = 60 / TEST_SHARE + 5,
    STEPS = 400,
    RECORDS_MAX = 8192,
    NUMBERS_MAX = 2048,
    NAMES_MAX = 2048,
};

#define MIB ((uint64_t)1024 * 1024)

struct known {
    char id[32];  /* of the record; empty: not read yet */
    bool dropped; /* undelivered */
};

/* An event that names what was dropped or lost. */
struct name {
    uint64_t seq;
    uint64_t first;
    uint64_t last;
};

struct model {
    struct fixture *f;
    struct support_random random;
    uint64_t seed;
    struct known known[RECORDS_MAX]; /* by sequence number */
    struct name names[NAMES_MAX];
    uint32_t name_count;
    uint64_t read_to;
    uint64_t delivered;
    uint64_t dropped_to; /* what was dropped before is marked */
    bool names_due;      /* names are to be looked at once more */
    uint32_t numbers;    /* events made; each has a number */
    bool is_order[NUMBERS_MAX];
    bool taken[NUMBERS_MAX]; /* in this life of the process */
    uint32_t checked;        /* receipts that were held against the journal */
    bool disk_failed;        /* in this life of the process */
    bool broken;             /* it is to end */
    bool noted;              /* damage, ever */
    bool drops;              /* much comes, and the bridge is slow */
};

static uint64_t below(struct model *model, uint64_t bound) {
    return support_below(&model->random, bound);
}

static void event_id(const struct model *model, uint32_t number, char ret[32]) {
    snprintf(ret, 32, "%s-%d", model->is_order[number] ? "e" : "m",
             (int)number);
}

/* --- What is in the journal ----------------------------------------------- */

static uint64_t number_behind(const char *data, const char *name) {
    const char *at = strstr(data, name);
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

static void learn_name(struct model *model, uint64_t seq, const char *data) {
    uint64_t first = number_behind(data, "\"first\":");
    uint64_t last = number_behind(data, "\"last\":");
    assert_true(first <= last && last < RECORDS_MAX);
    assert_true(model->name_count < NAMES_MAX);
    model->names[model->name_count++] = (struct name){seq, first, last};
}

/* By an event that the cloud has, or that the journal still holds for it. */
static bool is_named(const struct model *model, uint64_t seq) {
    uint64_t start = fixture_start(model->f);
    for (uint32_t i = 0; i < model->name_count; i++) {
        const struct name *name = &model->names[i];
        if (name->first <= seq && seq <= name->last &&
            (name->seq < model->delivered || name->seq >= start)) {
            return true;
        }
    }
    return false;
}

static bool is_lost(const struct model *model, uint64_t seq) {
    size_t count;
    const struct journal_gap *gaps = stream_gaps(model->f->stream, &count);
    for (size_t i = 0; i < count; i++) {
        if (gaps[i].first <= seq && seq < gaps[i].end) {
            return true;
        }
    }
    return false;
}

static bool is_of_a_device(const char *id) {
    return strncmp(id, "m-", 2) == 0 || strncmp(id, "e-", 2) == 0;
}

/* A stream forgets what it has no record of any more: what is lost or trimmed
 * may be sent again. */
static void is_new(const struct model *model, const char *id) {
    uint64_t seq = fixture_start(model->f);
    for (; is_of_a_device(id) && seq < model->read_to; seq++) {
        assert_true(strcmp(model->known[seq].id, id) != 0 ||
                    is_lost(model, seq));
    }
}

/* Reads on; what was read before is the same. */
static void read_on(struct model *model, bool all) {
    struct fixture *f = model->f;
    uint64_t end = fixture_end(f);
    if (!all && end == model->read_to) {
        return;
    }
    assert_true(end >= model->read_to && end < RECORDS_MAX);
    uint64_t start = fixture_start(f);
    fixture_read_from(f,
                      all || model->read_to < start ? start : model->read_to);
    for (size_t i = 0; i < f->record_count; i++) {
        const struct fixture_record *record = &f->records[i];
        struct known *known = &model->known[record->seq];
        if (record->seq < model->read_to) {
            assert_string_equal(known->id, record->id);
            continue;
        }
        is_new(model, record->id);
        snprintf(known->id, sizeof known->id, "%.31s", record->id);
        if (strcmp(record->type, "EventsDropped") == 0 ||
            strcmp(record->type, "JournalDamaged") == 0) {
            learn_name(model, record->seq, record->data);
        }
    }
    model->read_to = end;
}

/* --- What must hold ------------------------------------------------------- */

static void check_receipts(struct model *model) {
    const struct fixture_seen *seen = &model->f->seen;
    for (; model->checked < seen->accepted_count; model->checked++) {
        const struct fixture_answer *answer = &seen->accepted[model->checked];
        const struct known *known = &model->known[answer->seq];
        assert_true(answer->seq < model->read_to);
        assert_true(strcmp(known->id, answer->id) == 0 ||
                    (known->id[0] == '\0' && model->noted));
    }
}

/* Before delivering moves on. */
static void mark_dropped(struct model *model) {
    uint64_t start = fixture_start(model->f);
    uint64_t seq = model->delivered > model->dropped_to ? model->delivered
                                                        : model->dropped_to;
    for (; seq < start; seq++) {
        model->known[seq].dropped = true;
    }
    model->names_due |= start != model->dropped_to;
    model->dropped_to = start;
}

/* A power cut may bring back what was trimmed. */
static void unmark_dropped(struct model *model) {
    uint64_t start = fixture_start(model->f);
    while (model->dropped_to > start) {
        model->known[--model->dropped_to].dropped = false;
    }
}

/* Nothing is left to be said: all that went undelivered has its name. */
static void check_dropped(struct model *model) {
    const struct fixture *f = model->f;
    mark_dropped(model);
    if (!model->names_due || !stream_is_settled(f->stream) ||
        f->commit.ran_count > 0 || stream_full_reason(f->stream) != NULL) {
        return;
    }
    for (uint64_t seq = 0; seq < model->dropped_to; seq++) {
        if (!model->known[seq].dropped) {
            continue;
        }
        assert_true(is_named(model, seq) || is_lost(model, seq));
    }
    model->names_due = false;
}

/* All that receipts spoke of, ever, when nothing is going on. */
static void check_acknowledged(const struct model *model) {
    const struct fixture *f = model->f;
    bool there[RECORDS_MAX] = {false};
    uint64_t start = fixture_start(f);
    for (size_t i = 0; i < f->record_count; i++) {
        there[f->records[i].seq] = true;
    }
    for (uint32_t i = 0; i < f->seen.accepted_count; i++) {
        uint64_t seq = f->seen.accepted[i].seq;
        assert_true(there[seq] || is_lost(model, seq) ||
                    (seq < start &&
                     (!model->known[seq].dropped || is_named(model, seq))));
    }
    for (uint64_t seq = start; seq < fixture_end(f); seq++) {
        assert_true(there[seq] || is_lost(model, seq));
    }
}

static void check_shop(const struct model *model) {
    struct fixture *f = model->f;
    if (f->settings->shop && !model->noted) {
        assert_true(fixture_hash(f) == fixture_replayed_hash(f, NULL));
        assert_true(stream_ids_hash(f->stream) == fixture_replayed_ids_hash(f));
    }
}

/* --- What happens --------------------------------------------------------- */

static void take_number(struct model *model, uint32_t number) {
    struct fixture *f = model->f;
    if (model->is_order[number]) {
        if (number % 4 == 0) {
            fixture_large_order(f, number);
        } else {
            fixture_order(f, number);
        }
    } else if (number % 3 == 0 || model->drops) {
        fixture_large(f, number);
    } else {
        fixture_small(f, number);
    }
    model->taken[number] = true;
}

static void take(struct model *model) {
    if (model->broken || stream_is_full(model->f->stream)) {
        return;
    }
    uint64_t chance = below(model, 10);
    if (chance == 0) {
        fixture_take_payload(model->f, "meter-1", "{}");
    } else if (chance < 4 && model->numbers > 0) {
        take_number(model, (uint32_t)below(model, model->numbers));
    } else if (model->numbers < NUMBERS_MAX) {
        model->is_order[model->numbers] = model->f->settings->shop;
        take_number(model, model->numbers++);
    }
}

static void ask(struct model *model) {
    if (!model->f->door.waits) {
        fixture_ask(model->f);
    }
}

static void tick(struct model *model) {
    uint64_t end = fixture_end(model->f);
    mark_dropped(model);
    if (below(model, model->drops ? 30 : 3) == 0) {
        model->delivered += below(model, end - model->delivered + 1);
    }
    stream_tick(model->f->stream, model->delivered);
}

static void note(struct model *model) {
    uint64_t start = fixture_start(model->f);
    uint64_t end = fixture_end(model->f);
    if (model->f->settings->shop || end - start < 3) {
        return;
    }
    uint64_t first = start + below(model, end - start - 2);
    fixture_note(model->f, first, first + 1 + below(model, 2));
    model->noted = true;
}

static void some_job(struct model *model) {
    struct fixture *f = model->f;
    switch (below(model, 4)) {
    case 0:
        (void)fixture_run_shared(f);
        break;
    case 1:
        (void)fixture_done(f);
        break;
    default:
        (void)fixture_work(f);
        break;
    }
}

static void change_the_disk(struct model *model) {
    static const enum fake_call calls[] = {FAKE_WRITE, FAKE_SYNC, FAKE_ALLOCATE,
                                           FAKE_RENAME, FAKE_SYNC_DIR};
    uint64_t chance = below(model, 8);
    if (chance == 0) {
        fake_disk_fail_at(model->f->fake, calls[below(model, 5)],
                          1 + below(model, 20), ERR_IO);
    } else {
        fake_disk_set_free(model->f->fake, chance < 3 ? 0 : UINT64_MAX);
    }
}

/* --- Restarts ------------------------------------------------------------- */

static void end_process(struct model *model) {
    struct fixture *f = model->f;
    uint64_t chance = below(model, 8);
    if (chance < 2 && !model->broken) {
        if (below(model, 2) == 0) {
            stream_give_up(f->stream); /* with jobs that run */
        }
        ask(model); /* a door leaves no batch behind */
        fixture_settle(f);
        read_on(model, false);
        fixture_close(f);
        return;
    }
    if (chance < 4) {
        fixture_kill(f);
    } else {
        fixture_crash(f, chance == 4   ? FAKE_KEEP
                         : chance == 5 ? FAKE_DROP
                                       : FAKE_TEAR);
    }
}

static void restart(struct model *model) {
    struct fixture *f = model->f;
    end_process(model);
    memset(model->taken, 0, sizeof model->taken);
    model->broken = false;
    model->disk_failed = false;
    f->seen.failed_calls = 0;
    f->take_failed = false;
    fake_disk_set_free(f->fake, UINT64_MAX);
    fake_disk_fail_at(f->fake, FAKE_NONE, 0, ERR_OK);
    f->known_end = model->delivered;
    f->cursor_known = true;
    fixture_open(f);
    read_on(model, true);
    unmark_dropped(model);
    mark_dropped(model);
    model->names_due = true;
    check_acknowledged(model);
    check_shop(model);
}

static void look(struct model *model) {
    struct fixture *f = model->f;
    read_on(model, false);
    check_receipts(model);
    model->disk_failed |= fake_disk_failed(f->fake);
    model->broken =
        f->seen.failed_calls > 0 || f->door.err != ERR_OK || f->take_failed;
    if (model->broken) {
        if (!model->disk_failed) { /* it was given no cause */
            fail_msg("%s%s", f->door.reason.text, f->seen.failed.text);
        }
        restart(model);
    }
    check_dropped(model);
}

static void step(struct model *model) {
    uint64_t chance = below(model, 200);
    if (chance < 80) {
        take(model);
    } else if (chance < 110) {
        ask(model);
    } else if (chance < 175) {
        some_job(model);
    } else if (chance < 190) {
        tick(model);
    } else if (chance < 193) {
        note(model);
    } else if (chance < 197) {
        change_the_disk(model);
    } else {
        restart(model);
    }
    look(model);
}

/* Everything that waits comes to its end: all that was taken is answered. */
static void come_to_rest(struct model *model) {
    struct fixture *f = model->f;
    fake_disk_set_free(f->fake, UINT64_MAX);
    fake_disk_fail_at(f->fake, FAKE_NONE, 0, ERR_OK);
    for (int i = 0; i < 20; i++) {
        ask(model);
        fixture_settle(f);
        read_on(model, false);
        mark_dropped(model);
        model->delivered = fixture_end(f);
        stream_tick(f->stream, model->delivered);
        fixture_settle(f);
        look(model);
    }
    assert_false(f->door.waits && !f->settings->shop);
    for (uint32_t number = 0; number < model->numbers; number++) {
        char id[32];
        event_id(model, number, id);
        assert_true(!model->taken[number] || f->door.waits ||
                    fixture_has_accepted(f, id));
    }
    check_shop(model);
}

static void live(uint64_t seed) {
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->seed = seed;
    model->random.state = seed;
    model->f = fixture_new(seed);
    struct config_stream *settings = model->f->settings;
    settings->shop = below(model, 3) == 0;
    /* One segment may hold a batch of BATCH_BYTES_MIN: with less than 6 MiB
     * there might be no room beside it for another, ever. */
    settings->capacity = (6 + 2 * below(model, 3)) * MIB;
    settings->keep = below(model, 2) * MIB;
    settings->when_full = settings->shop || below(model, 2) == 0
                              ? CONFIG_FULL_REJECT
                              : CONFIG_FULL_DROP_OLDEST;
    model->drops = settings->when_full == CONFIG_FULL_DROP_OLDEST;
    if (model->drops) {
        settings->capacity = 6 * MIB;
    }
    model->f->config.free_floor = below(model, 2);
    model->f->may_fail = true;
    fixture_open(model->f);
    for (int i = 0; i < (model->drops ? 4 * STEPS : STEPS); i++) {
        step(model);
    }
    come_to_rest(model);
    restart(model);
    fixture_close(model->f);
    fixture_free(model->f);
    free(model);
}

static uint64_t from_environment(const char *name, uint64_t otherwise) {
    const char *given = getenv(name);
    return given == NULL ? otherwise : strtoull(given, NULL, 10);
}

static void test_random_lives(void **state) {
    (void)state;
    uint64_t first = from_environment("EDGE_SEED", (uint64_t)time(NULL));
    uint64_t lives = from_environment("EDGE_LIVES", LIVES);
    for (uint64_t seed = first; seed < first + lives; seed++) {
        print_message("seed %llu (repeat with EDGE_SEED=%llu EDGE_LIVES=1)\r",
                      (unsigned long long)seed, (unsigned long long)seed);
        live(seed);
    }
    print_message("\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
