/* SPDX-License-Identifier: Apache-2.0 */
/* A device of the fleet: a name, a connection, and a kind, which is a table of
 * what such a device does. Each kind is a file; its own state begins with the
 * struct device. */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include "devices/client/client.h"
#include "devices/identity.h"
#include "devices/report.h"

/* What all devices of a fleet share; outlives them. */
struct device_setting {
    /* Device, leaf, seed, session and credentials are filled in. */
    struct client_options client;
    const struct options *identity; /* who they are; NULL = nobody (plain) */
    const char *prefix;             /* of every id; never used twice */
    uint64_t seed;
    uint32_t scanners;
    uint32_t terminals;
    struct report *report;
};

struct device;

struct device_kind {
    const char *name; /* of a device: "<name>-<number from 1>" */
    const char *leaf; /* the stream it publishes to */
    size_t size;      /* of its state, which begins with struct device */
    /* How long the broker is to keep what it is told while it is away (with
     * MQTT 5). */
    uint32_t session_s;
    /* Once, before it connects: ERR_MEMORY. */
    err_t (*start)(struct device *device);
    /* Any of these may be NULL. One order, one reading. ERR_FULL: the outbox is
     * full; try later. */
    err_t (*act)(struct device *device);
    void (*tick)(struct device *device, int64_t now_us);
    void (*receipt)(struct device *device, const struct client_receipt *got);
    void (*notice)(struct device *device, const cJSON *event);
    /* Something is to be sent that is not in the outbox yet. */
    bool (*busy)(const struct device *device);
    void (*free)(struct device *device);
};

struct device {
    const struct device_kind *kind;
    const struct device_setting *setting;
    struct client client;
    struct credentials credentials;
    uint32_t number; /* from 1 */
    char name[CLIENT_NAME_SIZE];
    uint64_t events; /* numbered so far */
    bool waiting;    /* its outbox was full when it last wanted to act */
};

const struct device_kind *till_kind(void);
const struct device_kind *scanner_kind(void);
const struct device_kind *payment_terminal_kind(void);
const struct device_kind *sensor_kind(void);

/* ERR_MEMORY; ERR_REFUSED, ERR_IO if it has no credentials; the reason says
 * what to do. The caller calls device_free(). */
err_t device_new(const struct device_kind *kind,
                 const struct device_setting *setting, uint32_t number,
                 uv_loop_t *loop, struct device **ret,
                 struct reason *reason) MUST_USE;
void device_free(struct device *device);

/* The device's next id: "<prefix>-<device>-<n>". */
void device_next_id(struct device *device, char ret[OUTBOX_ID_SIZE]);

/* Sends an event under the next id. */
err_t device_send(struct device *device, const char *type, const char *subject,
                  const cJSON *data) MUST_USE;

/* Room for so many more events in the outbox. */
bool device_has_room(const struct device *device, uint32_t events);

#endif
