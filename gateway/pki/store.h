/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a CA, and changes of several of its files that happen as a
 * whole: a new key and its certificate, the index, the revocation list.
 *
 *     ca.pem, ca.key, crl.pem, server.pem, server.key, index, lock
 *     issued/NAME.pem, issued/NAME.key, issued/NAME.p12
 *
 * A change is first written to one file, `change`, which is synced and renamed
 * to that name: from then on it has happened. Then its files are put in their
 * places, each by a rename, and `change` is removed. After a kill or a power
 * cut at any step the next command finishes what it finds, and whoever only
 * reads takes from it what is not in its place yet: so a key and a certificate
 * that do not match are never seen.
 *
 *     shopme-edge change 1
 *     put issued/till-1.pem 700
 *     ... 700 bytes ...
 *     remove issued/till-1.p12
 *     end 2
 *
 * One writer at a time, by `lock`. Files have mode 0600, folders 0700; all of
 * them belong to who owns the folder, or, if it is made, the one around it. */
#ifndef GATEWAY_PKI_STORE_H
#define GATEWAY_PKI_STORE_H

#include "gateway/pki/octets.h"

enum {
    STORE_DIR_MAX = 1024,
    STORE_NAME_MAX = 96, /* "issued/", a device's name, ".pem" */
    STORE_PATH_MAX = STORE_DIR_MAX + STORE_NAME_MAX,
    STORE_BYTES_MAX = 128 * 1024 * 1024, /* of a file or a change */
};

struct store {
    const struct disk *disk;
    char dir[STORE_DIR_MAX];
    int lock_fd; /* -1: none */
};

/* Locks the folder, which is made if `create`, and finishes a change that was
 * cut short. `disk` outlives it. ERR_NOT_FOUND if there is no folder, ERR_BUSY
 * if another command is at work, ERR_CORRUPT, ERR_IO, ERR_FULL, ERR_RANGE. */
err_t store_open(struct store *store, const struct disk *disk, const char *dir,
                 bool create, struct reason *reason) MUST_USE;
void store_close(struct store *store);

struct store_item {
    char name[STORE_NAME_MAX];
    bool removed;
    struct octets bytes;
};

struct store_change {
    struct store_item *items; /* owned */
    uint32_t count;
    uint32_t room;
};

/* Adds a file, whose bytes are copied; a later one of that name wins. */
err_t store_put(struct store_change *change, const char *name,
                struct slice bytes) MUST_USE; /* ERR_MEMORY */
err_t store_remove(struct store_change *change,
                   const char *name) MUST_USE;       /* ERR_MEMORY */
void store_change_free(struct store_change *change); /* leaves none */

/* ERR_IO, ERR_FULL: then nothing has changed, or the next store_open() finishes
 * it; the reason says which. */
err_t store_commit(struct store *store, const struct store_change *change,
                   struct reason *reason) MUST_USE;

/* One file as it is after all changes; needs no lock. ERR_NOT_FOUND without a
 * reason, ERR_RANGE if it is larger than `max`, ERR_CORRUPT, ERR_IO. */
err_t store_read(const struct disk *disk, const char *dir, const char *name,
                 size_t max, struct octets *ret,
                 struct reason *reason) MUST_USE;

/* Of the bytes of a file `change`: what it does to `name`. ERR_NOT_FOUND if
 * nothing, ERR_END if it removes it, ERR_CORRUPT. */
err_t store_find(struct slice change, const char *name,
                 struct slice *ret) MUST_USE;

#endif
