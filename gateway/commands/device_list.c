/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge device list: the registered devices, as the set's file has
 * them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/reading.h"
#include "gateway/event/event.h"
#include "gateway/identity/edit.h"

static const char usage[] =
    "usage: shopme-edge device list [--config FILE] [--json]\n"
    "\n"
    "Shows the registered devices and what each may do, with a running "
    "gateway\n"
    "and without one. Run it as the gateway's user or root. Exit status: 0\n"
    "shown, 1 they cannot be read, and standard error says why, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --json         print an object a line, for each device\n"
    "  --help\n";

static void print_json(const struct account *account) {
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
    printf("],\"added\":\"%s\"}\n", added);
}

static const char *comes_by(const struct account *account) {
    bool password = account->password[0] != '\0';
    if (account->certificate) {
        return password ? "password, certificate" : "certificate";
    }
    return password ? "password" : "nothing: locked";
}

static void print_row(const struct account *account) {
    char added[EVENT_TIME_SIZE];
    event_time_format(account->added_us, added);
    printf("%-24s %-22s %-8s %.10s ", account->name, comes_by(account),
           account->channel ? "yes" : "-", added);
    for (uint32_t i = 0; i < account->topic_count; i++) {
        printf(" %s", account->topics[i]);
    }
    puts(account->topic_count == 0 ? " -" : "");
}

static void print_all(const struct accounts *accounts, bool json) {
    if (!json) {
        printf("%-24s %-22s %-8s %-10s  %s\n", "DEVICE", "COMES BY", "CHANNEL",
               "ADDED", "TOPICS");
    }
    for (uint32_t i = 0; i < accounts->count; i++) {
        (json ? print_json : print_row)(&accounts->list[i]);
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
    print_all(&accounts, json);
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
