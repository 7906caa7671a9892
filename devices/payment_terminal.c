/* SPDX-License-Identifier: Apache-2.0 */
/* A payment terminal answers each PaymentRequested once: after the time a
 * customer takes, with PaymentAuthorized or PaymentRefused. A request that
 * comes again under the same id gets the same answer under the same event id,
 * or nothing while that answer is still on its way. */
#include <stdio.h>
#include <stdlib.h>

#include "devices/device.h"
#include "devices/order.h"
#include "devices/refund.h"

enum {
    ANSWERS_MAX = 4096, /* kept; then the oldest is dropped */
    ANSWER_MIN_US = 50 * 1000,
    ANSWER_MAX_US = 400 * 1000,
    REFUSED_PERCENT = 10,
    REQUEST_ID_SIZE = 257, /* the longest id of an event, and its end */
};

struct answer {
    char request_id[REQUEST_ID_SIZE];
    char event_id[OUTBOX_ID_SIZE];
    const char *type;
    cJSON *data;     /* owned */
    int64_t wall_us; /* its `time`; the same when it is sent again */
    bool again;      /* was sent before */
    int64_t due_us;  /* when to send it; 0 = nothing to do now */
};

struct terminal {
    struct device device;
    struct answer *answers; /* a ring of ANSWERS_MAX */
    uint64_t count;         /* answers ever; the next is at count % max */
    uint64_t due;           /* answers not due yet */
    struct refunds refunds;
};

static struct terminal *terminal_of(struct device *device) {
    return (struct terminal *)device;
}

static err_t terminal_start(struct device *device) {
    struct terminal *terminal = terminal_of(device);
    terminal->answers = calloc(ANSWERS_MAX, sizeof *terminal->answers);
    return terminal->answers == NULL ? ERR_MEMORY : ERR_OK;
}

static void terminal_free(struct device *device) {
    struct terminal *terminal = terminal_of(device);
    for (uint32_t i = 0; terminal->answers != NULL && i < ANSWERS_MAX; i++) {
        cJSON_Delete(terminal->answers[i].data);
    }
    free(terminal->answers);
}

static struct answer *answer_find(struct terminal *terminal,
                                  const char *request_id) {
    uint64_t kept =
        terminal->count < ANSWERS_MAX ? terminal->count : ANSWERS_MAX;
    for (uint64_t i = 0; i < kept; i++) {
        if (strcmp(terminal->answers[i].request_id, request_id) == 0) {
            return &terminal->answers[i];
        }
    }
    return NULL;
}

/* What the customer does depends on the seed and the order only, not on which
 * request came first. */
static void answer_draw(struct terminal *terminal, struct answer *answer,
                        const cJSON *asked) {
    const char *order_id = message_text(asked, "orderId");
    struct random rng = random_stream(terminal->device.setting->seed, order_id);
    bool refused = random_percent(&rng, REFUSED_PERCENT);
    answer->type = refused ? "PaymentRefused" : "PaymentAuthorized";
    answer->due_us =
        client_now_us() + random_between(&rng, ANSWER_MIN_US, ANSWER_MAX_US);
    answer->data = cJSON_CreateObject();
    cJSON_AddStringToObject(answer->data, "orderId", order_id);
    if (refused) {
        cJSON_AddStringToObject(answer->data, "reason", "declined by the bank");
        return;
    }
    const char *amount = message_text(asked, "amount");
    if (amount[0] != '\0') {
        cJSON_AddStringToObject(answer->data, "amount", amount);
    }
    char transaction[ORDER_SKU_SIZE];
    snprintf(transaction, sizeof transaction, "txn-%016llx",
             (unsigned long long)random_u64(&rng));
    cJSON_AddStringToObject(answer->data, "paymentTransactionId", transaction);
}

static void terminal_notice(struct device *device, const cJSON *event) {
    struct terminal *terminal = terminal_of(device);
    refunds_notice(&terminal->refunds, device, event, "refund");
    const char *request_id = message_text(event, "id");
    const cJSON *asked = cJSON_GetObjectItemCaseSensitive(event, "data");
    if (strcmp(message_text(event, "type"), "PaymentRequested") != 0 ||
        request_id[0] == '\0' || strlen(request_id) >= REQUEST_ID_SIZE ||
        message_text(asked, "orderId")[0] == '\0') {
        return;
    }
    struct answer *answer = answer_find(terminal, request_id);
    if (answer != NULL) {
        terminal->due += answer->due_us == 0;
        answer->due_us = answer->due_us == 0 ? 1 : answer->due_us;
        return;
    }
    answer = &terminal->answers[terminal->count % ANSWERS_MAX];
    if (answer->due_us != 0) {
        return; /* too many at once; the request will come again */
    }
    cJSON_Delete(answer->data);
    terminal->count++;
    terminal->due++;
    snprintf(answer->request_id, sizeof answer->request_id, "%s", request_id);
    answer->again = false;
    device_next_id(device, answer->event_id);
    answer->wall_us = client_wall_us();
    answer_draw(terminal, answer, asked);
}

static void terminal_tick(struct device *device, int64_t now_us) {
    struct terminal *terminal = terminal_of(device);
    for (uint32_t i = 0; i < ANSWERS_MAX && terminal->due > 0; i++) {
        struct answer *answer = &terminal->answers[i];
        if (answer->due_us == 0 || answer->due_us > now_us) {
            continue;
        }
        struct message_event message = {
            .id = answer->event_id,
            .type = answer->type,
            .subject = message_text(answer->data, "orderId"),
            .data = answer->data,
            .wall_us = answer->wall_us,
            .again = answer->again,
        };
        /* ERR_BUSY: it is in the outbox still, and repeated from there. */
        if (client_send(&device->client, &message) != ERR_FULL) {
            answer->due_us = 0;
            answer->again = true;
            terminal->due--;
        }
    }
}

static bool terminal_busy(const struct device *device) {
    return ((const struct terminal *)device)->due > 0;
}

const struct device_kind *payment_terminal_kind(void) {
    static const struct device_kind kind = {
        .name = "terminal",
        .leaf = "orders",
        .size = sizeof(struct terminal),
        .start = terminal_start,
        .tick = terminal_tick,
        .notice = terminal_notice,
        .busy = terminal_busy,
        .free = terminal_free,
    };
    return &kind;
}
