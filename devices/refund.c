/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/refund.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_answered(const struct refunds *refunds, const char *id) {
    uint64_t kept =
        refunds->count < REFUNDS_KEPT ? refunds->count : REFUNDS_KEPT;
    for (uint64_t i = 0; i < kept; i++) {
        if (strcmp(refunds->ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

/* A till hears of all refunds of its orders; a terminal's are the terminal's.
 */
static bool has_money(const struct device *device, const cJSON *owed,
                      const char *how) {
    const char *terminal = message_text(owed, "terminal");
    return strcmp(how, "cash") == 0 ? terminal[0] == '\0'
                                    : strcmp(terminal, device->name) == 0;
}

/* Under an id that no order of a till has. */
static err_t confirm(const struct refunds *refunds, struct device *device,
                     const char *order_id, const cJSON *data) {
    char id[OUTBOX_ID_SIZE];
    ENSURE(device_has_room(device, 1), ERR_FULL);
    int len =
        snprintf(id, sizeof id, "%s-%s-back-%" PRIu64, device->setting->prefix,
                 device->name, refunds->count + 1);
    ENSURE(len > 0 && (size_t)len < sizeof id, ERR_RANGE);
    const struct message_event event = {
        .id = id,
        .type = "RefundConfirmed",
        .subject = order_id,
        .data = data,
        .wall_us = client_wall_us(),
    };
    return client_send(&device->client, &event);
}

void refunds_notice(struct refunds *refunds, struct device *device,
                    const cJSON *event, const char *how) {
    const cJSON *owed = cJSON_GetObjectItemCaseSensitive(event, "data");
    const char *id = message_text(owed, "refundId");
    if (strcmp(message_text(event, "type"), "PaymentRefunded") != 0 ||
        id[0] == '\0' || strlen(id) >= REFUND_ID_SIZE ||
        !has_money(device, owed, how) || is_answered(refunds, id)) {
        return;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "refundId", id);
    cJSON_AddStringToObject(data, "how", how);
    if (confirm(refunds, device, message_text(owed, "orderId"), data) ==
        ERR_OK) {
        snprintf(refunds->ids[refunds->count % REFUNDS_KEPT], REFUND_ID_SIZE,
                 "%s", id);
        refunds->count++;
    }
    cJSON_Delete(data);
}
