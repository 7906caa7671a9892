/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/identity/presence.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_SHOWN = 3 };

/* --- Finding -------------------------------------------------------------- */

static int order_of(struct slice name, const struct presence_device *device) {
    size_t len = strlen(device->name);
    size_t shorter = name.len < len ? name.len : len;
    int order = shorter == 0 ? 0 : memcmp(name.data, device->name, shorter);
    if (order != 0) {
        return order;
    }
    return (name.len > len) - (name.len < len);
}

uint32_t presence_after(const struct presence *presence, struct slice name) {
    uint32_t from = 0;
    uint32_t to = presence->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (order_of(name, presence->list[middle]) < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return from;
}

static struct presence_device *find(const struct presence *presence,
                                    struct slice name) {
    uint32_t after = presence_after(presence, name);
    struct presence_device *before =
        after > 0 ? presence->list[after - 1] : NULL;
    return before != NULL && order_of(name, before) == 0 ? before : NULL;
}

const struct presence_device *presence_find(const struct presence *presence,
                                            struct slice name) {
    return find(presence, name);
}

/* --- Other accounts ------------------------------------------------------- */

static void device_free(struct presence *presence,
                        struct presence_device *device) {
    assert(presence->connections >= device->connection_count);
    presence->connections -= device->connection_count;
    free(device->connections);
    free(device->refused);
    free(device);
}

static struct presence_device *device_new(const char *name, int64_t mono_us) {
    struct presence_device *device = calloc(1, sizeof *device);
    if (device != NULL) {
        snprintf(device->name, sizeof device->name, "%s", name);
        device->heard_us = mono_us;
    }
    return device;
}

/* A list of the accounts' devices: those that are there already, and new
 * ones. On an error the new ones are freed. */
static err_t gather(struct presence *presence, const struct accounts *accounts,
                    int64_t mono_us, struct presence_device **list) {
    uint32_t i = 0;
    for (; i < accounts->count; i++) {
        const char *name = accounts->list[i].name;
        list[i] = find(presence, slice_from_str(name));
        if (list[i] == NULL) {
            list[i] = device_new(name, mono_us);
        }
        if (list[i] == NULL) {
            break;
        }
    }
    if (i == accounts->count) {
        return ERR_OK;
    }
    while (i-- > 0) {
        if (find(presence, slice_from_str(list[i]->name)) == NULL) {
            device_free(presence, list[i]);
        }
    }
    return ERR_MEMORY;
}

err_t presence_sync(struct presence *presence, const struct accounts *accounts,
                    int64_t mono_us) {
    struct presence_device **list = calloc(accounts->count + 1, sizeof *list);
    ENSURE(list != NULL, ERR_MEMORY);
    if (gather(presence, accounts, mono_us, list) != ERR_OK) {
        free(list);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < presence->count; i++) {
        if (accounts_find(accounts, presence->list[i]->name) == NULL) {
            device_free(presence, presence->list[i]);
        }
    }
    for (uint32_t i = 0; i < accounts->count; i++) {
        list[i]->password = accounts->list[i].password[0] != '\0';
        list[i]->certificate = accounts->list[i].certificate;
    }
    free(presence->list);
    presence->list = list;
    presence->count = accounts->count;
    return ERR_OK;
}

void presence_free(struct presence *presence) {
    for (uint32_t i = 0; i < presence->count; i++) {
        device_free(presence, presence->list[i]);
    }
    free(presence->others.connections);
    free(presence->others.refused);
    free(presence->list);
    *presence = (struct presence){0};
}

/* --- Connections ---------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t from, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        from = (from ^ at[i]) * 1099511628211U;
    }
    return from;
}

static uint64_t key_of(const struct report *report) {
    uint64_t key = hash(14695981039346656037U, report->client_id,
                        strlen(report->client_id) + 1);
    return hash(key, &report->since_us, sizeof report->since_us);
}

static struct presence_connection *find_connection(
    const struct presence_device *device, uint64_t key) {
    for (uint32_t i = 0; i < device->connection_count; i++) {
        if (device->connections[i].key == key) {
            return &device->connections[i];
        }
    }
    return NULL;
}

static struct presence_connection *add_connection(
    struct presence *presence, struct presence_device *device) {
    if (presence->connections >= PRESENCE_CONNECTIONS_MAX) {
        return NULL;
    }
    struct presence_connection *more =
        realloc(device->connections,
                (device->connection_count + 1) * sizeof *device->connections);
    if (more == NULL) {
        return NULL;
    }
    device->connections = more;
    presence->connections++;
    return &more[device->connection_count++];
}

static void remove_connection(struct presence *presence,
                              struct presence_device *device, uint32_t at) {
    assert(at < device->connection_count && presence->connections > 0);
    presence->connections--;
    device->connection_count--;
    memmove(&device->connections[at], &device->connections[at + 1],
            (device->connection_count - at) * sizeof *device->connections);
    if (device->connection_count == 0) {
        free(device->connections);
        device->connections = NULL;
    }
}

static void connected(struct presence *presence, struct presence_device *device,
                      const struct report *report) {
    uint64_t key = key_of(report);
    struct presence_connection *connection = find_connection(device, key);
    if (connection == NULL) {
        connection = add_connection(presence, device);
    }
    if (connection != NULL) {
        *connection = (struct presence_connection){
            .key = key,
            .round = presence->round,
            .since_us = report->since_us,
            .certificate_ends_us = report->certificate_ends_us,
            .by = report->by,
        };
        memcpy(connection->address, report->address,
               sizeof connection->address);
    }
}

static void disconnected(struct presence *presence,
                         struct presence_device *device,
                         const struct report *report, int64_t wall_us) {
    const struct presence_connection *connection =
        find_connection(device, key_of(report));
    if (connection != NULL) {
        remove_connection(presence, device,
                          (uint32_t)(connection - device->connections));
        device->gone_us = wall_us;
    }
}

static void forget_older(struct presence *presence,
                         struct presence_device *device, int64_t wall_us) {
    for (uint32_t i = device->connection_count; i > 0; i--) {
        if (device->connections[i - 1].round != presence->round) {
            remove_connection(presence, device, i - 1);
            device->gone_us = wall_us;
        }
    }
}

void presence_ask(struct presence *presence) {
    presence->round++;
    presence->known = false;
}

static void all_told(struct presence *presence, int64_t wall_us) {
    for (uint32_t i = 0; i < presence->count; i++) {
        forget_older(presence, presence->list[i], wall_us);
    }
    forget_older(presence, &presence->others, wall_us);
    presence->known = true;
}

/* --- What is refused and what comes --------------------------------------- */

static void refused(struct presence_device *device, const struct report *report,
                    int64_t wall_us) {
    if (report->refusal == REFUSAL_NONE) {
        return; /* nobody knows what it wanted */
    }
    if (device->refused == NULL) {
        device->refused = calloc(1, sizeof *device->refused);
    }
    if (device->refused == NULL) {
        return;
    }
    struct presence_refused *kept = device->refused;
    kept->count[report->refusal] += report->count;
    kept->last_us[report->refusal] = wall_us;
    kept->last = report->refusal;
    snprintf(kept->last_words, sizeof kept->last_words, "%.*s",
             (int)sizeof kept->last_words - 1, report->text);
    str_mend_utf8(kept->last_words); /* it may have been cut */
}

/* Whom it concerns; NULL: a device that was removed just now. */
static struct presence_device *device_of(struct presence *presence,
                                         const struct report *report) {
    return report->device[0] == '\0'
               ? &presence->others
               : find(presence, slice_from_str(report->device));
}

void presence_report(struct presence *presence, const struct report *report,
                     int64_t wall_us) {
    struct presence_device *device = device_of(presence, report);
    switch (report->kind) {
    case REPORT_CONNECTED:
        if (device != NULL) {
            connected(presence, device, report);
        }
        break;
    case REPORT_DISCONNECTED:
        if (device != NULL) {
            disconnected(presence, device, report, wall_us);
        }
        break;
    case REPORT_REFUSED:
        refused(device != NULL ? device : &presence->others, report, wall_us);
        break;
    case REPORT_ALL:
        all_told(presence, wall_us);
        break;
    case REPORT_LOADED:
    case REPORT_FAILED:
    case REPORT_SURPLUS:
        break;
    }
}

void presence_heard(struct presence *presence, struct slice device,
                    bool rejected, const struct presence_moment *now) {
    struct presence_device *from = find(presence, device);
    if (from == NULL) {
        from = &presence->others;
    }
    from->heard_us = now->mono_us;
    from->last_event_us = now->wall_us;
    from->events++;
    from->rejected += rejected ? 1 : 0;
}

/* --- Looking at it -------------------------------------------------------- */

static bool is_silent(const struct presence_device *device,
                      const struct presence_moment *now) {
    return now->silent_after_us > 0 &&
           now->mono_us - device->heard_us >= now->silent_after_us;
}

static bool was_refused(const struct presence_device *device,
                        const struct presence_moment *now) {
    return device->refused != NULL &&
           now->wall_us - device->refused->last_us[device->refused->last] <
               PRESENCE_RECENT_US;
}

enum presence_state presence_state(const struct presence_device *device,
                                   const struct presence_moment *now) {
    if (is_silent(device, now)) {
        return PRESENCE_SILENT;
    }
    if (was_refused(device, now)) {
        return PRESENCE_REFUSED;
    }
    return device->connection_count > 0 ? PRESENCE_ONLINE : PRESENCE_OFFLINE;
}

const char *presence_state_name(enum presence_state state) {
    static const char *const names[] = {"silent", "refused", "offline",
                                        "online"};
    assert((size_t)state < sizeof names / sizeof *names);
    return names[state];
}

struct presence_counts presence_counts(const struct presence *presence,
                                       const struct presence_moment *now) {
    struct presence_counts counts = {
        .registered = presence->count,
        .strangers = presence->others.connection_count,
    };
    for (uint32_t i = 0; i < presence->count; i++) {
        const struct presence_device *device = presence->list[i];
        counts.online += device->connection_count > 0 ? 1 : 0;
        counts.silent += is_silent(device, now) ? 1 : 0;
    }
    return counts;
}

void presence_name_silent(const struct presence *presence,
                          const struct presence_moment *now,
                          struct writer *writer) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < presence->count; i++) {
        if (is_silent(presence->list[i], now) && count++ < NAMES_SHOWN) {
            writer_printf(writer, "%s%s", count == 1 ? "" : ", ",
                          presence->list[i]->name);
        }
    }
    if (count > NAMES_SHOWN) {
        writer_printf(writer, " and %u more", count - NAMES_SHOWN);
    }
}

/* 0 if no connection of it came by certificate. */
static int64_t ends_of(const struct presence_device *device) {
    int64_t first_us = 0;
    for (uint32_t i = 0; i < device->connection_count; i++) {
        int64_t ends_us = device->connections[i].certificate_ends_us;
        if (ends_us > 0 && (first_us == 0 || ends_us < first_us)) {
            first_us = ends_us;
        }
    }
    return first_us;
}

const struct presence_device *presence_expiring(const struct presence *presence,
                                                int64_t before_us,
                                                int64_t *ret_ends_us,
                                                uint32_t *ret_count) {
    const struct presence_device *first = NULL;
    *ret_count = 0;
    *ret_ends_us = 0;
    for (uint32_t i = 0; i < presence->count; i++) {
        int64_t ends_us = ends_of(presence->list[i]);
        if (ends_us == 0 || ends_us >= before_us) {
            continue;
        }
        ++*ret_count;
        if (first == NULL || ends_us < *ret_ends_us) {
            first = presence->list[i];
            *ret_ends_us = ends_us;
        }
    }
    return first;
}
