/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/reply_devices.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/console/put.h"
#include "gateway/event/json.h"

enum { TAIL_MAX = 160, US_A_SECOND = 1000000 };

/* --- One device ----------------------------------------------------------- */

static void write_refused(const struct presence_refused *refused,
                          struct writer *writer) {
    const char *before = "";
    put_name(writer, "refused");
    writer_str(writer, "[");
    for (int i = REFUSAL_NONE + 1; refused != NULL && i < REFUSAL_COUNT; i++) {
        if (refused->count[i] == 0) {
            continue;
        }
        writer_printf(writer, "%s{", before);
        put_str(writer, "reason", refusal_code((enum refusal)i));
        put_uint(writer, "count", refused->count[i]);
        put_time(writer, "last", refused->last_us[i]);
        if (i == (int)refused->last) {
            put_str(writer, "words", refused->last_words);
        }
        writer_str(writer, "}");
        before = ",";
    }
    writer_str(writer, "]");
}

static void write_traffic(const struct presence_device *device,
                          struct writer *writer) {
    put_time(writer, "last_event", device->last_event_us);
    put_uint(writer, "events", device->events);
    put_uint(writer, "rejected", device->rejected);
    write_refused(device->refused, writer);
}

static void write_connection(const struct presence_device *device,
                             struct writer *writer) {
    static const char *const ways[] = {
        [REPORT_BY_NOTHING] = "",
        [REPORT_BY_PASSWORD] = "password",
        [REPORT_BY_CERTIFICATE] = "certificate",
    };
    const struct presence_connection none = {.since_us = device->gone_us};
    uint32_t count = device->connection_count;
    const struct presence_connection *newest =
        count > 0 ? &device->connections[count - 1] : &none;
    put_uint(writer, "connections", count);
    put_str(writer, "by", ways[newest->by]);
    put_str(writer, "address", newest->address);
    put_time(writer, "since", newest->since_us);
    put_time(writer, "certificate_ends", newest->certificate_ends_us);
}

static void write_device(const struct presence_device *device,
                         const struct presence_moment *now,
                         struct writer *writer) {
    writer_str(writer, "{");
    put_str(writer, "name", device->name);
    put_str(writer, "state", presence_state_name(presence_state(device, now)));
    put_bool(writer, "password", device->password);
    put_bool(writer, "certificate", device->certificate);
    write_connection(device, writer);
    write_traffic(device, writer);
    writer_str(writer, "}");
}

/* --- What is so of all ---------------------------------------------------- */

static void write_counts(const struct console_devices *devices,
                         struct presence_counts counts, struct writer *writer) {
    put_bool(writer, "known", devices->known);
    put_uint(writer, "registered", counts.registered);
    put_uint(writer, "online", counts.online);
    put_uint(writer, "silent", counts.silent);
}

static void write_totals(const struct console_devices *devices,
                         struct writer *writer) {
    const char *before = "";
    put_name(writer, "refused");
    writer_str(writer, "[");
    for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        if (devices->refused[i] > 0) {
            writer_printf(writer, "%s{", before);
            put_str(writer, "reason", refusal_code((enum refusal)i));
            put_uint(writer, "count", devices->refused[i]);
            writer_str(writer, "}");
            before = ",";
        }
    }
    writer_str(writer, "]");
}

static void write_strangers(const struct presence_device *others,
                            struct writer *writer) {
    put_name(writer, "strangers");
    writer_str(writer, "{");
    put_uint(writer, "connections", others->connection_count);
    write_traffic(others, writer);
    writer_str(writer, "}");
}

void reply_devices_counts(const struct console_devices *devices,
                          struct writer *writer) {
    put_name(writer, "devices");
    if (devices->presence == NULL) {
        writer_str(writer, "null");
        return;
    }
    const struct presence_counts counts =
        presence_counts(devices->presence, &devices->now);
    uint64_t refused = 0;
    for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        refused += devices->refused[i];
    }
    writer_str(writer, "{");
    write_counts(devices, counts, writer);
    put_uint(writer, "strangers", counts.strangers);
    put_uint(writer, "refused", refused);
    writer_str(writer, "}");
}

/* --- Lists ---------------------------------------------------------------- */

struct list {
    const struct console_devices *devices;
    struct writer *writer;
    uint32_t count;
    uint32_t max;
};

static struct list list_begin(const struct console_devices *devices,
                              uint32_t max, struct writer *writer) {
    writer_str(writer, "{");
    write_counts(devices, presence_counts(devices->presence, &devices->now),
                 writer);
    put_int(writer, "silent_after_s",
            devices->now.silent_after_us / US_A_SECOND);
    write_totals(devices, writer);
    write_strangers(&devices->presence->others, writer);
    put_name(writer, "devices");
    writer_str(writer, "[");
    assert(!writer->full && writer->cap > writer->len + TAIL_MAX);
    writer->cap -= TAIL_MAX;
    return (struct list){devices, writer, 0, max};
}

/* False: there is no place left. */
static bool list_add(struct list *list, const struct presence_device *device) {
    struct writer trial = *list->writer;
    if (list->count == list->max) {
        return false;
    }
    writer_str(&trial, list->count == 0 ? "" : ",");
    write_device(device, &list->devices->now, &trial);
    if (trial.full) {
        return false;
    }
    *list->writer = trial;
    list->count++;
    return true;
}

static void list_end(struct list *list, uint32_t left_out, const char *next) {
    struct writer *writer = list->writer;
    writer->cap += TAIL_MAX;
    writer_str(writer, "]");
    put_uint(writer, "left_out", left_out);
    put_name(writer, "next");
    if (next == NULL) {
        writer_str(writer, "null");
    } else {
        json_write_string(writer, slice_from_str(next));
    }
    writer_str(writer, "}\n");
}

/* Those of one state. False: there is no place left. */
static bool add_all(struct list *list, enum presence_state state) {
    const struct presence *presence = list->devices->presence;
    for (uint32_t i = 0; i < presence->count; i++) {
        const struct presence_device *device = presence->list[i];
        if (presence_state(device, &list->devices->now) == state &&
            !list_add(list, device)) {
            return false;
        }
    }
    return true;
}

void reply_devices_first(const struct console_devices *devices,
                         struct writer *writer) {
    struct list list = list_begin(devices, REPLY_DEVICES_FIRST, writer);
    for (int state = 0; state < PRESENCE_STATES; state++) {
        if (!add_all(&list, (enum presence_state)state)) {
            break;
        }
    }
    list_end(&list, devices->presence->count - list.count, NULL);
}

void reply_devices_after(const struct console_devices *devices,
                         struct slice name, struct writer *writer) {
    const struct presence *presence = devices->presence;
    struct list list = list_begin(devices, REPLY_DEVICES_PAGE, writer);
    uint32_t at = presence_after(presence, name);
    while (at < presence->count && list_add(&list, presence->list[at])) {
        at++;
    }
    bool ended = at == presence->count || list.count == 0;
    list_end(&list, presence->count - at,
             ended ? NULL : presence->list[at - 1]->name);
}
