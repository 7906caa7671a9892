/* SPDX-License-Identifier: Apache-2.0 */
/* The source of every event in a store: "/<store>/<name>", where the name is a
 * device's, a service's or the gateway's. */
#ifndef GATEWAY_EVENT_EVENT_SOURCE_H
#define GATEWAY_EVENT_EVENT_SOURCE_H

#include "gateway/base/bytes.h"

enum { EVENT_SOURCE_NAME_MAX = 64 }; /* bytes */

/* The name, which borrows from `source`. ERR_PARSE if the store is another one,
 * or the name is empty, longer than EVENT_SOURCE_NAME_MAX or has a '/'. */
err_t event_source_parse(struct slice source, struct slice store,
                         struct slice *ret_name) MUST_USE;
/* Writes the source; event_source_parse() is its inverse. */
void event_source_write(struct writer *writer, struct slice store,
                        struct slice name);

#endif
