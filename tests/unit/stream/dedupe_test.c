/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the window tells a repeat, a reused id and a new event apart exactly as
 * a plain list of each device's last ids would; no device evicts another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/stream/dedupe.h"

enum { DEVICES = 7, IDS = 3000, STEPS = 60000 };

/* The oracle: the last DEDUPE_WINDOW additions of each device, plainly. */
struct memory {
    int id[DEDUPE_WINDOW];
    uint64_t hash[DEDUPE_WINDOW];
    uint64_t seq[DEDUPE_WINDOW];
    int count;
};

static int oracle_find(const struct memory *memory, int id) {
    for (int i = memory->count - 1; i >= 0; i--) {
        if (memory->id[i] == id) {
            return i;
        }
    }
    return -1;
}

static void oracle_add(struct memory *memory, int id, uint64_t hash,
                       uint64_t seq) {
    if (memory->count == DEDUPE_WINDOW) {
        memmove(memory->id, memory->id + 1, sizeof memory->id - sizeof(int));
        memmove(memory->hash, memory->hash + 1,
                sizeof memory->hash - sizeof(uint64_t));
        memmove(memory->seq, memory->seq + 1,
                sizeof memory->seq - sizeof(uint64_t));
        memory->count--;
    }
    memory->id[memory->count] = id;
    memory->hash[memory->count] = hash;
    memory->seq[memory->count] = seq;
    memory->count++;
}

/* What a snapshot of it gives, in its place. */
static struct dedupe *through_snapshot(struct dedupe *dedupe) {
    static uint8_t saved[1024 * 1024];
    struct writer to = writer_over(saved, sizeof saved);
    dedupe_save(dedupe, &to);
    assert_false(to.full);
    dedupe_free(dedupe);
    struct dedupe *loaded;
    assert_int_equal(dedupe_new(&loaded), ERR_OK);
    struct cursor from = cursor_over(writer_slice(&to));
    assert_int_equal(dedupe_load(loaded, &from), ERR_OK);
    assert_int_equal(cursor_left(&from), 0);
    return loaded;
}

static void agrees_with_a_list(void **state) {
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    static struct memory memories[DEVICES];
    struct dedupe *dedupe;
    assert_int_equal(dedupe_new(&dedupe), ERR_OK);
    for (uint64_t step = 0; step < STEPS; step++) {
        /* The first device gets half of it, so its window turns over often. */
        int d = rand() % 2 ? 0 : rand() % DEVICES;
        int id = rand() % IDS;
        if (step % (STEPS / 16) == STEPS / 20) {
            dedupe = through_snapshot(dedupe);
        }
        uint64_t hash = (uint64_t)(rand() % 2);
        char device[16];
        char name[16];
        snprintf(device, sizeof device, "d%d", d);
        snprintf(name, sizeof name, "id-%d", id);
        uint64_t seq = 0;
        enum dedupe_verdict verdict = dedupe_find(
            dedupe, slice_from_str(device), slice_from_str(name), hash, &seq);
        int at = oracle_find(&memories[d], id);
        if (at < 0) {
            assert_int_equal(verdict, DEDUPE_NEW);
            assert_int_equal(dedupe_add(dedupe, slice_from_str(device),
                                        slice_from_str(name), hash, step),
                             ERR_OK);
            oracle_add(&memories[d], id, hash, step);
            continue;
        }
        assert_int_equal(seq, memories[d].seq[at]);
        assert_int_equal(verdict, memories[d].hash[at] == hash ? DEDUPE_SAME
                                                               : DEDUPE_OTHER);
    }
    dedupe_free(dedupe);
}

static void bounds_the_devices(void **state) {
    (void)state;
    struct dedupe *dedupe;
    assert_int_equal(dedupe_new(&dedupe), ERR_OK);
    for (int i = 0; i < DEDUPE_DEVICES_MAX; i++) {
        char device[16];
        snprintf(device, sizeof device, "d%d", i);
        assert_true(dedupe_has_room(dedupe, slice_from_str(device)));
        assert_int_equal(
            dedupe_add(dedupe, slice_from_str(device), SLICE("id"), 1, 1),
            ERR_OK);
    }
    assert_false(dedupe_has_room(dedupe, SLICE("one more")));
    assert_int_equal(dedupe_add(dedupe, SLICE("one more"), SLICE("id"), 1, 1),
                     ERR_FULL);
    assert_true(dedupe_has_room(dedupe, SLICE("d77")));
    assert_int_equal(dedupe_add(dedupe, SLICE("d77"), SLICE("id2"), 1, 2),
                     ERR_OK);
    dedupe_free(dedupe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_list),
        cmocka_unit_test(bounds_the_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
