/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing stays for ever: what the cloud has is gone from every file once it is
 * `keep_max` old, and what it does not have stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/journal/snapshot.h"
#include "gateway/stream/ageing.h"
#include "tests/unit/stream/fixture_read.h"

#define HOUR_US ((int64_t)3600 * 1000 * 1000)
#define TICK_US ((int64_t)10 * 1000 * 1000)

enum {
    KEEP_MAX_HOURS = 16,
    TICKS = 60, /* more than it may take */
    PER_SEGMENT = 14,
};

/* What only the old events hold. */
static const char personal[] = "Erika Mustermann";

static void take_personal(struct fixture *f, uint64_t number) {
    static char data[FIXTURE_LARGE];
    char id[32];
    int len =
        snprintf(data, sizeof data, "{\"name\":\"%s\",\"x\":\"", personal);
    memset(data + len, 'x', sizeof data - (size_t)len);
    strcpy(data + sizeof data - 3, "\"}");
    snprintf(id, sizeof id, "p-%llu", (unsigned long long)number);
    fixture_take(f, "meter-1", id, "ReadingTaken", data);
}

static void commit_personal(struct fixture *f, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        if (stream_is_full(f->stream)) {
            fixture_commit(f);
        }
        take_personal(f, first + i);
        fixture_commit(f);
    }
}

struct search {
    struct fixture *f;
    uint64_t files; /* that hold it */
    bool spares;    /* one of them is a spare */
    bool segments;
};

static bool holds(const uint8_t *bytes, uint64_t size) {
    return memmem(bytes, size, personal, sizeof personal - 1) != NULL;
}

/* A snapshot is the present state, which is no event. */
static void search_each(void *context, const char *name) {
    struct search *search = context;
    char path[128];
    uint64_t size;
    snprintf(path, sizeof path, FIXTURE_DIR "/%s", name);
    const uint8_t *bytes = fake_disk_bytes(search->f->fake, path, &size);
    if (bytes == NULL || strstr(name, ".snap") != NULL ||
        strstr(name, ".copy") != NULL || !holds(bytes, size)) {
        return;
    }
    search->files++;
    search->spares |= strstr(name, ".spare") != NULL;
    search->segments |= strstr(name, ".seg") != NULL;
}

static struct search look(struct fixture *f) {
    struct search search = {.f = f};
    assert_int_equal(
        f->disk.list(f->disk.self, FIXTURE_DIR, search_each, &search), ERR_OK);
    return search;
}

static void tick(struct fixture *f, uint64_t delivered) {
    f->mono_us += TICK_US;
    f->wall_us += TICK_US;
    fake_disk_set_now(f->fake, f->wall_us);
    stream_tick(f->stream, delivered);
    fixture_settle(f);
}

static void ticks(struct fixture *f, uint64_t delivered) {
    for (int i = 0; i < TICKS; i++) {
        tick(f, delivered);
    }
}

static void pass_hours(struct fixture *f, int64_t hours) {
    f->wall_us += hours * HOUR_US;
    f->mono_us += hours * HOUR_US;
    fake_disk_set_now(f->fake, f->wall_us);
}

static void begin(struct fixture *f, bool shop) {
    f->settings->keep_max_ms = KEEP_MAX_HOURS * 3600 * 1000;
    f->settings->keep = (uint64_t)1 << 40;
    f->settings->shop = shop;
    fake_disk_set_now(f->fake, f->wall_us);
    fixture_open(f);
}

/* Goal: `keep` or not, in a sealed segment or the open one, with events after
 * it or none: what is delivered is gone by then, and no earlier. */
static void test_delivered_events_go(void **state) {
    struct fixture *f = *state;
    begin(f, false);
    commit_personal(f, 0, 3 * PER_SEGMENT + 2);
    uint64_t end = fixture_end(f);
    ticks(f, end);
    assert_int_equal(fixture_start(f), 0);
    pass_hours(f, KEEP_MAX_HOURS - 2);
    ticks(f, end);
    assert_int_equal(fixture_start(f), 0);
    assert_true(look(f).segments);
    pass_hours(f, 1);
    ticks(f, end);
    assert_int_equal(fixture_start(f), end);
    assert_int_equal(look(f).files, 0);
    fixture_small(f, 1); /* it goes on */
    fixture_commit(f);
    assert_int_equal(fixture_end(f), end + 1);
}

/* Goal: what the cloud does not have stays, however old it is. */
static void test_undelivered_events_stay(void **state) {
    struct fixture *f = *state;
    begin(f, false);
    commit_personal(f, 0, 3 * PER_SEGMENT);
    pass_hours(f, 1000 * KEEP_MAX_HOURS);
    ticks(f, 0);
    assert_int_equal(fixture_start(f), 0);
    ticks(f, fixture_end(f) - 1);
    assert_true(fixture_start(f) > 0);
    assert_true(look(f).segments);
    fixture_read_from(f, fixture_start(f));
    assert_int_equal(f->records[f->record_count - 1].seq, fixture_end(f) - 1);
    ticks(f, fixture_end(f));
    assert_int_equal(look(f).files, 0);
}

/* Goal: without a limit nothing goes. */
static void test_no_limit(void **state) {
    struct fixture *f = *state;
    begin(f, false);
    fixture_close(f);
    f->settings->keep_max_ms = 0;
    fixture_open(f);
    commit_personal(f, 0, 3 * PER_SEGMENT);
    pass_hours(f, 1000 * KEEP_MAX_HOURS);
    ticks(f, fixture_end(f));
    assert_int_equal(fixture_start(f), 0);
}

/* Spares full of old events. */
static void make_spares(struct fixture *f) {
    begin(f, false);
    fixture_close(f);
    f->settings->keep = 0;
    fixture_open(f);
    commit_personal(f, 0, 4 * PER_SEGMENT);
    tick(f, fixture_end(f));
    fixture_small(f, 1000);
    fixture_commit(f);
    tick(f, fixture_end(f));
    assert_true(look(f).spares);
}

/* Goal: what trimmed segments left in spares is written over; also after a
 * start. */
static void check_remains(struct fixture *f, bool restart) {
    make_spares(f);
    if (restart) {
        f->known_end = fixture_end(f);
        fixture_close(f);
        fixture_open(f);
    }
    assert_true(look(f).spares);
    uint64_t written = stream_written(f->stream);
    pass_hours(f, KEEP_MAX_HOURS - 1);
    ticks(f, fixture_end(f));
    assert_int_equal(look(f).files, 0);
    assert_true(stream_written(f->stream) - written >= FIXTURE_SEGMENT / 2);
    fixture_small(f, 2000); /* it goes on */
    fixture_commit(f);
}

static void test_remains(void **state) {
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct fixture *f = fixture_new(5);
        check_remains(f, restart == 1);
        fixture_close(f);
        fixture_free(f);
    }
}

static void keep_spare(void *context, const char *name) {
    char *path = context;
    if (strstr(name, ".spare") != NULL) {
        (void)snprintf(path, 128, FIXTURE_DIR "/%s", name);
    }
}

/* Goal: a spare is written over once, not at each start anew: that would wear
 * out the flash of a box that restarts every night. */
static void test_remains_once(void **state) {
    (void)state;
    struct fixture *f = fixture_new(5);
    check_remains(f, false);
    for (int start = 0; start < 2; start++) {
        char path[128] = "";
        uint64_t size;
        f->known_end = fixture_end(f);
        fixture_close(f);
        fixture_open(f);
        assert_int_equal(
            f->disk.list(f->disk.self, FIXTURE_DIR, keep_spare, path), ERR_OK);
        uint8_t *bytes = fake_disk_bytes(f->fake, path, &size);
        assert_non_null(bytes);
        bytes[size - 1] = 1;
        ticks(f, fixture_end(f));
        assert_int_equal(fake_disk_bytes(f->fake, path, &size)[size - 1], 1);
    }
    fixture_close(f);
    fixture_free(f);
}

/* The segment that is written to was a spare, and holds old events. */
static bool open_one_holds(struct fixture *f) {
    struct search search = {.f = f};
    char name[64];
    snprintf(name, sizeof name, "%020llu.seg",
             (unsigned long long)fixture_end(f));
    search_each(&search, name);
    return search.segments;
}

/* Goal: and what is left behind the end of a segment that was made of one,
 * while young events are before it, which stay. */
static void test_remains_behind_the_end(void **state) {
    struct fixture *f = *state;
    make_spares(f);
    f->known_end = fixture_end(f);
    fixture_close(f);
    pass_hours(f, KEEP_MAX_HOURS - 2);
    f->settings->keep = (uint64_t)1 << 40;
    fixture_open(f);
    for (int i = 0; i < 8 && !open_one_holds(f); i++) { /* another spare */
        fixture_close(f);
        fixture_open(f);
    }
    assert_true(open_one_holds(f));
    pass_hours(f, 1);
    uint64_t young = fixture_end(f);
    fixture_small(f, 2000);
    fixture_commit(f);
    ticks(f, fixture_end(f));
    assert_int_equal(look(f).files, 0);
    fixture_small(f, 2001);
    fixture_commit(f);
    fixture_read_from(f, young);
    assert_int_equal(f->record_count, 2);
    fixture_crash(f, FAKE_DROP);
    fixture_open(f);
    assert_int_equal(fixture_end(f), young + 2);
}

static bool is_there(struct fixture *f, const char *path) {
    int64_t changed_us;
    return f->disk.changed_us(f->disk.self, path, &changed_us) == ERR_OK;
}

/* Goal: files that were set aside go when they are that old, and no others: the
 * broker's, too. */
static void test_files_set_aside(void **state) {
    struct fixture *f = *state;
    begin(f, false);
    static const char *const names[] = {
        "00000000000000000000-00000000000000000009.rot",
        "00000000000000000007.bad", "notes.txt"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, FIXTURE_DIR "/%s", names[i]);
        fake_disk_put(f->fake, path, slice_from_str(personal));
    }
    (void)f->disk.make_dir(f->disk.self, FIXTURE_DATA "/broker");
    fake_disk_put(f->fake, FIXTURE_DATA "/broker/mosquitto.db.bad-12",
                  slice_from_str(personal));
    fake_disk_put(f->fake, FIXTURE_DATA "/broker/mosquitto.db",
                  slice_from_str(personal));
    ticks(f, 0);
    pass_hours(f, KEEP_MAX_HOURS - 2);
    ticks(f, 0);
    assert_int_equal(look(f).files, 3);
    assert_true(is_there(f, FIXTURE_DATA "/broker/mosquitto.db.bad-12"));
    pass_hours(f, 1);
    ticks(f, 0);
    assert_false(fixture_has_file(f, names[0]));
    assert_false(fixture_has_file(f, names[1]));
    assert_true(fixture_has_file(f, names[2]));
    assert_false(is_there(f, FIXTURE_DATA "/broker/mosquitto.db.bad-12"));
    assert_true(is_there(f, FIXTURE_DATA "/broker/mosquitto.db"));
}

/* One event that names a customer, and no more. */
static uint64_t commit_the_last_event(struct fixture *f) {
    begin(f, true);
    fixture_take(f, "till-1", "c-1", "OrderCancelRequested",
                 "{\"orderId\":\"o\",\"reason\":\"Erika Mustermann\"}");
    fixture_commit(f);
    assert_int_equal(look(f).files, 1);
    return fixture_end(f);
}

static void expect_two_snapshots(struct fixture *f) {
    uint64_t covered;
    assert_int_equal(snapshot_covered(&f->disk, FIXTURE_DIR, &covered), ERR_OK);
    assert_true(covered >= fixture_start(f));
}

static void expect_all_gone(struct fixture *f, uint64_t end) {
    assert_int_equal(fixture_start(f), end);
    assert_int_equal(fixture_end(f), end);
    assert_int_equal(look(f).files, 0);
    expect_two_snapshots(f);
}

/* Goal: a shop's last events go in time, no earlier, and without another event:
 * two files hold the state, and whichever of them is bad, the shop starts and
 * goes on. */
static void test_an_idle_shops_events_go(void **state) {
    struct fixture *f = *state;
    static const char *const files[] = {".snap", ".copy"};
    uint64_t end = commit_the_last_event(f);
    uint64_t hash = fixture_hash(f);
    pass_hours(f, KEEP_MAX_HOURS - 2);
    ticks(f, end);
    assert_int_equal(fixture_start(f), 0);
    pass_hours(f, 1);
    ticks(f, end - 1); /* the cloud does not have it */
    assert_int_equal(fixture_start(f), 0);
    for (int i = 0; i < 4; i++) { /* this soon */
        tick(f, end);
    }
    expect_all_gone(f, end);
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, FIXTURE_DIR "/%020d%s", (int)end, files[i]);
        fixture_close(f);
        fake_disk_flip(f->fake, path, 8 * 60);
        fixture_open(f);
        assert_true(fixture_hash(f) == hash);
        ticks(f, end);
        expect_all_gone(f, end); /* and two files again */
        fixture_commit_orders(f, i, 1);
        hash = fixture_hash(f);
        pass_hours(f, KEEP_MAX_HOURS);
        end = fixture_end(f);
        ticks(f, end);
        expect_all_gone(f, end);
    }
}

static int64_t changed_us(struct fixture *f, uint64_t seq, const char *suffix) {
    char path[64];
    int64_t us = 0;
    snprintf(path, sizeof path, FIXTURE_DIR "/%020d%s", (int)seq, suffix);
    (void)f->disk.changed_us(f->disk.self, path, &us);
    return us;
}

/* Goal: both are written once, and an ordinary snapshot takes the place of the
 * copy. */
static void test_an_idle_shop_rests(void **state) {
    struct fixture *f = *state;
    uint64_t seqs[SNAPSHOTS_KEPT];
    size_t count;
    uint64_t end = commit_the_last_event(f);
    pass_hours(f, KEEP_MAX_HOURS);
    int64_t first_us = 0;
    for (int i = 0; i < TICKS; i++) {
        tick(f, end);
        first_us = first_us == 0 ? changed_us(f, end, ".copy") : first_us;
    }
    assert_true(first_us > 0);
    assert_true(changed_us(f, end, ".copy") == first_us);
    assert_true(changed_us(f, end, ".snap") <= first_us);
    uint64_t written = stream_written(f->stream);
    for (int i = 0; i < 10; i++) {
        pass_hours(f, KEEP_MAX_HOURS);
        ticks(f, end);
    }
    assert_true(stream_written(f->stream) == written);
    for (uint64_t number = 0; number < 60; number++) {
        if (stream_is_full(f->stream)) {
            fixture_commit(f); /* finds room */
        }
        fixture_large_order(f, number);
        fixture_commit(f);
    }
    assert_int_equal(snapshot_list(&f->disk, FIXTURE_DIR, seqs, &count),
                     ERR_OK);
    assert_int_equal(count, SNAPSHOTS_KEPT);
    assert_true(seqs[1] > end);
    assert_true(changed_us(f, end, ".copy") == 0);
}

/* Goal: the same at a start after a long time without power. */
static void test_a_shop_that_was_off(void **state) {
    struct fixture *f = *state;
    uint64_t end = commit_the_last_event(f);
    uint64_t hash = fixture_hash(f);
    fixture_close(f);
    pass_hours(f, 60 * 24);
    f->known_end = end;
    fixture_open(f);
    ticks(f, end);
    expect_all_gone(f, end);
    fixture_crash(f, FAKE_DROP);
    fixture_open(f);
    assert_true(fixture_hash(f) == hash);
}

/* Goal: the power goes at any call meanwhile: the shop that starts is the same,
 * and the events go then. */
static void test_the_power_goes_meanwhile(void **state) {
    (void)state;
    bool done = false;
    uint64_t stop = 1;
    for (; !done; stop++) {
        struct fixture *f = fixture_new(stop);
        uint64_t end = commit_the_last_event(f);
        uint64_t hash = fixture_hash(f);
        pass_hours(f, KEEP_MAX_HOURS);
        fake_disk_stop_at(f->fake, stop);
        for (int i = 0; i < 6 && f->seen.failed_calls == 0; i++) {
            tick(f, end);
        }
        done = !fake_disk_stopped(f->fake);
        fixture_crash(f, FAKE_TEAR);
        f->known_end = end;
        fixture_open(f);
        assert_true(fixture_hash(f) == hash);
        ticks(f, end);
        expect_all_gone(f, end);
        assert_true(fixture_hash(f) == hash);
        fixture_close(f);
        fixture_free(f);
    }
    assert_true(stop > 20);
}

/* Goal: if one of the two cannot be written, both are tried again, and nothing
 * goes before. */
static void test_no_room_for_two(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth <= 2; nth++) {
        struct fixture *f = fixture_new(nth);
        uint64_t end = commit_the_last_event(f);
        pass_hours(f, KEEP_MAX_HOURS);
        tick(f, end); /* ends the segment */
        fake_disk_fail_at(f->fake, FAKE_RENAME, nth, ERR_FULL);
        tick(f, end);
        assert_true(fake_disk_failed(f->fake));
        assert_int_equal(fixture_start(f), 0);
        ticks(f, end);
        expect_all_gone(f, end);
        fixture_close(f);
        fixture_free(f);
    }
}

/* Goal: a stream in which nothing happens notices that its directory is gone.
 */
static void test_a_place_that_is_gone(void **state) {
    struct fixture *f = *state;
    fixture_open(f); /* without a keep_max */
    commit_personal(f, 0, 1);
    tick(f, 0);
    assert_int_equal(f->seen.failed_calls, 0);
    assert_int_equal(f->disk.rename(f->disk.self, FIXTURE_DIR, "/data/away"),
                     ERR_OK);
    tick(f, 0);
    assert_int_equal(f->seen.failed_calls, 1);
    assert_non_null(strstr(f->seen.failed.text, "removed or replaced"));
    tick(f, 0);
    assert_int_equal(f->seen.failed_calls, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_delivered_events_go),
        FIXTURE_TEST(test_undelivered_events_stay),
        FIXTURE_TEST(test_no_limit),
        cmocka_unit_test(test_remains),
        cmocka_unit_test(test_remains_once),
        FIXTURE_TEST(test_remains_behind_the_end),
        FIXTURE_TEST(test_files_set_aside),
        FIXTURE_TEST(test_an_idle_shops_events_go),
        FIXTURE_TEST(test_an_idle_shop_rests),
        FIXTURE_TEST(test_a_shop_that_was_off),
        cmocka_unit_test(test_the_power_goes_meanwhile),
        cmocka_unit_test(test_no_room_for_two),
        FIXTURE_TEST(test_a_place_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
