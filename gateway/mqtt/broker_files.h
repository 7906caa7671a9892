/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's folder, <data>/broker: its configuration, what it saves, and the
 * socket through which the gateway reaches it. Everything but the naming waits
 * for the disk: call it before the loop runs, after it ended, or from a job. */
#ifndef GATEWAY_MQTT_BROKER_FILES_H
#define GATEWAY_MQTT_BROKER_FILES_H

#include <sys/un.h>

#include "config/config.h"
#include "gateway/base/base.h"
#include "gateway/identity/rules.h"
#include "gateway/mqtt/broker_ports.h"

enum {
    BROKER_SOCKET_PATH_SIZE = sizeof(((struct sockaddr_un *)0)->sun_path),
    BROKER_PATH_SIZE = CONFIG_PATH_MAX + 48,
};

struct broker_files {
    const struct config *config; /* outlives it */
    struct broker_ports ports;   /* of each listener, that the broker has */
    bool closed;   /* it listens on the socket alone, not on its ports */
    bool with_tls; /* also on those with TLS */
    const struct rules *rules; /* outlive it */
    char folder[CONFIG_PATH_MAX + 16];
    char config_path[CONFIG_PATH_MAX + 32];
    char db_path[CONFIG_PATH_MAX + 32];
    char rules_path[CONFIG_PATH_MAX + 32];
    char socket_path[BROKER_SOCKET_PATH_SIZE]; /* of this start */
    char set_aside[BROKER_PATH_SIZE];          /* the last that was; or empty */
    uint32_t set_aside_count;
};

/* Names everything. ERR_CONFIG if the folder's name is too long for a socket.
 */
err_t broker_files_name(struct broker_files *files,
                        struct reason *reason) MUST_USE;
/* Each start of the broker has a socket of a new name. */
void broker_files_name_socket(struct broker_files *files, uint32_t start);
/* Gives one of the files another name (see set_aside.h), logs it and why, and
 * notes it above. ERR_NOT_FOUND, ERR_IO. */
err_t broker_files_set_aside(struct broker_files *files, const char *path,
                             const char *why, struct reason *reason) MUST_USE;
/* Makes the folder, sets aside what stands where a file or the folder has to
 * be, and removes the sockets of earlier starts. ERR_IO. */
err_t broker_files_tidy(struct broker_files *files,
                        struct reason *reason) MUST_USE;
/* Writes the rules and the configuration. ERR_IO; ERR_NOT_FOUND if the plugin
 * is not where it should be: without it nobody is let in. */
err_t broker_files_write(const struct broker_files *files,
                         struct reason *reason) MUST_USE;
/* Mosquitto creates its socket last of all it needs to be ready. */
bool broker_files_has_socket(const struct broker_files *files);
void broker_files_remove_socket(const struct broker_files *files);

#endif
