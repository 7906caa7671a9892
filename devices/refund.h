/* SPDX-License-Identifier: Apache-2.0 */
/* Gives money back: answers a PaymentRefunded that this device is told of and
 * that is about money it has, once. */
#ifndef DEVICES_REFUND_H
#define DEVICES_REFUND_H

#include "devices/device.h"

enum { REFUNDS_KEPT = 256, REFUND_ID_SIZE = 49 };

/* The refunds that were answered, the newest of them. Zeroed is empty. */
struct refunds {
    char ids[REFUNDS_KEPT][REFUND_ID_SIZE]; /* a ring */
    uint64_t count;                         /* ever */
};

/* `how` is "refund" or "cash". What finds no room in the outbox is answered
 * when it is told again. */
void refunds_notice(struct refunds *refunds, struct device *device,
                    const cJSON *event, const char *how);

#endif
