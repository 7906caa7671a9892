/* SPDX-License-Identifier: Apache-2.0 */
/* May this device say this here? The rules that an event must meet beyond being
 * a well-formed CloudEvent. Pure functions: no state, no I/O. */
#ifndef GATEWAY_STREAM_ADMISSION_H
#define GATEWAY_STREAM_ADMISSION_H

#include "gateway/base/base.h"
#include "gateway/event/event.h"

/* ERR_REFUSED for names that the gateway itself uses, for names with `/ + #` or
 * control characters, and for names that are not UTF-8 or are longer than
 * SHOP_DEVICE_MAX bytes. */
err_t admission_device(struct slice device, struct reason *reason) MUST_USE;

/* `source` must be /{store}/{device}: a device may not speak for another. */
err_t admission_source(const struct event *event, const char *store,
                       struct slice device, struct reason *reason) MUST_USE;

#endif
