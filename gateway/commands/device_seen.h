/* SPDX-License-Identifier: Apache-2.0 */
/* What a running gateway says of its devices, for the command line. */
#ifndef GATEWAY_COMMANDS_DEVICE_SEEN_H
#define GATEWAY_COMMANDS_DEVICE_SEEN_H

#include "gateway/commands/client.h"

/* All devices in the order of their names, asked for page by page while one
 * goes on. Zeroed but for the path. */
struct device_seen {
    const char *socket_path;
    struct client_answer answer;
    bool begun;
    bool known; /* who is connected is known: the broker is heard */
    bool over;  /* or no gateway answers */
    struct slice list;
    size_t at;
    struct slice next; /* not passed yet; empty if there is none */
};

/* The object of this device (reply_devices.h), or an empty slice: no gateway
 * answers, or it does not know it. Ask for the names in their order. Valid
 * until the next call. */
struct slice device_seen_find(struct device_seen *seen, const char *name);

/* For `status`: the counts, which its answer has, and a few of the devices that
 * need a look, which are asked for here. */
void device_seen_print(struct slice status, const char *socket_path);

#endif
