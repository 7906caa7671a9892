/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker saved and will not deliver. Its file has no checksum: with a
 * bit of it flipped Mosquitto mostly starts all the same, and drops without a
 * word a message that waits for a session that is not in the file, or whose
 * payload or topic is no longer what it was for. */
#ifndef GATEWAY_MQTT_BROKER_LOST_H
#define GATEWAY_MQTT_BROKER_LOST_H

#include "gateway/mqtt/broker_db.h"

struct broker_lost {
    uint64_t messages; /* that wait, and cannot come: of nobody, of no message,
                          of a topic that the session does not hear,
                          or of one that it waits for already */
    uint64_t expired;  /* that wait for the gateway, and whose time is over */
};

/* `sessions` are the gateway's. ERR_NOT_FOUND if there is no file; ERR_PARSE,
 * ERR_IO, ERR_MEMORY. Waits for the disk. */
err_t broker_lost_count(const char *db_path,
                        const struct broker_session *sessions, size_t count,
                        int64_t now_s, struct broker_lost *ret) MUST_USE;

#endif
