/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/event/event.h"

err_t event_extension_text(const struct event *event, const char *name,
                           struct slice *ret) {
    for (uint32_t i = 0; i < event->extension_count; i++) {
        const struct event_extension *extension = &event->extensions[i];
        if (extension->kind == EVENT_VALUE_TEXT &&
            slice_eq_str(extension->name, name)) {
            *ret = extension->text;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

struct slice event_key(const struct event *event) {
    struct slice key;
    if (event_extension_text(event, "partitionkey", &key) == ERR_OK &&
        key.len > 0) {
        return key;
    }
    return event->subject.len > 0 ? event->subject : event->source;
}
