/* SPDX-License-Identifier: Apache-2.0 */
/* What the bus knows of a service. Services do not know each other: they
 * exchange events only.
 *
 * Each keeps a state for each order, and a table of (event type, state) with
 * every pair filled. react() is called before apply(), so both see the state
 * before the event. A pair that only a bug or an incomplete journal can produce
 * is marked NEVER in the tables, and is not admitted.
 *
 * A ConfigChanged is about no order; a service whose rules changed keeps their
 * version and has a table for each. */
#ifndef GATEWAY_SHOP_SERVICE_H
#define GATEWAY_SHOP_SERVICE_H

#include "gateway/shop/reaction.h"
#include "gateway/shop/settings.h"
#include "gateway/shop/table.h"

/* In a verb's `next`: the state stays as it is. */
enum { SERVICE_STAY = 0xff };

struct service_options {
    const char *currency; /* for orders without one; copied */
    uint32_t rules;       /* of the first record */
    struct shop_settings settings;
};

struct service {
    void *(*open)(const struct service_options *options); /* NULL: no memory */
    void (*close)(void *self);                            /* takes NULL */
    /* Whether the event can follow what was applied before it. */
    bool (*admits)(const void *self, const struct shop_event *event);
    /* Live only, of what is admitted: decides what to publish, changes nothing.
     * ERR_FULL. */
    err_t (*react)(const void *self, const struct shop_event *event,
                   struct reaction *reaction);
    /* Live and in replay, of what all services admit: changes the service's own
     * state. ERR_MEMORY. */
    err_t (*apply)(void *self, const struct shop_event *event);
    uint64_t (*hash)(const void *self);
    /* For a snapshot: writes the whole state, and reads it into a service just
     * opened. The bytes are this service's own; `saved_versions` names their
     * shape under each version of the rules, and a change of it takes the
     * next. Under SHOP_RULES_FIRST they and the hash stay as they are: release
     * 0.2.0 reads and writes them. ERR_PARSE for what save() never writes,
     * ERR_MEMORY. */
    uint32_t saved_versions[SHOP_RULES_NEWEST + 1];
    void (*save)(const void *self, struct writer *to);
    err_t (*load)(void *self, uint32_t rules, struct cursor *from);
    /* The order's state, by the service's own enum; 0 for an unknown one. */
    uint32_t (*state)(const void *self, struct slice order_id);
};

#endif
