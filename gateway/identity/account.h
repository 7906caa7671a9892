/* SPDX-License-Identifier: Apache-2.0 */
/* The store's registered devices. Only a registered name has rights, however it
 * proves to be it. Knows nothing of a broker.
 *
 * Kept as text, one item a line, in the order of the names:
 *
 *     shopme-edge accounts 1
 *     device till-1
 *      password $7$101$SALT$HASH       (password.h; none: not by password)
 *      certificate                     (may come by certificate)
 *      channel                         (may read the store's event channel)
 *      topic kitchen/#                 (a filter it may use, up to 16)
 *      added 2026-11-29T10:00:00Z
 *     end 1
 *
 * The last line counts the devices, so that a cut file is known. */
#ifndef GATEWAY_IDENTITY_ACCOUNT_H
#define GATEWAY_IDENTITY_ACCOUNT_H

#include "gateway/base/base.h"

enum {
    ACCOUNT_NAME_MAX = 65, /* with its NUL; 1 to 64 of [A-Za-z0-9._-] */
    ACCOUNT_HASH_MAX = 160,
    ACCOUNT_TOPIC_MAX = 256,
    ACCOUNT_TOPICS_MAX = 16,
    ACCOUNTS_MAX = 10000,
    ACCOUNTS_BYTES_MAX = 64 * 1024 * 1024,
};

struct account {
    char name[ACCOUNT_NAME_MAX];
    char password[ACCOUNT_HASH_MAX]; /* "" = not by password */
    bool certificate;
    bool channel;
    uint32_t topic_count;
    char **topics;    /* owned */
    int64_t added_us; /* since 1970; whole seconds are kept */
};

struct accounts {
    uint32_t count;
    uint32_t room;
    struct account *list; /* by name */
};

/* May a device be called so? ERR_RANGE for other characters or lengths, and for
 * `.` and `..`, ERR_BUSY for a name that is reserved: `gateway`, `anonymous`,
 * `events`, the services', and what begins with `gw-` or `$`. `reason` says it.
 */
err_t account_name_check(struct slice name, struct reason *reason) MUST_USE;
/* May a device be given this filter outside shopme/? A valid MQTT filter whose
 * first level is not `+`, `#`, `shopme` or `$...`. ERR_RANGE. */
err_t account_topic_check(struct slice topic, struct reason *reason) MUST_USE;

/* NULL if there is none. Valid until the accounts change. */
const struct account *accounts_find(const struct accounts *accounts,
                                    const char *name);
/* Adds a copy of it, or replaces the one of that name. ERR_FULL, ERR_MEMORY. */
err_t accounts_put(struct accounts *accounts,
                   const struct account *account) MUST_USE;
/* ERR_NOT_FOUND. */
err_t accounts_remove(struct accounts *accounts, const char *name) MUST_USE;
void accounts_free(struct accounts *accounts); /* leaves an empty one */

/* ERR_CORRUPT with the line and what is wrong, ERR_MEMORY. */
err_t accounts_read(struct slice text, struct accounts *ret,
                    struct reason *reason) MUST_USE;
/* The text, allocated; the caller frees it. ERR_MEMORY. */
err_t accounts_write(const struct accounts *accounts, char **ret,
                     size_t *ret_len) MUST_USE;

#endif
