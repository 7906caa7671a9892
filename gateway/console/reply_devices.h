/* SPDX-License-Identifier: Apache-2.0 */
/* Who is there, as the API and the metrics say it.
 *
 *   GET /api/v1/devices              those that need a look first: silent,
 *                                    refused in the last hour, offline, online;
 *                                    at most REPLY_DEVICES_FIRST
 *   GET /api/v1/devices?after=NAME   all by their names, those behind NAME;
 *                                    `after=` begins; at most
 * REPLY_DEVICES_PAGE
 *
 *   {"known": true, "registered": 12, "online": 9, "silent": 1,
 *    "silent_after_s": 0, "refused": [{"reason": "unknown", "count": 3}],
 *    "strangers": {"connections": 1, "last_event": ..., "events": 5,
 *                  "rejected": 0, "refused": [...]},
 *    "devices": [{"name": "till-1", "state": "online", "password": true,
 *                 "certificate": false, "connections": 1, "by": "password",
 *                 "address": "10.0.0.7", "since": ..., "certificate_ends": ...,
 *                 "last_event": ..., "events": 12, "rejected": 0,
 *                 "refused": [{"reason": "other-device", "count": 2,
 *                              "last": ..., "words": "shopme/s1/x/orders"}]}],
 *    "left_out": 11, "next": null}
 *
 * Counts are since the gateway's start, times RFC 3339 or null. `since` is of
 * the newest connection; of a device that is offline, when its last one ended.
 * Only what was refused last has `words`: the topic, or the name claimed.
 * `next` is what to ask for after, null at the end. */
#ifndef GATEWAY_CONSOLE_REPLY_DEVICES_H
#define GATEWAY_CONSOLE_REPLY_DEVICES_H

#include "gateway/console/source.h"

enum { REPLY_DEVICES_FIRST = 50, REPLY_DEVICES_PAGE = 200 };

/* Whole answers. `devices->presence` is not NULL. What does not fit is left
 * out. */
void reply_devices_first(const struct console_devices *devices,
                         struct writer *writer);
void reply_devices_after(const struct console_devices *devices,
                         struct slice name, struct writer *writer);
/* The member `devices` of a status: counts, or null without accounts. */
void reply_devices_counts(const struct console_devices *devices,
                          struct writer *writer);

#endif
