/* SPDX-License-Identifier: Apache-2.0 */
/* A published event that a service keeps in order to send it again: in the
 * journal's form, with its position. A zeroed one is empty. */
#ifndef GATEWAY_SHOP_KEPT_H
#define GATEWAY_SHOP_KEPT_H

#include "gateway/event/event.h"
#include "gateway/shop/fingerprint.h"
#include "gateway/shop/limits.h"

struct kept {
    uint8_t *data; /* owned */
    size_t len;
    struct shop_stamp stamp;
};

/* Replaces what was kept. ERR_MEMORY. */
err_t kept_set(struct kept *kept, const struct event *event,
               struct shop_stamp stamp) MUST_USE;
void kept_free(struct kept *kept); /* it is empty afterwards */
/* Borrows from `kept`, which must not be empty. */
void kept_event(const struct kept *kept, struct event *ret);
void kept_fingerprint(const struct kept *kept, struct fingerprint *print);

#endif
