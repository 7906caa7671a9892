/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be done before each start of the broker, as one job.
 *
 *  - The port is free. Asked first: an earlier broker that still stops has then
 *    saved what it knows.
 *  - Nothing stands in the way in its folder.
 *  - What it saved is looked at. If it is damaged it is set aside. If it lacks
 * a session that the gateway needs, or the subscription of one, the broker
 *    starts closed: without its port, on the gateway's socket alone. What
 *    devices published before the sessions are there would be acknowledged and
 *    lost. Once they have subscribed it is stopped, which saves them, and
 * starts again with its port.
 *  - Its configuration is written. */
#ifndef GATEWAY_MQTT_BROKER_PREPARE_H
#define GATEWAY_MQTT_BROKER_PREPARE_H

#include "gateway/mqtt/broker_db.h"
#include "gateway/mqtt/broker_files.h"

struct broker_prepare {
    /* What the owner asks for. */
    struct broker_files files;
    const struct broker_session *sessions;
    size_t session_count;
    bool saved;             /* a closed broker has just been stopped well */
    const char *without_db; /* why to set aside what it saved; or NULL */
    bool put_back;          /* which was not the reason */

    /* What the job answers. */
    err_t err;
    struct reason reason;         /* of the error; else why it starts closed */
    enum broker_db db;            /* what was found, before `without_db` */
    struct broker_stale stale;    /* and of no use */
    char trial[BROKER_PATH_SIZE]; /* what `without_db` set aside; or empty */
};

/* The job. files.closed says how the broker is to start. An error: it must not
 * start now. ERR_BUSY or ERR_CONFIG if its port cannot be had, ERR_FULL if what
 * a closed broker was to save is not there, ERR_IO. */
void broker_prepare_run(struct broker_prepare *prepare);

#endif
