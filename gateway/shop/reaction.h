/* SPDX-License-Identifier: Apache-2.0 */
/* What the services decide to publish in reaction to one event: a list that the
 * bus turns into events. Their data is written into the run's arena. */
#ifndef GATEWAY_SHOP_REACTION_H
#define GATEWAY_SHOP_REACTION_H

#include "gateway/shop/kept.h"
#include "gateway/shop/shop_event.h"

struct reaction_output {
    enum event_type type;
    struct slice subject; /* the order's id; empty for stock */
    struct slice data;    /* JSON */
    struct slice told;    /* a device that is told of it besides the placer */
};

struct reaction {
    struct arena *arena;
    struct reaction_output outputs[SHOP_OUTPUTS_MAX];
    uint32_t count;
    const struct kept
        *repeat; /* to send again to the input's device; or NULL */
};

/* Begins one output's data: a writer over the rest of the arena. */
struct writer reaction_begin(struct reaction *reaction) MUST_USE;
/* Ends it. ERR_FULL if the data did not fit. The subject is copied. */
err_t reaction_add(struct reaction *reaction, enum event_type type,
                   struct slice subject, const struct writer *data) MUST_USE;

/* Whom the last output is to be told when the run has ended; copied. */
err_t reaction_tell(struct reaction *reaction, struct slice device) MUST_USE;

/* For writing data: `"name":` and then a value. Every member but the first
 * stands after a comma. */
void reaction_text(struct writer *writer, const char *name, struct slice text);

#endif
