/* SPDX-License-Identifier: Apache-2.0 */
/* A scanner receives the catalogue when it is switched on, and later more of
 * it, or counts a shelf. Several scanners share the catalogue. One product
 * stays scarce, so that some orders find an empty shelf. */
#include <assert.h>

#include "devices/device.h"
#include "devices/order.h"

enum {
    STOCK_FIRST = 100000,
    STOCK_LATER_MAX = 100,
    STOCK_COUNTED_MIN = 50000,
    SCARCE_FIRST = 5,
    REORDER_LEVEL = 10,
    COUNT_PERCENT = 30, /* of the later events; the rest are deliveries */
};

struct scanner {
    struct device device;
    struct random rng;
};

static void item_add(cJSON *data, uint32_t index, uint32_t quantity,
                     bool first) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "sku", order_product(index)->sku);
    cJSON_AddNumberToObject(item, "quantity", quantity);
    if (first) {
        cJSON_AddNumberToObject(item, "reorderLevel", REORDER_LEVEL);
    }
    cJSON_AddItemToArray(cJSON_GetObjectItem(data, "items"), item);
}

static cJSON *stock_data(void) {
    cJSON *data = cJSON_CreateObject();
    cJSON_AddArrayToObject(data, "items");
    return data;
}

static err_t stock_send(struct device *device, const char *type, cJSON *data) {
    err_t err = device_send(device, type, NULL, data);
    cJSON_Delete(data);
    return err;
}

/* Its share of the catalogue, if there is one for it. */
static err_t scanner_start(struct device *device) {
    struct scanner *scanner = (struct scanner *)device;
    scanner->rng = random_stream(device->setting->seed ^ 1, device->name);
    if (device->number > ORDER_CATALOGUE_SIZE) {
        return ERR_OK;
    }
    cJSON *data = stock_data();
    assert(device->setting->scanners > 0);
    for (uint32_t i = device->number - 1; i < ORDER_CATALOGUE_SIZE;
         i += device->setting->scanners) {
        item_add(data, i, i == ORDER_SCARCE ? SCARCE_FIRST : STOCK_FIRST, true);
    }
    return stock_send(device, "StockReceived", data);
}

static err_t scanner_act(struct device *device) {
    struct scanner *scanner = (struct scanner *)device;
    struct random *rng = &scanner->rng;
    ENSURE(device_has_room(device, 1), ERR_FULL);
    uint32_t index = random_between(rng, 0, ORDER_CATALOGUE_SIZE - 1);
    bool counted = random_percent(rng, COUNT_PERCENT) && index != ORDER_SCARCE;
    uint32_t quantity =
        counted ? random_between(rng, STOCK_COUNTED_MIN, STOCK_FIRST)
                : random_between(rng, 1, STOCK_LATER_MAX);
    cJSON *data = stock_data();
    item_add(data, index, index == ORDER_SCARCE ? 1 : quantity, false);
    return stock_send(device, counted ? "StockCounted" : "StockReceived", data);
}

const struct device_kind *scanner_kind(void) {
    static const struct device_kind kind = {
        .name = "scanner",
        .leaf = "orders",
        .size = sizeof(struct scanner),
        .start = scanner_start,
        .act = scanner_act,
    };
    return &kind;
}
