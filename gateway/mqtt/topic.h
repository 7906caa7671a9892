/* SPDX-License-Identifier: Apache-2.0 */
/* The topics of a store's devices: shopme/{store}/{device}/{leaf}. */
#ifndef GATEWAY_MQTT_TOPIC_H
#define GATEWAY_MQTT_TOPIC_H

#include "gateway/base/base.h"

/* The device of a topic that ends in `leaf`. It borrows from `topic`, and may
 * be any bytes but none. ERR_PARSE if the topic is not of that form. */
err_t topic_device(struct slice topic, const char *store, const char *leaf,
                   struct slice *ret_device) MUST_USE;

#endif
