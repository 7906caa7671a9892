/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stream/admission.h"

#include <stdio.h>

#include "gateway/event/event_source.h"
#include "gateway/event/event_type.h"
#include "gateway/shop/shop.h"

err_t admission_device(struct slice device, struct reason *reason) {
    /* A topic of the gateway's; who publishes stands where a device's name
     * would in a source. */
    if (slice_eq_str(device, "events") || event_publisher_owns(device)) {
        return reason_set(reason, ERR_REFUSED,
                          "the device name \"%.*s\" is reserved for the "
                          "gateway: give the device another name",
                          SLICE_ARG(device));
    }
    if (device.len == 0 || device.len > SHOP_DEVICE_MAX) {
        return reason_set(
            reason, ERR_REFUSED,
            "a device name must have 1 to %d bytes, this one has %zu",
            SHOP_DEVICE_MAX, device.len);
    }
    for (size_t i = 0; i < device.len; i++) {
        uint8_t c = device.data[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '+' || c == '#') {
            return reason_set(reason, ERR_REFUSED,
                              "a device name must not contain control "
                              "characters or any of / + #");
        }
    }
    if (!slice_is_utf8(device)) {
        return reason_set(reason, ERR_REFUSED, "a device name must be UTF-8");
    }
    return ERR_OK;
}

err_t admission_source(const struct event *event, const char *store,
                       struct slice device, struct reason *reason) {
    struct slice name;
    if (event_source_parse(event->source, slice_from_str(store), &name) ==
            ERR_OK &&
        slice_eq(name, device)) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_REFUSED,
                      "source must be \"/%s/%.*s\", the device of the topic, "
                      "but is \"%.*s\"",
                      store, SLICE_ARG(device),
                      event->source.len > 100 ? 100 : (int)event->source.len,
                      (const char *)event->source.data);
}
