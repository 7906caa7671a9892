/* SPDX-License-Identifier: Apache-2.0 */
/* The topics of a store's devices: shopme/{store}/{device}/{leaf}. */
#ifndef GATEWAY_MQTT_TOPIC_H
#define GATEWAY_MQTT_TOPIC_H

#include "gateway/base/base.h"

/* The device of a topic that ends in `leaf`. It borrows from `topic`, is not
 * empty, and may be any bytes. ERR_PARSE if the topic does not have that form.
 */
err_t topic_device(struct slice topic, const char *store, const char *leaf,
                   struct slice *ret_device) MUST_USE;

/* The filter for a stream's events, shopme/{store}/+/{leaf}; asserts that it
 * fits. */
void topic_of_stream(const char *store, const char *leaf, char *ret,
                     size_t ret_size);

#endif
