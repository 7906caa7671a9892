/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: of the sessions that clients without a name leave, no more are kept
 * than there are places, whichever way they come about; who has one gets in
 * again, one that has ended frees its place, and what is queued is bounded. */
#include "gateway/plugin/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { S = 1000 * 1000, SESSIONS = 256 };

struct world {
    struct places places;
    struct clients clients;
    struct places_now now;
    char sessions[SESSIONS][CLIENT_ID_MAX]; /* that the broker has */
    int asked;
};

static bool has(void *self, const char *id) {
    struct world *w = self;
    w->asked++;
    for (int i = 0; i < SESSIONS; i++) {
        if (strcmp(w->sessions[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->now = (struct places_now){&w->clients, 1800000000, 100 * S, has, w};
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    places_free(&w->places);
    clients_free(&w->clients);
    free(w);
    return 0;
}

static const char *id_of(int n) {
    static char ids[4][CLIENT_ID_MAX];
    static int next;
    next = (next + 1) % 4;
    snprintf(ids[next], CLIENT_ID_MAX, "c%d", n);
    return ids[next];
}

static bool enter(struct world *w, int n, enum places_wish wish) {
    struct client *client;
    if (!places_enter(&w->places, &w->now, id_of(n), wish, false)) {
        return false;
    }
    assert_int_equal(clients_put(&w->clients, w->sessions[n], &client), ERR_OK);
    snprintf(client->id, sizeof client->id, "%s", id_of(n));
    return true;
}

/* It goes, and the broker keeps its session or does not. What is told then. */
static const char *leave(struct world *w, int n, enum places_wish wish,
                         bool stays) {
    snprintf(w->sessions[n], CLIENT_ID_MAX, "%s", stays ? id_of(n) : "");
    clients_remove(&w->clients, w->sessions[n]);
    places_left(&w->places, id_of(n), wish, false);
    return places_settle(&w->places, &w->now);
}

static void fill(struct world *w) {
    for (int n = 0; n < PLACES_MAX; n++) {
        assert_true(enter(w, n, PLACES_YES));
        assert_null(leave(w, n, PLACES_YES, true));
    }
}

/* Goal: as many as there are places, and not one more; clean ones always. */
static void test_bound(void **state) {
    struct world *w = *state;
    fill(w);
    assert_false(enter(w, 100, PLACES_YES));
    assert_true(enter(w, 3, PLACES_YES));
    assert_null(leave(w, 3, PLACES_YES, true));
    for (int n = 100; n < 200; n++) {
        assert_true(enter(w, n, PLACES_NO));
        assert_null(leave(w, n, PLACES_NO, false));
        assert_true(enter(w, n, PLACES_MAYBE));
        assert_null(leave(w, n, PLACES_MAYBE, false));
    }
    assert_int_equal(w->places.count, PLACES_MAX);
    assert_null(places_surplus(&w->places, &w->now));
}

/* Goal: a clean session in its place, MQTT 5's end, and its expiry free it. */
static void test_frees(void **state) {
    struct world *w = *state;
    fill(w);
    assert_true(enter(w, 5, PLACES_NO)); /* the broker forgets the old one */
    assert_null(leave(w, 5, PLACES_NO, false));
    assert_true(enter(w, 100, PLACES_YES));
    assert_false(enter(w, 101, PLACES_YES));
    assert_null(leave(w, 100, PLACES_YES, false)); /* no expiry */
    assert_true(enter(w, 101, PLACES_YES));
    w->sessions[7][0] = '\0';                /* expires */
    assert_false(enter(w, 102, PLACES_YES)); /* looked just now */
    w->now.mono_us += 61 * S;
    assert_true(enter(w, 102, PLACES_YES));
    int asked = w->asked;
    assert_false(enter(w, 103, PLACES_YES));
    assert_int_equal(w->asked, asked);
}

/* Goal: what MQTT 5 left without a place is named until it is ended, gets
 * nothing, and keeps others of MQTT 5 out once there is much of it. */
static void test_surplus(void **state) {
    struct world *w = *state;
    fill(w);
    for (int n = 100; n < 100 + PLACES_SURPLUS_MAX; n++) {
        assert_true(enter(w, n, PLACES_MAYBE));
        assert_string_equal(leave(w, n, PLACES_MAYBE, true), id_of(n));
        assert_false(places_queue(&w->places, &w->now, id_of(n), 1));
    }
    assert_false(enter(w, 200, PLACES_MAYBE));
    assert_true(enter(w, 200, PLACES_NO));
    assert_true(enter(w, 1, PLACES_MAYBE)); /* has a place */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PLACES_SURPLUS_MAX; i++) {
            assert_non_null(places_surplus(&w->places, &w->now));
        }
        assert_null(places_surplus(&w->places, &w->now)); /* told just now */
        w->now.mono_us += 4 * S;
    }
    for (int n = 100; n < 100 + PLACES_SURPLUS_MAX; n++) {
        places_ended(&w->places, id_of(n));
    }
    assert_null(places_surplus(&w->places, &w->now));
    assert_int_equal(w->places.count, PLACES_MAX);
}

/* Goal: an account's under another id has no place, though there are some. */
static void test_named(void **state) {
    struct world *w = *state;
    snprintf(w->sessions[0], CLIENT_ID_MAX, "other");
    assert_true(places_enter(&w->places, &w->now, "other", PLACES_MAYBE, true));
    places_left(&w->places, "other", PLACES_MAYBE, true);
    assert_string_equal(places_settle(&w->places, &w->now), "other");
    assert_string_equal(places_surplus(&w->places, &w->now), "other");
}

/* Goal: the broker is not asked about one whose connection is there (it would
 * be cut), nor about one that it loaded; that ends as it was saved. */
static void test_loaded(void **state) {
    struct world *w = *state;
    static struct rules rules;
    rules.session_count = RULES_SESSIONS_MAX;
    for (int n = 0; n < RULES_SESSIONS_MAX; n++) {
        rules.sessions[n].ends_s = 1800000000 + 1 + n;
        snprintf(rules.sessions[n].client_id, CLIENT_ID_MAX, "c%d", n);
    }
    places_load(&w->places, &rules);
    places_load(&w->places, &rules); /* (twice the same is once) */
    assert_int_equal(w->places.count, RULES_SESSIONS_MAX);
    assert_false(enter(w, 200, PLACES_YES));
    assert_false(enter(w, PLACES_MAX, PLACES_YES));
    assert_true(enter(w, 0, PLACES_YES));
    w->now.wall_s += 2;
    assert_true(enter(w, 200, PLACES_YES)); /* c1 has expired */
    for (int n = 0; n < RULES_SESSIONS_MAX - PLACES_MAX; n++) {
        const char *id = places_surplus(&w->places, &w->now);
        assert_true(id != NULL && atoi(id + 1) >= PLACES_MAX);
    }
    assert_int_equal(w->asked, 0);
}

/* Goal: bytes are bounded since its client was there; one that nobody knew of
 * is known then. */
static void test_bytes(void **state) {
    struct world *w = *state;
    for (int round = 0; round < 2; round++) {
        uint32_t count = 0;
        while (places_queue(&w->places, &w->now, "c1", 1000)) {
            count++;
        }
        assert_int_equal(count, PLACES_BYTES_MAX / 1064);
        assert_true(enter(w, 1, PLACES_YES));
        assert_null(leave(w, 1, PLACES_YES, true));
    }
    for (int n = 2; n < 2 + PLACES_MAX; n++) {
        assert_int_equal(places_queue(&w->places, &w->now, id_of(n), 1),
                         n < 1 + PLACES_MAX);
    }
    assert_string_equal(places_surplus(&w->places, &w->now),
                        id_of(1 + PLACES_MAX));
}

/* Goal: one that is there again when it is looked at is not asked about. */
static void test_comes_back(void **state) {
    struct world *w = *state;
    assert_true(enter(w, 1, PLACES_MAYBE));
    places_left(&w->places, "c1", PLACES_MAYBE, false);
    assert_null(places_settle(&w->places, &w->now));
    assert_int_equal(w->asked, 0);
    assert_int_equal(w->places.count, 0);
}

#define PLACES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLACES_TEST(test_bound),      PLACES_TEST(test_frees),
        PLACES_TEST(test_surplus),    PLACES_TEST(test_named),
        PLACES_TEST(test_loaded),     PLACES_TEST(test_bytes),
        PLACES_TEST(test_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
