/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/device.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void device_on_receipt(void *self, const struct client_receipt *got) {
    struct device *device = self;
    struct report *report = device->setting->report;
    if (got->accepted && got->again) {
        return; /* counted when it came first */
    }
    if (got->accepted) {
        report_receipt(report, device->name, got->id, got->seq, got->waited_us);
    } else {
        report_rejection(report, device->name, got->id, got->reason);
    }
    if (device->kind->receipt != NULL) {
        device->kind->receipt(device, got);
    }
}

static void device_on_notice(void *self, const cJSON *event) {
    struct device *device = self;
    if (device->kind->notice != NULL) {
        device->kind->notice(device, event);
    }
}

static err_t device_start(struct device *device, uv_loop_t *loop,
                          struct reason *reason) {
    const struct device_setting *setting = device->setting;
    struct client_options options = setting->client;
    if (setting->identity != NULL) {
        TRY(identity_of(setting->identity, device->name, &device->credentials,
                        reason));
        options.credentials = &device->credentials;
    }
    options.device = device->name;
    options.leaf = device->kind->leaf;
    options.seed = setting->seed;
    options.session_s = device->kind->session_s;
    struct client_handler handler = {device, device_on_receipt,
                                     device_on_notice};
    client_init(&device->client, loop, &options, &handler);
    err_t err = device->kind->start(device);
    if (err != ERR_OK) {
        return reason_set(reason, err, "cannot set up %s: %s", device->name,
                          err_name(err));
    }
    return ERR_OK;
}

err_t device_new(const struct device_kind *kind,
                 const struct device_setting *setting, uint32_t number,
                 uv_loop_t *loop, struct device **ret, struct reason *reason) {
    assert(kind->size >= sizeof(struct device));
    assert(number >= 1);
    struct device *device = calloc(1, kind->size);
    ENSURE(device != NULL, reason_set(reason, ERR_MEMORY, "out of memory"));
    device->kind = kind;
    device->setting = setting;
    device->number = number;
    snprintf(device->name, sizeof device->name, "%s-%" PRIu32, kind->name,
             number);
    err_t err = device_start(device, loop, reason);
    if (err != ERR_OK) {
        device_free(device);
        return err;
    }
    *ret = device;
    return ERR_OK;
}

void device_free(struct device *device) {
    if (device == NULL) {
        return;
    }
    client_free(&device->client);
    if (device->kind->free != NULL) {
        device->kind->free(device);
    }
    credentials_wipe(&device->credentials);
    free(device);
}

void device_next_id(struct device *device, char ret[OUTBOX_ID_SIZE]) {
    int len = snprintf(ret, OUTBOX_ID_SIZE, "%s-%s-%" PRIu64,
                       device->setting->prefix, device->name, ++device->events);
    assert(len > 0 && len < OUTBOX_ID_SIZE);
}

err_t device_send(struct device *device, const char *type, const char *subject,
                  const cJSON *data) {
    char id[OUTBOX_ID_SIZE];
    ENSURE(device_has_room(device, 1), ERR_FULL);
    device_next_id(device, id);
    struct message_event event = {
        .id = id,
        .type = type,
        .subject = subject,
        .data = data,
        .wall_us = client_wall_us(),
    };
    return client_send(&device->client, &event);
}

bool device_has_room(const struct device *device, uint32_t events) {
    assert(events > 0);
    return device->client.outbox.count + events <= OUTBOX_EVENTS_MAX;
}
