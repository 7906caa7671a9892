/* SPDX-License-Identifier: Apache-2.0 */
/* A till places orders and follows each to its end by the notices it gets.
 * Notices are best effort: if an order was confirmed but shows no end, it is
 * placed again under a new event id, and the gateway reports its state. The
 * order id never changes, so nothing is sold twice.
 *
 *   placed --OrderCreated--> accepted --OrderFulfiled--> fulfiled
 *     |                          |-------OrderCancelled--> cancelled
 *     |--OrderRejected, or a rejected receipt------------> rejected
 *
 * Either notice of an end counts from either open state, since the one before
 * may be lost. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/device.h"
#include "devices/order.h"
#include "devices/refund.h"

enum {
    SESSION_S = 3600, /* a notice of an older order may be asked for */
    AGAIN_FIRST_US = 5 * 1000 * 1000,
    AGAIN_MAX_US = 20 * 1000 * 1000,
    EVENTS_PER_ORDER_MAX = 2, /* placed, and placed twice */
    ORDERS_FIRST = 256,
};

enum till_state {
    TILL_PLACED,
    TILL_ACCEPTED,
    TILL_FULFILED,
    TILL_CANCELLED,
    TILL_REJECTED,
};

struct till_order {
    cJSON *data; /* while open, to place it again */
    int64_t placed_us;
    int64_t again_us;      /* 0 while its placing is not confirmed */
    int64_t again_wait_us; /* doubles */
    enum till_state state;
    uint32_t again_count;
    bool cancel; /* to be sent once its placing is confirmed */
};

struct till {
    struct device device;
    struct random rng;
    struct till_order *orders; /* the n-th at n - 1 */
    uint64_t count;
    uint64_t cap;
    uint64_t first_open; /* all before this one have ended */
    struct refunds refunds;
};

static struct till *till_of(struct device *device) {
    return (struct till *)device;
}

static err_t till_start(struct device *device) {
    till_of(device)->rng =
        random_stream(device->setting->seed ^ 1, device->name);
    return ERR_OK;
}

static void till_free(struct device *device) {
    struct till *till = till_of(device);
    for (uint64_t i = 0; i < till->count; i++) {
        cJSON_Delete(till->orders[i].data);
    }
    free(till->orders);
}

static void order_id_format(const struct till *till, uint64_t index,
                            char ret[OUTBOX_ID_SIZE]) {
    snprintf(ret, OUTBOX_ID_SIZE, "%s-%s-%" PRIu64,
             till->device.setting->prefix, till->device.name, index + 1);
}

/* The order that an order id, or an event id derived from it, belongs to, and
 * what follows the order id in it. */
static struct till_order *order_find(struct till *till, const char *id,
                                     uint64_t *ret_index, char **ret_rest) {
    char mine[OUTBOX_ID_SIZE];
    int len = snprintf(mine, sizeof mine, "%s-%s-",
                       till->device.setting->prefix, till->device.name);
    if (strncmp(id, mine, (size_t)len) != 0) {
        return NULL;
    }
    uint64_t number = strtoull(id + len, ret_rest, 10);
    if (number == 0 || number > till->count) {
        return NULL;
    }
    assert(till->count <= till->cap);
    *ret_index = number - 1;
    return &till->orders[number - 1];
}

static err_t order_send(struct till *till, uint64_t index, const char *type,
                        const char *suffix, const cJSON *data) {
    char order_id[OUTBOX_ID_SIZE];
    char event_id[OUTBOX_ID_SIZE];
    assert(index < till->count);
    order_id_format(till, index, order_id);
    int len = snprintf(event_id, sizeof event_id, "%s%s", order_id, suffix);
    ENSURE((size_t)len < sizeof event_id, ERR_RANGE);
    struct message_event event = {
        .id = event_id,
        .type = type,
        .subject = order_id,
        .data = data,
        .wall_us = client_wall_us(),
    };
    return client_send(&till->device.client, &event);
}

/* Only after the order's receipt: a repeat may arrive later than what was sent
 * after it, and a cancellation of an unknown order cancels nothing. */
static void order_cancel(struct till *till, uint64_t index) {
    char order_id[OUTBOX_ID_SIZE];
    order_id_format(till, index, order_id);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "orderId", order_id);
    cJSON_AddStringToObject(data, "reason", "customer changed his mind");
    /* ERR_FULL: at the next receipt for this order, if there is one. */
    till->orders[index].cancel = order_send(till, index, "OrderCancelRequested",
                                            "-cancel", data) == ERR_FULL;
    cJSON_Delete(data);
}

static err_t orders_grow(struct till *till) {
    if (till->count < till->cap) {
        return ERR_OK;
    }
    assert(till->count == till->cap);
    uint64_t cap = till->cap == 0 ? ORDERS_FIRST : till->cap * 2;
    struct till_order *orders =
        realloc(till->orders, cap * sizeof *till->orders);
    ENSURE(orders != NULL, ERR_MEMORY);
    till->orders = orders;
    till->cap = cap;
    return ERR_OK;
}

static err_t till_act(struct device *device) {
    struct till *till = till_of(device);
    char order_id[OUTBOX_ID_SIZE];
    ENSURE(device_has_room(device, EVENTS_PER_ORDER_MAX), ERR_FULL);
    TRY(orders_grow(till));

    uint64_t index = till->count++;
    order_id_format(till, index, order_id);
    struct order_plan plan =
        order_draw(&till->rng, order_id, device->setting->terminals);
    till->orders[index] = (struct till_order){
        .data = plan.data,
        .placed_us = client_now_us(),
        .again_wait_us = AGAIN_FIRST_US,
        .cancel = plan.cancel,
    };
    device->setting->report->placed++;
    TRY(order_send(till, index, "OrderPlaced", "", plan.data));
    if (plan.twice) {
        TRY(order_send(till, index, "OrderPlaced", "-twice", plan.data));
    }
    return ERR_OK;
}

static bool order_is_open(const struct till_order *order) {
    return order->state == TILL_PLACED || order->state == TILL_ACCEPTED;
}

/* Counts an end once; two different ends are a fault. */
static void order_end(struct till *till, uint64_t index, enum till_state end,
                      const char *type) {
    struct till_order *order = &till->orders[index];
    struct report *report = till->device.setting->report;
    char order_id[OUTBOX_ID_SIZE];
    if (!order_is_open(order)) {
        report->double_ends += order->state != end;
        return;
    }
    report->accepted += order->state == TILL_PLACED && end != TILL_REJECTED;
    report->fulfiled += end == TILL_FULFILED;
    report->cancelled += end == TILL_CANCELLED;
    report->rejected += end == TILL_REJECTED;
    order->state = end;
    cJSON_Delete(order->data);
    order->data = NULL;
    order_id_format(till, index, order_id);
    report_end(report, till->device.name, order_id, type,
               client_now_us() - order->placed_us);
    while (till->first_open < till->count &&
           !order_is_open(&till->orders[till->first_open])) {
        till->first_open++;
    }
}

static void till_receipt(struct device *device,
                         const struct client_receipt *got) {
    struct till *till = till_of(device);
    uint64_t index;
    char *rest;
    struct till_order *order = order_find(till, got->id, &index, &rest);
    if (order == NULL) {
        return;
    }
    if (got->accepted && order->cancel) {
        order_cancel(till, index);
    }
    if (!order_is_open(order)) {
        return;
    }
    if (got->accepted) {
        order->again_us = client_now_us() + order->again_wait_us;
    } else if (*rest == '\0') {
        order_end(till, index, TILL_REJECTED, "rejected receipt");
    }
}

static void till_notice(struct device *device, const cJSON *event) {
    static const struct {
        const char *type;
        enum till_state state;
    } notices[] = {
        {"OrderCreated", TILL_ACCEPTED},
        {"OrderFulfiled", TILL_FULFILED},
        {"OrderCancelled", TILL_CANCELLED},
        {"OrderRejected", TILL_REJECTED},
    };
    struct till *till = till_of(device);
    refunds_notice(&till->refunds, device, event, "cash");
    const char *type = message_text(event, "type");
    uint64_t index;
    char *rest;
    struct till_order *order =
        order_find(till, message_text(event, "subject"), &index, &rest);
    if (order == NULL || *rest != '\0') {
        return;
    }
    for (size_t i = 0; i < sizeof notices / sizeof notices[0]; i++) {
        if (strcmp(type, notices[i].type) != 0) {
            continue;
        }
        if (notices[i].state != TILL_ACCEPTED) {
            order_end(till, index, notices[i].state, type);
        } else if (order->state == TILL_PLACED) {
            order->state = TILL_ACCEPTED;
            device->setting->report->accepted++;
        }
    }
}

static void order_again(struct till *till, uint64_t index) {
    struct till_order *order = &till->orders[index];
    char suffix[32];
    if (!device_has_room(&till->device, 1)) {
        return; /* at a later tick */
    }
    snprintf(suffix, sizeof suffix, "-again-%" PRIu32, ++order->again_count);
    order->again_us = 0;
    order->again_wait_us *= 2;
    if (order->again_wait_us > AGAIN_MAX_US) {
        order->again_wait_us = AGAIN_MAX_US;
    }
    if (order_send(till, index, "OrderPlaced", suffix, order->data) == ERR_OK) {
        till->device.setting->report->placed_again++;
    }
}

static void till_tick(struct device *device, int64_t now_us) {
    struct till *till = till_of(device);
    for (uint64_t i = till->first_open; i < till->count; i++) {
        struct till_order *order = &till->orders[i];
        if (order_is_open(order) && order->again_us != 0 &&
            order->again_us <= now_us) {
            order_again(till, i);
        }
    }
}

static bool till_busy(const struct device *device) {
    const struct till *till = (const struct till *)device;
    return till->first_open < till->count;
}

const struct device_kind *till_kind(void) {
    static const struct device_kind kind = {
        .name = "till",
        .leaf = "orders",
        .size = sizeof(struct till),
        .session_s = SESSION_S,
        .start = till_start,
        .act = till_act,
        .tick = till_tick,
        .receipt = till_receipt,
        .notice = till_notice,
        .busy = till_busy,
        .free = till_free,
    };
    return &kind;
}
