/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge device list: the registered devices, as the set's file has them,
 * and what a running gateway has seen of each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/device_seen.h"
#include "gateway/commands/reading.h"
#include "gateway/event/event.h"
#include "gateway/identity/edit.h"

enum { SHOWN_MAX = 64 };

static const char usage[] =
    "usage: shopme-edge device list [--config FILE] [--json]\n"
    "\n"
    "Shows the registered devices and what each may do, with a running "
    "gateway\n"
    "and without one; with one also who is online and when each was last\n"
    "heard, since the gateway's start. Run it as the gateway's user or root.\n"
    "Exit status: 0 shown, 1 they cannot be read, and standard error says "
    "why,\n"
    "2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --json         print an object a line, for each device; `seen` is what\n"
    "                 GET /api/v1/devices says of it, null without a gateway\n"
    "  --help\n";

static void print_json(const struct account *account, struct slice seen) {
    char added[EVENT_TIME_SIZE];
    event_time_format(account->added_us, added);
    printf("{\"name\":");
    reading_print_string(account->name);
    printf(",\"password\":%s,\"certificate\":%s,\"channel\":%s,\"topics\":[",
           account->password[0] != '\0' ? "true" : "false",
           account->certificate ? "true" : "false",
           account->channel ? "true" : "false");
    for (uint32_t i = 0; i < account->topic_count; i++) {
        printf("%s", i > 0 ? "," : "");
        reading_print_string(account->topics[i]);
    }
    printf("],\"added\":\"%s\",\"seen\":%.*s}\n", added,
           seen.len > 0 ? (int)seen.len : 4,
           seen.len > 0 ? (const char *)seen.data : "null");
}

static const char *comes_by(const struct account *account) {
    bool password = account->password[0] != '\0';
    if (account->certificate) {
        return password ? "password, certificate" : "certificate";
    }
    return password ? "password" : "nothing: locked";
}

static const char *text_or_dash(struct slice seen, const char *name,
                                char ret[SHOWN_MAX]) {
    if (seen.len > 0) {
        client_text(seen, name, ret, SHOWN_MAX);
    }
    return seen.len > 0 && ret[0] != '\0' ? ret : "-";
}

/* `-`: no gateway answers; `?`: it does not know, for the broker is away. */
static const char *online(const struct device_seen *all, struct slice seen) {
    if (seen.len == 0) {
        return "-";
    }
    if (!all->known) {
        return "?";
    }
    return client_uint(seen, "connections") > 0 ? "yes" : "no";
}

static void print_row(const struct account *account, const char *is_online,
                      struct slice seen) {
    char added[EVENT_TIME_SIZE];
    char event[SHOWN_MAX];
    event_time_format(account->added_us, added);
    printf("%-24s %-22s %-8s %.10s  %-6s %-20.19s", account->name,
           comes_by(account), account->channel ? "yes" : "-", added, is_online,
           text_or_dash(seen, "last_event", event));
    for (uint32_t i = 0; i < account->topic_count; i++) {
        printf(" %s", account->topics[i]);
    }
    puts(account->topic_count == 0 ? " -" : "");
}

static void print_all(const struct accounts *accounts, const char *socket_path,
                      bool json) {
    struct device_seen seen = {.socket_path = socket_path};
    if (!json) {
        printf("%-24s %-22s %-8s %-10s  %-6s %-20s %s\n", "DEVICE", "COMES BY",
               "CHANNEL", "ADDED", "ONLINE", "LAST EVENT", "TOPICS");
    }
    for (uint32_t i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->list[i];
        struct slice found = device_seen_find(&seen, account->name);
        if (json) {
            print_json(account, found);
        } else {
            print_row(account, online(&seen, found), found);
        }
    }
}

static err_t list(const char *path, bool json, struct reason *reason) {
    CLEANUP(accounts_free) struct accounts accounts = {0};
    struct config config;
    TRY(config_load(path, &config, reason));
    if (config.broker.mode == CONFIG_BROKER_EXTERNAL) {
        return reason_set(reason, ERR_REFUSED,
                          "broker.mode is external: the accounts are that "
                          "broker's; see them there");
    }
    TRY(identity_accounts_load(config.data, &accounts, reason));
    print_all(&accounts, config.control_socket, json);
    return ERR_OK;
}

int command_device_list(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    bool json = false;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"json", NULL, &json},
    };
    const struct arguments arguments = {"device list", usage, table, 2};
    struct reason reason;
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (list(path, json, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
