/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing. What is removed leaves no mark: those
 * behind it that would not be found any more move up. */
#include "gateway/plugin/clients.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS_FIRST = 64 };

/* Pointers differ in their middle bits; the product's upper half has all of
 * them (Fibonacci hashing). */
static uint32_t home(const struct clients *clients, const void *key) {
    uint64_t mixed = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed >> 32) & (clients->cap - 1);
}

static uint32_t next(const struct clients *clients, uint32_t at) {
    return (at + 1) & (clients->cap - 1);
}

/* Where it is, or where it would be put. */
static uint32_t slot_of(const struct clients *clients, const void *key) {
    uint32_t at = home(clients, key);
    while (clients->slots[at] != NULL && clients->slots[at]->key != key) {
        at = next(clients, at);
    }
    return at;
}

struct client *clients_find(const struct clients *clients, const void *key) {
    assert((clients->cap & (clients->cap - 1)) == 0);
    return clients->cap == 0 ? NULL : clients->slots[slot_of(clients, key)];
}

static err_t grow(struct clients *clients) {
    if (clients->count + 1 <= clients->cap / 2) {
        return ERR_OK;
    }
    struct clients larger = {
        .cap = clients->cap == 0 ? SLOTS_FIRST : 2 * clients->cap,
        .count = clients->count,
    };
    larger.slots = calloc(larger.cap, sizeof(struct client *));
    ENSURE(larger.slots != NULL, ERR_MEMORY);
    for (uint32_t at = 0; at < clients->cap; at++) {
        struct client *client = clients->slots[at];
        if (client != NULL) {
            larger.slots[slot_of(&larger, client->key)] = client;
        }
    }
    free(clients->slots);
    *clients = larger;
    return ERR_OK;
}

err_t clients_put(struct clients *clients, const void *key,
                  struct client **ret) {
    assert(key != NULL);
    TRY(grow(clients));
    assert(clients->count < clients->cap); /* so that every search ends */
    uint32_t at = slot_of(clients, key);
    struct client *client = clients->slots[at];
    if (client == NULL) {
        client = malloc(sizeof *client);
        ENSURE(client != NULL, ERR_MEMORY);
        clients->slots[at] = client;
        clients->count++;
    }
    *client = (struct client){.key = key};
    *ret = client;
    return ERR_OK;
}

/* Fills the gap at `at` with what is only found by passing over it. */
static void move_up(struct clients *clients, uint32_t at) {
    uint32_t gap = at;
    for (at = next(clients, at); clients->slots[at] != NULL;
         at = next(clients, at)) {
        uint32_t from_home =
            (at - home(clients, clients->slots[at]->key)) & (clients->cap - 1);
        uint32_t from_gap = (at - gap) & (clients->cap - 1);
        if (from_home >= from_gap) {
            clients->slots[gap] = clients->slots[at];
            gap = at;
        }
    }
    clients->slots[gap] = NULL;
}

void clients_remove(struct clients *clients, const void *key) {
    if (clients_find(clients, key) == NULL) {
        return;
    }
    uint32_t at = slot_of(clients, key);
    free(clients->slots[at]);
    assert(clients->count > 0);
    clients->count--;
    move_up(clients, at);
    assert(clients_find(clients, key) == NULL);
}

struct client *clients_next(const struct clients *clients, uint32_t *at) {
    while (*at < clients->cap) {
        struct client *client = clients->slots[(*at)++];
        if (client != NULL) {
            return client;
        }
    }
    return NULL;
}

void clients_free(struct clients *clients) {
    uint32_t at = 0;
    struct client *client;
    while ((client = clients_next(clients, &at)) != NULL) {
        free(client);
    }
    free(clients->slots);
    *clients = (struct clients){0};
}
