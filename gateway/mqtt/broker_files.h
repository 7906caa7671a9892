/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's folder, <data>/broker: its configuration, and the socket through
 * which the gateway reaches it. Everything but the naming waits for the disk:
 * call it before the loop runs, after it ended, or from a job. */
#ifndef GATEWAY_MQTT_BROKER_FILES_H
#define GATEWAY_MQTT_BROKER_FILES_H

#include <sys/un.h>

#include "config/config.h"
#include "gateway/base/base.h"

enum {
    BROKER_SOCKET_PATH_SIZE = sizeof(((struct sockaddr_un *)0)->sun_path),
};

struct broker_files {
    const struct config *config; /* outlives it */
    uint16_t port;               /* that the broker listens on */
    char folder[CONFIG_PATH_MAX + 16];
    char config_path[CONFIG_PATH_MAX + 32];
    char socket_path[BROKER_SOCKET_PATH_SIZE]; /* of this start */
    char stale_path[BROKER_SOCKET_PATH_SIZE];  /* of the one before; or empty */
};

/* Names and creates the folder. ERR_CONFIG if its name is too long for a
 * socket, ERR_IO. */
err_t broker_files_make_folder(struct broker_files *files,
                               struct reason *reason) MUST_USE;
/* Each start of the broker has a socket of a new name. */
void broker_files_name_socket(struct broker_files *files, uint32_t start);
/* Writes the configuration, and removes the socket of the start before. ERR_IO.
 */
err_t broker_files_write(const struct broker_files *files,
                         struct reason *reason) MUST_USE;
/* Mosquitto creates its socket last of all it needs to be ready. */
bool broker_files_has_socket(const struct broker_files *files);
void broker_files_remove_socket(const struct broker_files *files);

#endif
