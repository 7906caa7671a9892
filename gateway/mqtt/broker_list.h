/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that grow, of what is read from Mosquitto's database, looked up by the
 * number that each element begins with. */
#ifndef GATEWAY_MQTT_BROKER_LIST_H
#define GATEWAY_MQTT_BROKER_LIST_H

#include "gateway/base/base.h"

/* Room for one more element of `size` bytes; `*list`, from malloc() or NULL,
 * may move. ERR_MEMORY, and it is as it was. */
err_t broker_list_grow(void **list, size_t *room, size_t count,
                       size_t size) MUST_USE;
/* For qsort() and bsearch(): elements that begin with a uint64_t. */
int broker_list_by_number(const void *a, const void *b);

#endif
