/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the windows tell a repeat, a reused id and a new event apart exactly as
 * plain lists would; they forget by the rules of the header and by nothing
 * else; and saving and loading them changes nothing, now or later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <xxhash.h>

#include "gateway/stream/dedupe.h"
#include "tests/unit/stream/windows_model.h"

#ifndef TEST_SHARE
#define TEST_SHARE 1
#endif

enum {
    STEPS = TEST_SHARE == 1 ? 200000 : 60000,
    SAVED_SIZE = 16 * 1024 * 1024,
    INVENTED = 20000,
    SENT_TWICE = 100000,
};

#define SECOND_US ((int64_t)1000 * 1000)
#define NOW_US ((int64_t)1795432440 * SECOND_US)

static uint8_t saved[SAVED_SIZE];

static struct dedupe *make(uint32_t ids_max) {
    struct dedupe *dedupe;
    assert_int_equal(dedupe_new(ids_max, &dedupe), ERR_OK);
    return dedupe;
}

static struct slice save(const struct dedupe *dedupe) {
    struct writer to = writer_over(saved, sizeof saved);
    dedupe_save(dedupe, &to);
    assert_false(to.full);
    return writer_slice(&to);
}

static struct dedupe *load(uint32_t ids_max, uint32_t version,
                           struct slice from) {
    struct dedupe *loaded = make(ids_max);
    struct cursor cursor = cursor_over(from);
    assert_int_equal(dedupe_load(loaded, version, &cursor), ERR_OK);
    assert_int_equal(cursor_left(&cursor), 0);
    return loaded;
}

/* What a snapshot of it gives, in its place. */
static struct dedupe *through_snapshot(struct dedupe *dedupe,
                                       uint32_t ids_max) {
    uint64_t hash = dedupe_hash(dedupe);
    struct dedupe *loaded = load(ids_max, DEDUPE_SAVED_2, save(dedupe));
    assert_true(dedupe_hash(loaded) == hash);
    dedupe_free(dedupe);
    return loaded;
}

/* Event number `id` of device number `device`. */
static void add(struct dedupe *dedupe, unsigned device, unsigned id,
                uint64_t content, uint64_t seq, int64_t time_us,
                int64_t wall_us) {
    char name[16];
    char text[16];
    snprintf(name, sizeof name, "d%u", device);
    snprintf(text, sizeof text, "id-%u", id);
    const struct dedupe_event event = {.device = slice_from_str(name),
                                       .id = slice_from_str(text),
                                       .content_hash = content,
                                       .seq = seq,
                                       .time_us = time_us,
                                       .wall_us = wall_us};
    assert_int_equal(dedupe_add(dedupe, &event), ERR_OK);
}

static enum dedupe_verdict find(const struct dedupe *dedupe, unsigned device,
                                unsigned id, uint64_t content, uint64_t *seq) {
    char name[16];
    char text[16];
    snprintf(name, sizeof name, "d%u", device);
    snprintf(text, sizeof text, "id-%u", id);
    return dedupe_find(dedupe, slice_from_str(name), slice_from_str(text),
                       content, seq);
}

static bool knows(const struct dedupe *dedupe, unsigned device, unsigned id) {
    uint64_t seq;
    return find(dedupe, device, id, 1, &seq) == DEDUPE_SAME;
}

static bool too_old(const struct dedupe *dedupe, unsigned device,
                    int64_t time_us, int64_t now_us) {
    char name[16];
    snprintf(name, sizeof name, "d%u", device);
    return dedupe_is_too_old(dedupe, slice_from_str(name), time_us, now_us);
}

static unsigned seeded(void) {
    const char *given = getenv("EDGE_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                                  : (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    return seed;
}

/* --- Against a model ------------------------------------------------------ */

/* A few devices that say much, a crowd that says little, and names that come
 * once: so that every bound is met over and over. */
static unsigned some_device(unsigned step) {
    unsigned dice = (unsigned)rand() % 100;
    if (dice < 60) {
        return (unsigned)rand() % 3;
    }
    return dice < 90 ? 10 + (unsigned)rand() % 600 : 1000 + step;
}

static void one_step(struct dedupe *dedupe, struct model *model,
                     unsigned step) {
    unsigned device = some_device(step);
    unsigned id = device < 3 ? (unsigned)rand() % 8000 : (unsigned)rand() % 20;
    uint64_t content = (uint64_t)rand() % 2;
    uint64_t seq = 0;
    const struct model_id *known = model_find(model, device, id);
    enum dedupe_verdict verdict = find(dedupe, device, id, content, &seq);
    if (known == NULL) {
        assert_int_equal(verdict, DEDUPE_NEW);
        add(dedupe, device, id, content, step, DEDUPE_NO_TIME, 0);
        model_add(model, device, id, content, step);
        return;
    }
    assert_int_equal(seq, known->seq);
    assert_int_equal(verdict,
                     known->content == content ? DEDUPE_SAME : DEDUPE_OTHER);
}

static void agrees_with_lists(void **state) {
    (void)state;
    seeded();
    const uint32_t ids_max = DEDUPE_IDS_MIN;
    struct model *model =
        model_new(ids_max, DEDUPE_WINDOW, ids_max / DEDUPE_IDS_A_NAME);
    struct dedupe *dedupe = make(ids_max);
    for (unsigned step = 0; step < STEPS; step++) {
        if (step % (STEPS / 16) == STEPS / 20) {
            dedupe = through_snapshot(dedupe, ids_max);
        }
        one_step(dedupe, model, step);
        assert_int_equal(dedupe_ids(dedupe), model->id_count);
        assert_int_equal(dedupe_names(dedupe), model->name_count);
    }
    assert_int_equal(dedupe_ids(dedupe), ids_max); /* the bounds were met */
    assert_int_equal(dedupe_names(dedupe), ids_max / DEDUPE_IDS_A_NAME);
    dedupe_free(dedupe);
    model_free(model);
}

/* Goal: what was saved and loaded on the way gives the same windows as what
 * never was, byte for byte. */
static void a_replay_gives_the_same_windows(void **state) {
    (void)state;
    unsigned seed = seeded();
    const uint32_t ids_max = DEDUPE_IDS_MIN + 1000;
    struct dedupe *live = make(ids_max);
    struct dedupe *replayed = make(ids_max);
    for (unsigned round = 0; round < 20; round++) {
        for (int turn = 0; turn < 2; turn++) {
            struct dedupe *dedupe = turn == 0 ? live : replayed;
            srand(seed + round);
            for (unsigned i = 0; i < 5000; i++) {
                uint64_t seq = (uint64_t)round * 5000 + i;
                unsigned device = some_device((unsigned)seq);
                int64_t time_us = rand() % 3 == 0
                                      ? DEDUPE_NO_TIME
                                      : NOW_US + (rand() % 7200) * SECOND_US;
                /* An id that is there already, too. */
                add(dedupe, device, (unsigned)rand() % 9000, 1, seq, time_us,
                    NOW_US + (int64_t)seq * 1000);
            }
        }
        replayed = through_snapshot(replayed, ids_max);
        assert_true(dedupe_hash(live) == dedupe_hash(replayed));
    }
    dedupe_free(live);
    dedupe_free(replayed);
}

/* --- What is promised ------------------------------------------------------
 */

/* Goal: issue 9's case. All is sent once, then all again in the same order:
 * each second copy is a duplicate or too old, and none is taken twice. */
static void nothing_sent_twice_in_order_is_taken_twice(void **state) {
    (void)state;
    struct dedupe *dedupe = make(DEDUPE_IDS_DEFAULT);
    for (unsigned i = 0; i < SENT_TWICE; i++) {
        int64_t time_us = NOW_US + i * (int64_t)1000;
        uint64_t seq;
        assert_int_equal(find(dedupe, 1, i, 1, &seq), DEDUPE_NEW);
        assert_false(too_old(dedupe, 1, time_us, time_us));
        add(dedupe, 1, i, 1, i, time_us, time_us);
    }
    unsigned duplicates = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < SENT_TWICE; i++) {
        if (knows(dedupe, 1, i)) {
            duplicates++;
        } else if (too_old(dedupe, 1, NOW_US + i * (int64_t)1000,
                           NOW_US + SENT_TWICE * (int64_t)1000)) {
            refused++;
        }
    }
    assert_int_equal(duplicates, DEDUPE_WINDOW);
    assert_int_equal(refused, SENT_TWICE - DEDUPE_WINDOW);
    dedupe_free(dedupe);
}

/* Goal: invented names push out each other, and neither known devices nor new
 * ones. */
static void invented_names_lock_nobody_out(void **state) {
    (void)state;
    const uint32_t ids_max = DEDUPE_IDS_DEFAULT;
    struct dedupe *dedupe = make(ids_max);
    uint64_t seq = 0;
    for (unsigned i = 0; i < 100; i++) {
        add(dedupe, 1, i, 1, seq++, DEDUPE_NO_TIME, 0);
        add(dedupe, 2, i, 1, seq++, DEDUPE_NO_TIME, 0);
    }
    for (unsigned i = 0; i < INVENTED; i++) {
        add(dedupe, 100 + i, 0, 1, seq++, DEDUPE_NO_TIME, 0);
        if (i == INVENTED / 2) { /* a till that is new in all this */
            add(dedupe, 3, 0, 1, seq++, DEDUPE_NO_TIME, 0);
            add(dedupe, 3, 1, 1, seq++, DEDUPE_NO_TIME, 0);
        }
    }
    for (unsigned i = 0; i < 100; i++) {
        assert_true(knows(dedupe, 1, i) && knows(dedupe, 2, i));
    }
    assert_true(knows(dedupe, 3, 0) && knows(dedupe, 3, 1));
    assert_false(knows(dedupe, 100, 0)); /* the first of the crowd */
    assert_true(knows(dedupe, 100 + INVENTED - 1, 0));
    assert_int_equal(dedupe_names(dedupe), ids_max / DEDUPE_IDS_A_NAME);
    dedupe_free(dedupe);
}

/* Goal: the memory is what the help says, full of long windows or of names. */
static void takes_the_memory_it_says(void **state) {
    (void)state;
    const uint32_t ids_max = DEDUPE_IDS_DEFAULT;
    struct dedupe *dedupe = make(ids_max);
    assert_true(dedupe_bytes(dedupe) < 2048);
    uint64_t seq = 0;
    for (unsigned device = 0; device < ids_max / DEDUPE_IDS_A_NAME; device++) {
        for (unsigned i = 0; i < DEDUPE_IDS_A_NAME + 1; i++) {
            add(dedupe, device, i, 1, seq++, DEDUPE_NO_TIME, 0);
        }
    }
    assert_int_equal(dedupe_ids(dedupe), ids_max);
    size_t bytes = dedupe_bytes(dedupe);
    print_message("%u ids of %u names: %zu bytes, %zu an id\n",
                  dedupe_ids(dedupe), dedupe_names(dedupe), bytes,
                  bytes / ids_max);
    assert_true(bytes <= (size_t)ids_max * DEDUPE_ID_BYTES);
    dedupe_free(dedupe);
}

/* --- Too old to tell --------------------------------------------------------
 */

/* One window full and `more` beyond it, one a second; the newest forgotten is
 * then number more - 1. */
static struct dedupe *turned_over(unsigned more, int64_t step_us) {
    struct dedupe *dedupe = make(DEDUPE_IDS_MIN);
    for (unsigned i = 0; i < DEDUPE_WINDOW + more; i++) {
        int64_t time_us = NOW_US + i * step_us;
        add(dedupe, 1, i, 1, i, time_us, NOW_US + i * SECOND_US);
    }
    return dedupe;
}

static void what_is_too_old(void **state) {
    (void)state;
    struct dedupe *dedupe = turned_over(10, SECOND_US);
    int64_t now_us = NOW_US + (DEDUPE_WINDOW + 10) * SECOND_US;
    int64_t forgot_us = NOW_US + 9 * SECOND_US;
    assert_true(too_old(dedupe, 1, forgot_us, now_us));
    assert_true(too_old(dedupe, 1, forgot_us - 1, now_us));
    assert_false(too_old(dedupe, 1, forgot_us + 1, now_us));
    assert_false(too_old(dedupe, 2, forgot_us - 1, now_us)); /* a new device */
    assert_false(too_old(dedupe, 1, DEDUPE_NO_TIME, now_us));
    /* Times that the gateway's clock does not bear out say nothing. */
    assert_false(too_old(dedupe, 1, 0, now_us));
    assert_false(too_old(dedupe, 1, now_us - DEDUPE_BACK_US - 1, now_us));
    assert_true(too_old(dedupe, 1, forgot_us, forgot_us + DEDUPE_BACK_US));
    assert_false(too_old(dedupe, 1, 0, 0)); /* neither does an unset clock */
    assert_false(
        too_old(dedupe, 1, forgot_us, forgot_us - DEDUPE_AHEAD_US - 1));
    dedupe = through_snapshot(dedupe, DEDUPE_IDS_MIN);
    assert_true(too_old(dedupe, 1, forgot_us, now_us));
    dedupe_free(dedupe);
}

/* Goal: a device whose clock stands still sells on; one that has turned over
 * nothing is never refused. */
static void a_clock_that_stands_still_refuses_nothing(void **state) {
    (void)state;
    struct dedupe *dedupe = turned_over(500, 0);
    assert_false(too_old(dedupe, 1, NOW_US, NOW_US));
    dedupe_free(dedupe);
    dedupe = turned_over(0, SECOND_US);
    assert_false(too_old(dedupe, 1, NOW_US, NOW_US + SECOND_US));
    dedupe_free(dedupe);
}

/* Goal: a time ahead of the gateway's clock is not believed when it is
 * journaled, and one that the gateway's own clock misled is forgotten again. */
static void a_time_far_ahead_locks_nobody_out(void **state) {
    (void)state;
    struct dedupe *dedupe = make(DEDUPE_IDS_MIN);
    const int64_t year_us = 365 * 24 * 3600 * SECOND_US;
    uint64_t seq = 0;
    add(dedupe, 1, 1, 1, seq++, NOW_US + year_us, NOW_US);
    add(dedupe, 1, 2, 1, seq++, NOW_US + year_us, NOW_US + year_us);
    for (unsigned i = 0; i < DEDUPE_WINDOW; i++) {
        add(dedupe, 1, 10 + i, 1, seq++, NOW_US + i, NOW_US + i);
    }
    assert_false(too_old(dedupe, 1, NOW_US, NOW_US + SECOND_US));
    add(dedupe, 1, 5, 1, seq++, NOW_US + SECOND_US, NOW_US + SECOND_US);
    assert_true(too_old(dedupe, 1, NOW_US, NOW_US + SECOND_US));
    assert_false(too_old(dedupe, 1, NOW_US + 1, NOW_US + SECOND_US));
    dedupe_free(dedupe);
}

/* Goal: a clock two hours ahead refuses nothing, then or later; and of times
 * that came out of order the newest counts. */
static void the_newest_believed_time_counts(void **state) {
    (void)state;
    const int64_t hour_us = 3600 * SECOND_US;
    struct dedupe *dedupe = make(DEDUPE_IDS_MIN);
    uint64_t seq = 0;
    add(dedupe, 1, 1, 1, seq++, NOW_US + 2 * hour_us, NOW_US);
    for (unsigned i = 0; i < DEDUPE_WINDOW; i++) {
        add(dedupe, 1, 10 + i, 1, seq++, NOW_US + i, NOW_US);
    }
    assert_false(too_old(dedupe, 1, NOW_US + hour_us, NOW_US + hour_us));
    dedupe_free(dedupe);
    dedupe = make(DEDUPE_IDS_MIN);
    static const int64_t seconds[] = {10, 12, 11};
    for (unsigned i = 0; i < 3; i++) {
        add(dedupe, 1, i, 1, seq++, NOW_US + seconds[i] * SECOND_US, NOW_US);
    }
    for (unsigned i = 0; i < DEDUPE_WINDOW; i++) {
        add(dedupe, 1, 10 + i, 1, seq++, NOW_US + (100 + i) * SECOND_US,
            NOW_US + (100 + i) * SECOND_US);
    }
    assert_true(too_old(dedupe, 1, NOW_US + 12 * SECOND_US, NOW_US + hour_us));
    assert_false(too_old(dedupe, 1, NOW_US + 13 * SECOND_US, NOW_US + hour_us));
    dedupe_free(dedupe);
}

/* --- Loading ----------------------------------------------------------------
 */

/* As release 0.1.0 wrote it: hashes are XXH3-128 of name and id. */
static struct slice old_form(unsigned devices, unsigned ids, bool twice) {
    struct writer to = writer_over(saved, sizeof saved);
    writer_u32(&to, devices);
    for (unsigned device = 0; device < devices; device++) {
        char name[16];
        snprintf(name, sizeof name, "d%u", twice ? 0 : device);
        XXH128_hash_t hash = XXH3_128bits(name, strlen(name));
        writer_u64(&to, hash.high64);
        writer_u64(&to, hash.low64);
        writer_u32(&to, ids);
        for (unsigned id = 0; id < ids; id++) {
            char text[16];
            snprintf(text, sizeof text, "id-%u", id);
            hash = XXH3_128bits(text, strlen(text));
            writer_u64(&to, hash.high64);
            writer_u64(&to, hash.low64);
            writer_u64(&to, 1);
            writer_u64(&to, (uint64_t)(devices - device) * ids + id);
        }
    }
    assert_false(to.full);
    return writer_slice(&to);
}

static void loads_the_windows_of_the_last_release(void **state) {
    (void)state;
    struct slice old = old_form(3, 1024, false);
    struct dedupe *dedupe = load(DEDUPE_IDS_MIN, DEDUPE_SAVED_1, old);
    assert_int_equal(dedupe_ids(dedupe), 3 * 1024);
    for (unsigned id = 0; id < 1024; id++) {
        uint64_t seq;
        assert_int_equal(find(dedupe, 2, id, 1, &seq), DEDUPE_SAME);
        assert_int_equal(seq, 1024 + id);
    }
    assert_false(too_old(dedupe, 2, NOW_US, NOW_US));
    /* It goes on, and the next snapshot is in the new form. */
    add(dedupe, 2, 5000, 1, 99999, NOW_US, NOW_US);
    dedupe = through_snapshot(dedupe, DEDUPE_IDS_MIN);
    assert_true(knows(dedupe, 2, 5000) && knows(dedupe, 2, 0));
    dedupe_free(dedupe);
    /* More names than are kept now: those silent longest go. */
    old = old_form(10000, 1, false);
    dedupe = load(DEDUPE_IDS_DEFAULT, DEDUPE_SAVED_1, old);
    assert_int_equal(dedupe_names(dedupe),
                     DEDUPE_IDS_DEFAULT / DEDUPE_IDS_A_NAME);
    assert_true(knows(dedupe, 0, 0));
    assert_false(knows(dedupe, 9999, 0));
    dedupe_free(dedupe);
}

/* Goal: what is written for release 0.1.0 is what it would remember. */
static void saves_for_the_last_release(void **state) {
    (void)state;
    struct dedupe *dedupe = turned_over(3, SECOND_US);
    add(dedupe, 2, 7, 1, 99999, NOW_US, NOW_US);
    struct writer to = writer_over(saved, sizeof saved);
    dedupe_save_older(dedupe, &to);
    assert_int_equal(to.len, 4 + 2 * 20 + (1024 + 1) * 32);
    struct dedupe *loaded =
        load(DEDUPE_IDS_MIN, DEDUPE_SAVED_1, writer_slice(&to));
    assert_int_equal(dedupe_ids(loaded), 1024 + 1);
    assert_true(knows(loaded, 2, 7));
    assert_true(knows(loaded, 1, DEDUPE_WINDOW + 2));
    assert_true(knows(loaded, 1, DEDUPE_WINDOW + 3 - 1024));
    assert_false(knows(loaded, 1, DEDUPE_WINDOW + 2 - 1024));
    dedupe_free(loaded);
    dedupe_free(dedupe);
    /* No more names than it reads, and those heard of last. */
    dedupe = make(DEDUPE_IDS_MAX);
    for (unsigned i = 0; i < 10005; i++) {
        add(dedupe, i, 0, 1, i, DEDUPE_NO_TIME, 0);
    }
    to = writer_over(saved, sizeof saved);
    dedupe_save_older(dedupe, &to);
    loaded = load(DEDUPE_IDS_MAX, DEDUPE_SAVED_1, writer_slice(&to));
    assert_int_equal(dedupe_names(loaded), 10000);
    assert_false(knows(loaded, 4, 0));
    assert_true(knows(loaded, 5, 0));
    dedupe_free(loaded);
    dedupe_free(dedupe);
}

static void loads_what_was_saved_with_larger_bounds(void **state) {
    (void)state;
    struct dedupe *dedupe = make(8 * DEDUPE_IDS_MIN);
    uint64_t seq = 0;
    for (unsigned i = 0; i < DEDUPE_WINDOW; i++) {
        for (unsigned device = 0; device < 8; device++) {
            add(dedupe, device, i, 1, seq++, DEDUPE_NO_TIME, 0);
        }
    }
    struct dedupe *smaller = load(DEDUPE_IDS_MIN, DEDUPE_SAVED_2, save(dedupe));
    assert_int_equal(dedupe_ids(smaller), DEDUPE_IDS_MIN);
    for (unsigned device = 0; device < 8; device++) {
        assert_false(knows(smaller, device, DEDUPE_WINDOW - 1025));
        assert_true(knows(smaller, device, DEDUPE_WINDOW - 1024));
    }
    dedupe_free(smaller);
    dedupe_free(dedupe);
}

static void refuses(uint32_t version, struct slice from) {
    struct dedupe *loaded = make(DEDUPE_IDS_MIN);
    struct cursor cursor = cursor_over(from);
    assert_int_equal(dedupe_load(loaded, version, &cursor), ERR_PARSE);
    dedupe_free(loaded);
}

static void refuses_what_was_never_saved(void **state) {
    (void)state;
    refuses(DEDUPE_SAVED_1, old_form(2, 1, true));
    refuses(DEDUPE_SAVED_1, old_form(10001, 1, false));
    refuses(DEDUPE_SAVED_1, old_form(1, 1025, false));
    refuses(DEDUPE_SAVED_1, old_form(1, 0, false));
    struct dedupe *dedupe = turned_over(3, SECOND_US);
    struct slice good = save(dedupe);
    dedupe_free(dedupe);
    for (size_t len = 0; len < 200; len++) {
        refuses(DEDUPE_SAVED_2, slice_part(good, 0, len));
    }
    refuses(DEDUPE_SAVED_2, slice_part(good, 0, good.len - 1));
    saved[4 + 16 + 8 + 8] = 2; /* a third kind of name */
    refuses(DEDUPE_SAVED_2, good);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_lists),
        cmocka_unit_test(a_replay_gives_the_same_windows),
        cmocka_unit_test(nothing_sent_twice_in_order_is_taken_twice),
        cmocka_unit_test(invented_names_lock_nobody_out),
        cmocka_unit_test(takes_the_memory_it_says),
        cmocka_unit_test(what_is_too_old),
        cmocka_unit_test(a_clock_that_stands_still_refuses_nothing),
        cmocka_unit_test(a_time_far_ahead_locks_nobody_out),
        cmocka_unit_test(the_newest_believed_time_counts),
        cmocka_unit_test(loads_the_windows_of_the_last_release),
        cmocka_unit_test(saves_for_the_last_release),
        cmocka_unit_test(loads_what_was_saved_with_larger_bounds),
        cmocka_unit_test(refuses_what_was_never_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
