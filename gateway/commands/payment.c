/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge payment: money that is owed to customers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/group.h"
#include "gateway/event/json.h"

enum { ACCEPTED = 202, FOUND = 200, TEXT_SIZE = 160, BODY_SIZE = 2048 };

static const char api_path[] = "/api/v1/payments";

static const char usage[] =
    "usage: shopme-edge payment COMMAND [options]\n"
    "\n"
    "  list     show the money that is owed: refunds that nobody has "
    "confirmed\n"
    "  resolve  say that a person has given one back\n"
    "\n"
    "Terminals and tills give money back by themselves; what they cannot, a\n"
    "person must. For details: shopme-edge payment COMMAND --help\n";

static const char usage_list[] =
    "usage: shopme-edge payment list [--config FILE] [--json]\n"
    "\n"
    "Shows the refunds that are open, the oldest first: of orders that were\n"
    "cancelled, of money taken too late, twice or in another amount, and of\n"
    "money for orders that nobody knows. FAILED ones wait for a person. Exit\n"
    "status: 0 shown, 1 no gateway answers, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --json         an object\n"
    "  --help\n";

static const char usage_resolve[] =
    "usage: shopme-edge payment resolve REFUND --how HOW [--reason TEXT]\n"
    "           [--config FILE]\n"
    "\n"
    "Says that the money of a refund, by its id (payment list shows it), is\n"
    "given back, or was never taken; PaymentResolved is journaled, and nobody\n"
    "is told of the refund any more.\n"
    "Exit status: 0 taken, 1 it is not, and standard error says why,\n"
    "2 usage.\n"
    "\n"
    "  --how HOW      void (the charge is undone), refund or cash\n"
    "  --reason TEXT  what happened; at most 160 bytes\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --help\n";

/* The gateway's answer to it, or why there is none. */
static bool ask(const char *config_path, struct slice body, unsigned wanted,
                struct client_answer *answer) {
    struct config config;
    struct reason reason;
    unsigned code;
    err_t err = config_load(config_path, &config, &reason);
    if (err == ERR_OK) {
        err = client_ask(config.control_socket, api_path, body, answer, &code,
                         &reason);
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return false;
    }
    if (code != wanted) {
        char why[256];
        client_text(answer->body, "error", why, sizeof why);
        fprintf(stderr, "%s\n", why);
        return false;
    }
    return true;
}

static bool is_true(struct slice object, const char *name) {
    struct slice value;
    return json_get(object, name, &value) == ERR_OK &&
           json_kind(value) == JSON_TRUE;
}

static void print_row(struct slice refund) {
    char id[TEXT_SIZE];
    char order[TEXT_SIZE];
    char amount[TEXT_SIZE];
    char currency[TEXT_SIZE];
    char device[TEXT_SIZE];
    char since[TEXT_SIZE];
    client_text(refund, "refundId", id, sizeof id);
    client_text(refund, "orderId", order, sizeof order);
    client_text(refund, "amount", amount, sizeof amount);
    client_text(refund, "currency", currency, sizeof currency);
    client_text(refund, "device", device, sizeof device);
    client_text(refund, "since", since, sizeof since);
    printf("%-28s %-20s %12s %-3s  %-16s %-20.19s %s\n", id, order,
           amount[0] == '\0' ? "unknown" : amount, currency, device, since,
           is_true(refund, "failed")      ? "FAILED"
           : is_true(refund, "unmatched") ? "no order"
                                          : "");
}

static void print_list(struct slice body) {
    struct slice list;
    struct slice refund;
    size_t at = 0;
    if (json_get(body, "refunds", &list) != ERR_OK ||
        json_element(list, &at, &refund) != ERR_OK) {
        puts("nothing is owed");
        return;
    }
    printf("%-28s %-20s %12s %-3s  %-16s %-20s %s\n", "REFUND", "ORDER",
           "AMOUNT", "", "SAID TO", "SINCE", "STATE");
    do {
        print_row(refund);
    } while (json_element(list, &at, &refund) == ERR_OK);
    if (is_true(body, "more")) {
        puts("and more");
    }
}

static int command_list(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    bool json = false;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"json", NULL, &json},
    };
    const struct arguments arguments = {"payment list", usage_list, table, 2};
    static struct client_answer answer;
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (!ask(path, SLICE_EMPTY, FOUND, &answer)) {
        return EXIT_FAILURE;
    }
    if (json) {
        printf("%.*s", SLICE_ARG(answer.body));
    } else {
        print_list(answer.body);
    }
    return EXIT_SUCCESS;
}

static struct slice write_body(char text[BODY_SIZE], const char *refund,
                               const char *how, const char *why) {
    struct writer body = writer_over(text, BODY_SIZE);
    writer_str(&body, "{\"refundId\":");
    json_write_string(&body, slice_from_str(refund));
    writer_str(&body, ",\"how\":");
    json_write_string(&body, slice_from_str(how));
    if (why != NULL) {
        writer_str(&body, ",\"reason\":");
        json_write_string(&body, slice_from_str(why));
    }
    writer_str(&body, "}");
    return body.full ? SLICE_EMPTY : writer_slice(&body);
}

static int command_resolve(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    const char *how = NULL;
    const char *why = NULL;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"how", &how, NULL},
        {"reason", &why, NULL},
    };
    const struct arguments arguments = {"payment resolve", usage_resolve, table,
                                        3};
    struct arguments_more more = {.word_name = "REFUND"};
    static struct client_answer answer;
    char text[BODY_SIZE];
    int exit_code;
    if (!arguments_read_more(&arguments, &more, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (more.word == NULL || how == NULL) {
        fputs("shopme-edge payment resolve: give the refund's id and --how "
              "void, refund or cash\n",
              stderr);
        return COMMANDS_EXIT_USAGE;
    }
    struct slice body = write_body(text, more.word, how, why);
    if (body.len == 0) {
        fputs("shopme-edge payment resolve: the reason is too long\n", stderr);
        return COMMANDS_EXIT_USAGE;
    }
    return ask(path, body, ACCEPTED, &answer) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_payment(int argc, char **argv) {
    static const struct group_entry entries[] = {{"list", command_list},
                                                 {"resolve", command_resolve}};
    static const struct group group = {"payment", usage, entries, 2};
    return group_run(&group, argc, argv);
}
