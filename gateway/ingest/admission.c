/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ingest/admission.h"

#include <stdio.h>

#include "gateway/event/event_source.h"
#include "gateway/event/event_type.h"
#include "gateway/shop/shop.h"

err_t admission_topic(struct slice topic, const char *store, const char *leaf,
                      struct slice *ret_device) {
    char prefix[128];
    char suffix[128];
    int prefix_len = snprintf(prefix, sizeof prefix, "shopme/%s/", store);
    int suffix_len = snprintf(suffix, sizeof suffix, "/%s", leaf);
    size_t fixed = (size_t)prefix_len + (size_t)suffix_len;
    ENSURE(topic.len > fixed, ERR_PARSE);
    ENSURE(slice_starts_with(topic, prefix), ERR_PARSE);
    struct slice end =
        slice_part(topic, topic.len - (size_t)suffix_len, (size_t)suffix_len);
    ENSURE(slice_eq_str(end, suffix), ERR_PARSE);
    *ret_device = slice_part(topic, (size_t)prefix_len, topic.len - fixed);
    return ERR_OK;
}

err_t admission_device(struct slice device, struct reason *reason) {
    /* A topic of the gateway's; who publishes stands where a device's name
     * would in a source. */
    if (slice_eq_str(device, "events") || event_publisher_owns(device)) {
        return reason_set(reason, ERR_REFUSED,
                          "the device name \"%.*s\" is the gateway's own: "
                          "give the device another name",
                          SLICE_ARG(device));
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
    struct slice name;
    if (event_source_parse(event->source, slice_from_str(store), &name) ==
            ERR_OK &&
        slice_eq(name, device)) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_REFUSED,
                      "source must be \"/%s/%.*s\", the device of the topic, "
                      "and is \"%.*s\"",
                      store, SLICE_ARG(device),
                      event->source.len > 100 ? 100 : (int)event->source.len,
                      (const char *)event->source.data);
}
