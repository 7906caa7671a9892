/* SPDX-License-Identifier: Apache-2.0 */
/* Where the broker's plugin is: it lets clients in, and without it nobody is.
 */
#ifndef GATEWAY_MQTT_BROKER_PLUGIN_H
#define GATEWAY_MQTT_BROKER_PLUGIN_H

#include "config/config.h"
#include "gateway/base/base.h"

#define BROKER_PLUGIN_NAME "shopme-edge-broker.so"

/* Looks in ../lib/shopme-edge beside the folder of this program, where it is
 * installed, and then in that folder, where a build leaves it. ERR_NOT_FOUND;
 * the reason says where it was looked for. Waits for the disk. */
err_t broker_plugin_find(char ret[static CONFIG_PATH_MAX],
                         struct reason *reason) MUST_USE;

#endif
