/* SPDX-License-Identifier: Apache-2.0 */
/* The table of who is connected, against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/plugin/clients.h"

enum { KEYS = 700, ROUNDS = 200000 / TEST_SHARE };

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Goal: whatever comes and goes, and in whatever order, one is found from its
 * put to its remove, as it was, where it was. Memory of the broker's is used
 * again: a key comes back. */
static void test_as_a_list(void **state) {
    (void)state;
    static char memory[KEYS][48]; /* keys as far apart as the broker's */
    static struct client *there[KEYS];
    struct clients clients = {0};
    const char *given = getenv("EDGE_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 7;
    print_message("seed %llu\n", (unsigned long long)seed);
    uint32_t count = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t i = next_random(&seed) % KEYS;
        const void *key = memory[i];
        assert_ptr_equal(clients_find(&clients, key), there[i]);
        /* It fills up, and empties again. */
        bool fills = round / 5000 % 2 == 0;
        if (next_random(&seed) % 3 < (fills ? 2 : 1)) {
            count += there[i] == NULL;
            assert_int_equal(clients_put(&clients, key, &there[i]), ERR_OK);
            assert_int_equal(there[i]->name[0], '\0');
            snprintf(there[i]->name, sizeof there[i]->name, "%d", (int)i);
        } else {
            count -= there[i] != NULL;
            clients_remove(&clients, key);
            there[i] = NULL;
        }
        assert_int_equal(clients.count, count);
        assert_true(clients.cap >= 2 * clients.count);
    }
    uint32_t at = 0;
    const struct client *client;
    while ((client = clients_next(&clients, &at)) != NULL) {
        assert_ptr_equal(client, there[atoi(client->name)]);
        count--;
    }
    assert_int_equal(count, 0);
    clients_free(&clients);
    assert_null(clients_find(&clients, memory[0]));
}

/* Goal: a key that is put again begins anew. */
static void test_used_again(void **state) {
    (void)state;
    struct clients clients = {0};
    struct client *first;
    struct client *second;
    int key = 0;
    assert_int_equal(clients_put(&clients, &key, &first), ERR_OK);
    first->who = RULES_GATEWAY;
    assert_int_equal(clients_put(&clients, &key, &second), ERR_OK);
    assert_int_equal(second->who, RULES_ANONYMOUS);
    assert_int_equal(clients.count, 1);
    clients_remove(&clients, &key);
    clients_remove(&clients, &key);
    assert_int_equal(clients.count, 0);
    clients_free(&clients);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_a_list),
        cmocka_unit_test(test_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
