/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/admission.h"

#include <stdio.h>

#include "gateway/shop/shop.h"

/* The gateway's own topics, and the services' names, which stand where a
 * device's name would in the source of what the shop publishes. */
static const char *const reserved[] = {
    "gateway", "events", "order", "inventory", "payment", "fulfilment",
};

err_t admission_device(struct slice device, struct reason *reason) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (slice_eq_str(device, reserved[i])) {
            return reason_set(reason, ERR_REFUSED,
                              "the device name \"%s\" is the gateway's own: "
                              "give the device another name",
                              reserved[i]);
        }
    }
    if (device.len == 0 || device.len > SHOP_DEVICE_MAX) {
        return reason_set(reason, ERR_REFUSED,
                          "a device name has 1 to %d bytes, this one %zu",
                          SHOP_DEVICE_MAX, device.len);
    }
    for (size_t i = 0; i < device.len; i++) {
        uint8_t c = device.data[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '+' || c == '#') {
            return reason_set(reason, ERR_REFUSED,
                              "a device name holds no control character and "
                              "none of / + #");
        }
    }
    if (!slice_is_utf8(device)) {
        return reason_set(reason, ERR_REFUSED, "a device name is UTF-8");
    }
    return ERR_OK;
}

err_t admission_source(const struct event *event, const char *store,
                       struct slice device, struct reason *reason) {
    char expected[256];
    int len = snprintf(expected, sizeof expected, "/%s/%.*s", store,
                       SLICE_ARG(device));
    if (slice_eq(event->source, slice_of(expected, (size_t)len))) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_REFUSED,
                      "source must be \"%s\", the device of the topic, and is "
                      "\"%.*s\"",
                      expected,
                      event->source.len > 100 ? 100 : (int)event->source.len,
                      (const char *)event->source.data);
}
