/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table from a short name to an entry that the table owns: open
 * addressing, linear probing, doubling. Entries are never removed and never
 * move. The order of iteration is that of insertion, so it is the same on every
 * machine. */
#ifndef GATEWAY_SHOP_TABLE_H
#define GATEWAY_SHOP_TABLE_H

#include "gateway/base/base.h"

/* The head of every entry: the first member of its struct. */
struct table_entry {
    uint64_t hash;
    struct table_entry *next; /* inserted after this one */
    size_t key_len;
    uint8_t *key; /* owned, in one block with the entry */
};

struct table {
    struct table_entry **slots;
    size_t capacity; /* a power of two, or 0 before the first entry */
    size_t count;
    struct table_entry *first;
    struct table_entry *last;
};

/* Zeroed is ready. `free_entry` (or NULL) frees what an entry holds beyond
 * itself. */
void table_free(struct table *table,
                void (*free_entry)(struct table_entry *entry));
/* NULL if there is no such entry. */
void *table_find(const struct table *table, struct slice key) MUST_USE;
/* Adds a zeroed entry of `size` bytes under a key that is not there yet; NULL
 * if there is no memory. */
void *table_add(struct table *table, struct slice key, size_t size) MUST_USE;
struct slice table_key(const struct table_entry *entry);

#endif
