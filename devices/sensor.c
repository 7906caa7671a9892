/* SPDX-License-Identifier: Apache-2.0 */
/* A sensor in a cold shelf: temperatures that drift, and sometimes the humidity
 * and the door. */
#include <assert.h>

#include "devices/device.h"

enum {
    TENTHS_FIRST = 40, /* tenths of a degree Celsius */
    TENTHS_STEP = 3,
    TENTHS_MIN = 10,
    TENTHS_MAX = 120,
    HUMIDITY_PERCENT = 20, /* of the readings have it */
    DOOR_PERCENT = 10,
    DOOR_OPEN_PERCENT = 30,
};

struct sensor {
    struct device device;
    struct random rng;
    int tenths;
};

static err_t sensor_start(struct device *device) {
    struct sensor *sensor = (struct sensor *)device;
    sensor->rng = random_stream(device->setting->seed ^ 1, device->name);
    sensor->tenths = TENTHS_FIRST;
    return ERR_OK;
}

static int sensor_step(struct sensor *sensor) {
    int step = (int)random_between(&sensor->rng, 0, 2 * TENTHS_STEP);
    int tenths = sensor->tenths + step - TENTHS_STEP;
    sensor->tenths = tenths < TENTHS_MIN   ? TENTHS_MIN
                     : tenths > TENTHS_MAX ? TENTHS_MAX
                                           : tenths;
    assert(sensor->tenths >= TENTHS_MIN && sensor->tenths <= TENTHS_MAX);
    return sensor->tenths;
}

static err_t sensor_act(struct device *device) {
    struct sensor *sensor = (struct sensor *)device;
    ENSURE(device_has_room(device, 1), ERR_FULL);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddNumberToObject(data, "temperature", sensor_step(sensor) / 10.0);
    if (random_percent(&sensor->rng, HUMIDITY_PERCENT)) {
        cJSON_AddNumberToObject(data, "humidity",
                                random_between(&sensor->rng, 30, 80));
    }
    if (random_percent(&sensor->rng, DOOR_PERCENT)) {
        bool open = random_percent(&sensor->rng, DOOR_OPEN_PERCENT);
        cJSON_AddStringToObject(data, "door", open ? "open" : "closed");
    }
    err_t err = device_send(device, "TemperatureRead", NULL, data);
    cJSON_Delete(data);
    return err;
}

const struct device_kind *sensor_kind(void) {
    static const struct device_kind kind = {
        .name = "sensor",
        .leaf = "telemetry",
        .size = sizeof(struct sensor),
        .start = sensor_start,
        .act = sensor_act,
    };
    return &kind;
}
