/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of the time when everybody was let in (release 0.1.0, and a way
 * back to it): retained messages below shopme/, which a fresh device would
 * believe, and sessions that nobody may have any more, each with up to 64 MiB
 * of what waits for it. Before the first start with a plugin both are taken out
 * of what Mosquitto saved (its form: broker_db.h), and the file as it was is
 * kept beside it, as PATH.bad-N. The gateway's own sessions stay whole. */
#ifndef GATEWAY_MQTT_BROKER_ERA_H
#define GATEWAY_MQTT_BROKER_ERA_H

#include "gateway/identity/rules.h"
#include "gateway/mqtt/broker_db.h"

struct broker_era {
    const char *conf_path; /* what the last broker ran with */
    const char *db_path;   /* whole, and of the version that is known */
    const struct broker_session *sessions; /* the gateway's */
    size_t session_count;
    const struct rules *rules; /* a session that they allow stays */
};

struct broker_era_left {
    uint32_t retained;
    uint32_t sessions;
    uint64_t messages; /* that waited for those */
};

/* Nothing is done if the last broker had a plugin, or if nothing is left. After
 * a crash at any step the old file stands or the new one. ERR_IO, ERR_FULL,
 * ERR_PARSE, ERR_MEMORY; the reason says so. Waits for the disk. */
err_t broker_era_end(const struct broker_era *era, struct broker_era_left *ret,
                     struct reason *reason) MUST_USE;

#endif
