/* SPDX-License-Identifier: Apache-2.0 */
/* A batch that was handed over never changes, and another one fills meanwhile.
 */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/reader.h"
#include "tests/unit/journal/fixture.h"

enum {
    SEGMENT = 8 * JOURNAL_PAGE,
    RECORD_BYTES = 100,
    HEAD_BYTES = 5, /* of a record */
    LARGEST = 6 * JOURNAL_PAGE,
    FLOOR = 1024 * 1024,
};

static uint64_t durable(const struct journal *journal) {
    return atomic_load(&journal_position(journal)->end);
}

/* Each record holds its number. */
static void append_values(struct journal *journal, uint64_t count) {
    uint8_t buf[RECORD_BYTES];
    for (uint64_t i = 0; i < count; i++) {
        uint64_t seq = journal_next_seq(journal);
        struct slice record = support_record(seq, sizeof buf, buf);
        assert_int_equal(support_append(journal, record), seq);
    }
}

static void expect_values(struct fixture *f, uint64_t from, uint64_t to) {
    struct journal_reader *reader =
        support_reader(&f->platform.disk, FIXTURE_DIR, from);
    struct journal_record record;
    for (uint64_t seq = from; seq < to; seq++) {
        assert_int_equal(journal_reader_next(reader, to, &record), ERR_OK);
        assert_int_equal(record.seq, seq);
        assert_true(support_record_is(record.bytes, seq, RECORD_BYTES));
    }
    assert_int_equal(journal_reader_next(reader, UINT64_MAX, &record), ERR_END);
    journal_reader_close(reader);
}

/* Goal: what was handed over is committed as it was, whatever is appended to
 * the other batch meanwhile; the numbers of both go on. */
static void two_batches(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    journal_begin(journal);
    append_values(journal, 3);
    assert_false(journal_is_handed(journal));
    journal_hand_over(journal);
    assert_true(journal_is_handed(journal));
    assert_int_equal(journal_batch_events(journal), 0);
    assert_int_equal(journal_next_seq(journal), 3);
    assert_int_equal(durable(journal), 0);

    journal_begin(journal);
    append_values(journal, 2);
    assert_int_equal(journal_batch_events(journal), 2);
    assert_int_equal(journal_next_seq(journal), 5);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_false(journal_is_handed(journal));
    assert_int_equal(durable(journal), 3);
    expect_values(f, 0, 3);

    append_values(journal, 1); /* it goes on filling */
    assert_int_equal(journal_next_seq(journal), 6);
    journal_hand_over(journal);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(durable(journal), 6);
    assert_int_equal(journal_stats(journal).commits, 2);
    expect_values(f, 0, 6);
    journal_close(journal);
}

/* Goal: an empty batch is not handed over, and without one a commit does
 * nothing. */
static void nothing_to_hand_over(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    journal_hand_over(journal);
    assert_false(journal_is_handed(journal));
    journal_begin(journal);
    journal_hand_over(journal);
    assert_false(journal_is_handed(journal));
    uint64_t calls = fake_disk_calls(f->fake);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(journal_commit_handed_reserved(journal, NULL), ERR_OK);
    assert_int_equal(fake_disk_calls(f->fake), calls);
    assert_int_equal(journal_stats(journal).commits, 0);
    append_values(journal, 1); /* it is still begun */
    support_commit(journal);
    expect_values(f, 0, 1);
    journal_close(journal);
}

/* Goal: without room the batch stays handed over, the other one fills on, and
 * both go in, in order, once there is room. What was not committed is gone with
 * the journal. */
static void full_with_two_batches(void **state) {
    struct fixture *f = *state;
    f->options.capacity = 2 * SEGMENT;
    struct journal *journal = support_open(&f->options);
    for (int i = 0; i < 12; i++) {
        journal_begin(journal);
        append_values(journal, 1);
        support_commit(journal);
    }
    journal_begin(journal);
    append_values(journal, 2);
    journal_hand_over(journal);
    journal_begin(journal);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_commit_handed(journal, NULL), ERR_FULL);
        assert_true(journal_is_handed(journal));
        append_values(journal, 1);
        assert_int_equal(journal_next_seq(journal), 15 + (uint64_t)i);
        assert_int_equal(durable(journal), 12);
    }
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(durable(journal), 14);
    /* The two sides' calls in one: first what is handed over. */
    journal_hand_over(journal);
    journal_begin(journal);
    append_values(journal, 1);
    support_commit(journal);
    assert_int_equal(durable(journal), 18);
    expect_values(f, 6, 18);
    journal_begin(journal);
    append_values(journal, 1);
    journal_hand_over(journal);
    journal_begin(journal);
    append_values(journal, 1);
    journal_close(journal);
    journal = support_open(&f->options);
    assert_int_equal(journal_next_seq(journal), 18);
    expect_values(f, 6, 18);
    journal_close(journal);
}

/* Goal: after a failed commit nothing is appended any more, to the batch that
 * was filling meanwhile or to any other, and no commit succeeds. */
static void failed_with_two_batches(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    journal_begin(journal);
    append_values(journal, 1);
    journal_hand_over(journal);
    journal_begin(journal);
    append_values(journal, 1);
    fake_disk_fail_at(f->fake, FAKE_SYNC, 1, ERR_IO);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_IO);
    uint64_t seq = UINT64_MAX;
    assert_int_equal(journal_append(journal, SLICE("x"), &seq), ERR_IO);
    assert_int_equal(seq, UINT64_MAX);
    struct reason reason = {""};
    assert_int_equal(journal_commit_handed(journal, &reason), ERR_IO);
    assert_non_null(strstr(reason.text, "an earlier commit failed"));
    assert_int_equal(journal_commit(journal, NULL), ERR_IO);
    assert_int_equal(durable(journal), 0);
    journal_close(journal);
}

/* --- Room --- */

static void append_bytes(struct journal *journal, uint64_t bytes) {
    static uint8_t record[LARGEST];
    assert_in_range(bytes, HEAD_BYTES, sizeof record);
    support_append(journal, slice_of(record, (size_t)bytes - HEAD_BYTES));
}

/* Goal: to the byte, in each of the places that the frames may go to. */
static void room_behind(void **state) {
    struct fixture *f = *state;
    const uint64_t page = JOURNAL_PAGE;
    const uint64_t heads = 57;
    struct journal *journal = support_open(&f->options);
    journal_hand_over(journal); /* nothing: as journal_room() */
    assert_int_equal(journal_room_behind(journal), 6 * page - heads);
    journal_begin(journal);
    append_bytes(journal, 2 * page); /* three pages here */
    journal_hand_over(journal);
    assert_int_equal(journal_room_behind(journal), 3 * page - heads);
    assert_int_equal(journal_room(journal), 3 * page - heads);
    journal_begin(journal);
    append_bytes(journal, 100);
    assert_int_equal(journal_room_behind(journal), 3 * page - heads - 100);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(journal_room(journal), 3 * page - heads - 100);

    /* Four pages are not left: no segment is made ahead, nothing is sure. */
    append_bytes(journal, 3 * page);
    journal_hand_over(journal);
    assert_int_equal(journal_room_behind(journal), 0);
    /* It is made now. The promise stands as it was given. */
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    assert_int_equal(journal_room_behind(journal), 0);
    assert_int_equal(journal_room(journal), 2 * page - heads);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(journal_room(journal), 2 * page - heads);

    /* Two spares: the first takes the batch, the second what is behind it. */
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    journal_begin(journal);
    append_bytes(journal, 3 * page);
    journal_hand_over(journal);
    assert_int_equal(journal_room_behind(journal), 2 * page - heads);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    journal_close(journal);
}

/* Goal: a segment that holds nothing is made larger for a large batch; what is
 * behind it goes into the segment that was made ahead. */
static void room_behind_a_large_batch(void **state) {
    struct fixture *f = *state;
    static uint8_t record[2 * SEGMENT];
    struct journal *journal = support_open(&f->options);
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    journal_begin(journal);
    support_append(journal, slice_of(record, sizeof record));
    journal_hand_over(journal);
    assert_int_equal(journal_room_behind(journal), 6 * JOURNAL_PAGE - 57);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    assert_int_equal(journal_room(journal), 6 * JOURNAL_PAGE - 57);
    journal_close(journal);
}

/* Goal: a journal that holds more than its capacity, which was lowered, makes
 * no segment of the spares it has, and does not promise to. */
static void room_above_the_capacity(void **state) {
    struct fixture *f = *state;
    struct journal *journal = support_open(&f->options);
    for (int i = 0; i < 15; i++) {
        journal_begin(journal);
        append_values(journal, 1);
        support_commit(journal);
    }
    assert_int_equal(journal_preallocate(journal, NULL), ERR_OK);
    assert_int_equal(journal_trim(journal, NULL), ERR_OK);
    journal_close(journal);
    f->options.capacity = 2 * SEGMENT;
    journal = support_open(&f->options);
    assert_true(journal_stats(journal).spare_bytes > 0);
    assert_true(journal_stats(journal).bytes > f->options.capacity);
    for (uint64_t room = 6; room > 0; room--) { /* of the segment begun */
        assert_int_equal(journal_room(journal), room * JOURNAL_PAGE - 57);
        journal_begin(journal);
        append_values(journal, 1);
        support_commit(journal);
    }
    assert_int_equal(journal_room(journal), 0);
    journal_begin(journal);
    append_values(journal, 1);
    journal_hand_over(journal);
    assert_int_equal(journal_room_behind(journal), 0);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_FULL);
    journal_close(journal);
}

/* One world: a journal of random bounds that lives through random batches, of
 * which each is appended beside a commit as long as room was promised. */
struct world {
    struct fixture *f;
    struct support_random random;
    struct journal *journal;
    uint64_t behind;  /* promises kept, with a batch before them */
    uint64_t used_up; /* with the disk used up meanwhile */
    uint64_t full;    /* batches that were promised nothing, and found none */
    uint64_t trimmed;
};

static uint64_t below(struct world *world, uint64_t bound) {
    return support_below(&world->random, bound);
}

/* Up to `most` bytes, small or all of it at times. */
static void fill(struct world *world, uint64_t most) {
    journal_begin(world->journal);
    uint64_t kind = below(world, 4);
    uint64_t bound = kind == 0 ? 300 : most;
    bound = bound < most ? bound : most;
    uint64_t bytes =
        kind == 1 ? most : HEAD_BYTES + below(world, bound - HEAD_BYTES + 1);
    append_bytes(world->journal, bytes < LARGEST ? bytes : LARGEST);
}

static void use_up(struct world *world, bool used) {
    uint64_t floor = world->f->options.free_floor;
    fake_disk_set_free(world->f->fake, used ? floor : UINT64_MAX);
}

static err_t commit_some_way(struct world *world) {
    return below(world, 3) == 0
               ? journal_commit_handed_reserved(world->journal, NULL)
               : journal_commit_handed(world->journal, NULL);
}

/* Brings in what is handed over, making room for it. */
static void commit_handed_with_room(struct world *world, bool used) {
    err_t err = commit_some_way(world);
    while (err == ERR_FULL) {
        use_up(world, false);
        if (journal_trim(world->journal, NULL) == ERR_OK) {
            world->trimmed++;
        }
        err = journal_commit_handed(world->journal, NULL);
    }
    assert_int_equal(err, ERR_OK);
    use_up(world, used);
}

/* What the owner may do between commits. */
static void more_or_less(struct world *world) {
    if (below(world, 3) == 0) {
        (void)!journal_preallocate(world->journal, NULL);
    }
    if (below(world, 6) == 0) {
        (void)!journal_trim(world->journal, NULL);
    }
}

static void one_step(struct world *world) {
    struct journal *journal = world->journal;
    bool used = below(world, 2) == 0;
    more_or_less(world);
    fill(world, LARGEST); /* promised nothing */
    journal_hand_over(journal);
    use_up(world, used);
    uint64_t promised = journal_room_behind(journal);
    if (promised < HEAD_BYTES) {
        world->full++;
        commit_handed_with_room(world, false);
        use_up(world, false);
        return;
    }
    bool filled_before = below(world, 2) == 0;
    if (filled_before) {
        fill(world, promised);
    }
    commit_handed_with_room(world, used);
    if (!filled_before) {
        fill(world, promised);
    }
    more_or_less(world);
    journal_hand_over(journal);
    assert_int_equal(journal_commit_handed(journal, NULL), ERR_OK);
    world->behind++;
    world->used_up += used;
    use_up(world, false);
}

static void one_world(struct world *world, uint64_t seed) {
    struct fixture *f = world->f;
    char dir[64];
    snprintf(dir, sizeof dir, "/data/world-%" PRIu64, seed);
    world->random.state = seed;
    f->options.dir = dir;
    f->options.segment_bytes = (5 + below(world, 12)) * JOURNAL_PAGE;
    f->options.reserve = (uint32_t)below(world, 3) * JOURNAL_PAGE;
    f->options.capacity =
        below(world, 2) == 0 ? 0 : (30 + below(world, 60)) * JOURNAL_PAGE;
    f->options.free_floor = below(world, 2) == 0 ? 0 : FLOOR;
    world->journal = support_open(&f->options);
    for (int step = 0; step < 60; step++) {
        one_step(world);
    }
    journal_close(world->journal);
}

/* Goal: whatever journal_room_behind() promised does go in at the commit after
 * the one that is at work, however that one went, with the disk used up
 * meanwhile: by the floor, or because it has no space left. */
static void promises_are_kept(void **state) {
    struct fixture *f = *state;
    struct world world = {.f = f};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        one_world(&world, seed);
    }
    print_message("%" PRIu64 " promises, %" PRIu64 " on a disk that was used "
                  "up; %" PRIu64 " batches without one; %" PRIu64
                  " segments trimmed for room\n",
                  world.behind, world.used_up, world.full, world.trimmed);
    assert_true(world.behind > 5000 && world.used_up > 2000);
    assert_true(world.full > 500 && world.trimmed > 500);
}

/* --- Two threads --- */

enum { THREAD_BATCHES = 400, THREAD_BATCH = 5 };

static void *commit_beside(void *context) {
    struct journal *journal = context;
    err_t err = journal_commit_handed(journal, NULL);
    return err == ERR_OK ? context : NULL;
}

/* Goal: one batch is committed on another thread while the next one fills. */
static void commits_beside_appends(void **state) {
    (void)state;
    struct platform platform = platform_real();
    char base[256];
    char dir[300];
    support_dir_make(base, sizeof base);
    snprintf(dir, sizeof dir, "%s/orders", base);
    const struct journal_options options = {.platform = &platform,
                                            .dir = dir,
                                            .store = "store-7",
                                            .stream = "orders",
                                            .segment_bytes = 32 * 1024};
    struct journal *journal = support_open(&options);
    journal_begin(journal);
    append_values(journal, THREAD_BATCH);
    for (uint64_t batch = 1; batch <= THREAD_BATCHES; batch++) {
        journal_hand_over(journal);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, commit_beside, journal),
                         0);
        journal_begin(journal);
        append_values(journal, THREAD_BATCH);
        assert_int_equal(journal_batch_events(journal), THREAD_BATCH);
        (void)journal_room_behind(journal);
        void *done;
        assert_int_equal(pthread_join(thread, &done), 0);
        assert_ptr_equal(done, journal);
        assert_int_equal(durable(journal), batch * THREAD_BATCH);
    }
    support_commit(journal);
    journal_close(journal);
    struct journal_reader *reader = support_reader(&platform.disk, dir, 0);
    struct journal_record record;
    for (uint64_t seq = 0; seq < (THREAD_BATCHES + 1) * THREAD_BATCH; seq++) {
        assert_int_equal(journal_reader_next(reader, UINT64_MAX, &record),
                         ERR_OK);
        assert_true(support_record_is(record.bytes, seq, RECORD_BYTES));
    }
    assert_int_equal(journal_reader_next(reader, UINT64_MAX, &record), ERR_END);
    journal_reader_close(reader);
    support_dir_remove(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_batches, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_to_hand_over, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(full_with_two_batches, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(failed_with_two_batches, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(room_behind, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(room_behind_a_large_batch,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(room_above_the_capacity, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(promises_are_kept, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(commits_beside_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
