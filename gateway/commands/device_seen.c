/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/device_seen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/event/json.h"
#include "gateway/identity/account.h"

enum { SHOWN = 10, PATH_SIZE = 128, CODE_OK = 200, WORDS_MAX = 160 };

/* --- One after another ---------------------------------------------------- */

static bool is_true(struct slice object, const char *name) {
    struct slice value;
    return json_get(object, name, &value) == ERR_OK &&
           json_kind(value) == JSON_TRUE;
}

static bool list_of(struct slice answer, struct slice *ret) {
    return json_get(answer, "devices", ret) == ERR_OK &&
           json_kind(*ret) == JSON_ARRAY;
}

static bool ask(const char *socket_path, const char *path,
                struct client_answer *ret) {
    struct reason reason;
    unsigned code;
    return client_ask(socket_path, path, SLICE_EMPTY, ret, &code, &reason) ==
               ERR_OK &&
           code == CODE_OK;
}

/* The page after `after`. */
static void turn_page(struct device_seen *seen, const char *after) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/api/v1/devices?after=%s", after);
    seen->at = 0;
    seen->next = SLICE_EMPTY;
    seen->begun = true;
    seen->over = !ask(seen->socket_path, path, &seen->answer) ||
                 !list_of(seen->answer.body, &seen->list);
    seen->known = !seen->over && is_true(seen->answer.body, "known");
}

static void go_on(struct device_seen *seen) {
    char after[ACCOUNT_NAME_MAX] = "";
    if (!seen->begun) {
        turn_page(seen, "");
    }
    while (!seen->over) {
        if (json_element(seen->list, &seen->at, &seen->next) == ERR_OK) {
            return;
        }
        client_text(seen->answer.body, "next", after, sizeof after);
        if (after[0] == '\0') {
            break;
        }
        turn_page(seen, after);
    }
    seen->over = true;
    seen->next = SLICE_EMPTY;
}

struct slice device_seen_find(struct device_seen *seen, const char *name) {
    char other[ACCOUNT_NAME_MAX];
    for (;;) {
        if (seen->next.len == 0) {
            go_on(seen);
        }
        if (seen->next.len == 0) {
            return SLICE_EMPTY;
        }
        client_text(seen->next, "name", other, sizeof other);
        int order = strcmp(other, name);
        if (order > 0) {
            return SLICE_EMPTY; /* added since the accounts were read */
        }
        struct slice found = seen->next;
        seen->next = SLICE_EMPTY;
        if (order == 0) {
            return found;
        }
    }
}

/* --- For `status` --------------------------------------------------------- */

/* "other-device 3, password 1" */
static void write_refused(struct slice object, struct writer *writer) {
    struct slice list;
    struct slice element;
    char reason[WORDS_MAX];
    size_t at = 0;
    if (json_get(object, "refused", &list) != ERR_OK) {
        return;
    }
    while (json_element(list, &at, &element) == ERR_OK) {
        client_text(element, "reason", reason, sizeof reason);
        writer_printf(writer, "%s%s %" PRIu64, writer->len == 0 ? "" : ", ",
                      reason, client_uint(element, "count"));
    }
}

static void print_device(struct slice device) {
    char name[WORDS_MAX];
    char state[WORDS_MAX];
    char since[WORDS_MAX];
    char event[WORDS_MAX];
    char refused[512];
    struct writer writer = writer_over(refused, sizeof refused - 1);
    client_text(device, "name", name, sizeof name);
    client_text(device, "state", state, sizeof state);
    client_text(device, "since", since, sizeof since);
    client_text(device, "last_event", event, sizeof event);
    write_refused(device, &writer);
    refused[writer.len] = '\0';
    printf("%-24s %-8s %-7s %-20.19s %-20.19s %10" PRIu64 " %10" PRIu64
           "  %s\n",
           name, state, client_uint(device, "connections") > 0 ? "yes" : "no",
           since[0] == '\0' ? "-" : since, event[0] == '\0' ? "-" : event,
           client_uint(device, "events"), client_uint(device, "rejected"),
           refused[0] == '\0' ? "-" : refused);
}

/* Those that are online and well are not shown. */
static void print_worst(struct slice answer) {
    struct slice list;
    struct slice device;
    size_t at = 0;
    uint32_t shown = 0;
    while (list_of(answer, &list) && shown < SHOWN &&
           json_element(list, &at, &device) == ERR_OK &&
           !client_is(device, "state", "online")) {
        if (shown++ == 0) {
            printf("\n%-24s %-8s %-7s %-20s %-20s %10s %10s  %s\n", "DEVICE",
                   "STATE", "ONLINE", "SINCE", "LAST EVENT", "EVENTS",
                   "REJECTED", "REFUSED");
        }
        print_device(device);
    }
    if (shown == SHOWN) {
        puts("all of them: shopme-edge device list");
    }
}

void device_seen_print(struct slice status, const char *socket_path) {
    struct slice counts;
    struct client_answer answer;
    if (json_get(status, "devices", &counts) != ERR_OK ||
        json_kind(counts) != JSON_OBJECT) {
        return; /* an external broker's */
    }
    printf("\ndevices: %" PRIu64 " registered, %" PRIu64 " online, %" PRIu64
           " silent; %" PRIu64 " without an account; refused %" PRIu64 "%s\n",
           client_uint(counts, "registered"), client_uint(counts, "online"),
           client_uint(counts, "silent"), client_uint(counts, "strangers"),
           client_uint(counts, "refused"),
           is_true(counts, "known")
               ? ""
               : " (who is connected is not known: the broker is not heard)");
    if (ask(socket_path, "/api/v1/devices", &answer)) {
        print_worst(answer.body);
    }
}
