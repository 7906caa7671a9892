/* SPDX-License-Identifier: Apache-2.0 */
/* Which sessions the broker has saved for clients without a user name: the
 * plugin bounds their number, over the broker's restarts, too. */
#ifndef GATEWAY_MQTT_BROKER_UNNAMED_H
#define GATEWAY_MQTT_BROKER_UNNAMED_H

#include "gateway/identity/rules.h"

/* Adds to the rules those that are not over by now (s since 1970); none if the
 * file cannot be read, and of a damaged one those before the damage. Waits for
 * the disk. */
void broker_unnamed_find(const char *db_path, int64_t now_s,
                         struct rules *rules);

#endif
