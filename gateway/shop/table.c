/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/table.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

enum { FIRST_CAPACITY = 64 };

struct slice table_key(const struct table_entry *entry) {
    return slice_of(entry->key, entry->key_len);
}

void table_free(struct table *table,
                void (*free_entry)(struct table_entry *entry)) {
    struct table_entry *entry = table->first;
    while (entry != NULL) {
        struct table_entry *next = entry->next;
        if (free_entry != NULL) {
            free_entry(entry);
        }
        free(entry);
        entry = next;
    }
    free(table->slots);
    *table = (struct table){0};
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t find_slot(struct table_entry *const *slots, size_t capacity,
                        uint64_t hash, struct slice key) {
    size_t at = hash & (capacity - 1);
    while (slots[at] != NULL) {
        if (slots[at]->hash == hash && slice_eq(table_key(slots[at]), key)) {
            break;
        }
        at = (at + 1) & (capacity - 1);
    }
    return at;
}

void *table_find(const struct table *table, struct slice key) {
    if (table->capacity == 0) {
        return NULL;
    }
    uint64_t hash = XXH3_64bits(key.data, key.len);
    return table->slots[find_slot(table->slots, table->capacity, hash, key)];
}

/* Doubles when three quarters are taken, so a probe stays short. */
static err_t grow(struct table *table) {
    if (table->count + 1 <= table->capacity / 4 * 3) {
        return ERR_OK;
    }
    size_t capacity =
        table->capacity == 0 ? FIRST_CAPACITY : table->capacity * 2;
    struct table_entry **slots = calloc(capacity, sizeof(*slots));
    ENSURE(slots != NULL, ERR_MEMORY);
    for (struct table_entry *entry = table->first; entry != NULL;
         entry = entry->next) {
        slots[find_slot(slots, capacity, entry->hash, table_key(entry))] =
            entry;
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return ERR_OK;
}

void *table_add(struct table *table, struct slice key, size_t size) {
    assert(size >= sizeof(struct table_entry));
    assert(table_find(table, key) == NULL);
    if (grow(table) != ERR_OK) {
        return NULL;
    }
    struct table_entry *entry = calloc(1, size + key.len);
    if (entry == NULL) {
        return NULL;
    }
    entry->hash = XXH3_64bits(key.data, key.len);
    entry->key = (uint8_t *)entry + size;
    entry->key_len = key.len;
    memcpy(entry->key, key.data, key.len);
    if (table->last != NULL) {
        table->last->next = entry;
    } else {
        table->first = entry;
    }
    table->last = entry;
    table->slots[find_slot(table->slots, table->capacity, entry->hash, key)] =
        entry;
    table->count++;
    return entry;
}
