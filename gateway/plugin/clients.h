/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected to the broker: from its pointer of a connection to what was
 * proved at the CONNECT. The pointer is only a key. The broker uses memory
 * again, so one is found here from its admission to its end, and no longer. */
#ifndef GATEWAY_PLUGIN_CLIENTS_H
#define GATEWAY_PLUGIN_CLIENTS_H

#include "gateway/identity/account.h"
#include "gateway/identity/report.h"
#include "gateway/identity/revoked.h"
#include "gateway/identity/rules.h"

enum { CLIENT_ID_MAX = 128 }; /* with its NUL; longer ids are refused */

struct client {
    const void *key;
    bool refused;  /* at the CONNECT: its end is no news */
    bool replaced; /* by one of the same id: its end was told already */
    enum rules_who who;
    enum report_by by;
    bool keeps;                      /* a session, as it said */
    bool leaves;                     /* perhaps one, as MQTT 5 has it */
    char name[ACCOUNT_NAME_MAX];     /* "" = anonymous */
    char hash[ACCOUNT_HASH_MAX];     /* that its password was checked against */
    char serial[REVOKED_SERIAL_MAX]; /* of its certificate */
    char id[CLIENT_ID_MAX];
    char address[64];
    int64_t since_us; /* since 1970, as the next */
    int64_t certificate_ends_us;
    const struct account *account; /* of the set in force; NULL if it is none */
};

/* Zeroed is empty. */
struct clients {
    struct client **slots; /* an open hash table */
    uint32_t cap;          /* a power of two, at least twice the count */
    uint32_t count;
};

/* NULL if there is none. */
struct client *clients_find(const struct clients *clients, const void *key);
/* A zeroed one under this key, in the place of one that was there. It stays
 * where it is until it is removed. ERR_MEMORY. */
err_t clients_put(struct clients *clients, const void *key,
                  struct client **ret) MUST_USE;
void clients_remove(struct clients *clients, const void *key);
/* One after another, in no order: begin with *at = 0; NULL after the last. None
 * may be put or removed meanwhile. */
struct client *clients_next(const struct clients *clients, uint32_t *at);
void clients_free(struct clients *clients); /* leaves an empty one */

#endif
