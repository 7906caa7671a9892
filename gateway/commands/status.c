/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge status: the state of the running gateway, as a table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/event/json.h"

enum { WORDS_MAX = 256, SPAN_MAX = 32 };

static const char usage[] =
    "usage: shopme-edge status [--config FILE] [--json]\n"
    "\n"
    "Shows the state of the running gateway. Exit status: 0 it answered, 1 no\n"
    "gateway answers, 2 usage.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --json         print the answer of GET /api/v1/status unchanged\n"
    "  --help\n";

static void span(uint64_t seconds, char ret[SPAN_MAX]) {
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds) {
        i++;
    }
    snprintf(ret, SPAN_MAX, "%" PRIu64 " %s", seconds / units[i].seconds,
             units[i].name);
}

/* The age in seconds, or a dash for null. */
static void age(struct slice stream, char ret[SPAN_MAX]) {
    struct slice value;
    if (json_get(stream, "oldest_age_s", &value) == ERR_OK &&
        json_kind(value) == JSON_NUMBER) {
        span(client_uint(stream, "oldest_age_s"), ret);
    } else {
        snprintf(ret, SPAN_MAX, "-");
    }
}

/* Events held because of their content, on a link that may be fine. */
static void print_held(uint64_t held, const char *error) {
    if (held > 0) {
        printf("  %" PRIu64 " event%s held: the cloud refuses %s%s%s\n", held,
               held == 1 ? " is" : "s are", held == 1 ? "it" : "them",
               error[0] != '\0' ? ": " : "", error);
    }
}

static void print_room(struct slice stream) {
    char full[WORDS_MAX];
    client_text(stream, "full", full, sizeof full);
    if (full[0] != '\0') {
        printf("  full: %s; no new events are accepted until there is room\n",
               full);
    }
    uint64_t dropped = client_uint(stream, "dropped");
    if (dropped > 0) {
        printf("  %" PRIu64 " undelivered events were dropped to make room\n",
               dropped);
    }
}

/* The first and last number of each range that damage took. */
static void print_damage(struct slice stream) {
    uint64_t damaged = client_uint(stream, "damaged");
    struct slice ranges;
    struct slice range;
    if (damaged == 0 || json_get(stream, "damage", &ranges) != ERR_OK ||
        json_kind(ranges) != JSON_ARRAY) {
        return;
    }
    printf("  DAMAGED: the disk has lost %" PRIu64 " event%s of this journal:",
           damaged, damaged == 1 ? "" : "s");
    size_t at = 0;
    while (json_element(ranges, &at, &range) == ERR_OK) {
        printf(" %.*s", (int)range.len, (const char *)range.data);
    }
    printf("; check the disk, and the .rot files next to the journal\n");
}

static void print_stream(struct slice stream) {
    char name[WORDS_MAX];
    char link[WORDS_MAX];
    char since[WORDS_MAX];
    char error[WORDS_MAX];
    char oldest[SPAN_MAX];
    client_text(stream, "name", name, sizeof name);
    client_text(stream, "link", link, sizeof link);
    client_text(stream, "since", since, sizeof since);
    client_text(stream, "last_error", error, sizeof error);
    age(stream, oldest);
    printf("%-16s %-8s %10" PRIu64 " %8s %12" PRIu64 " %12" PRIu64 " %10" PRIu64
           " %10" PRIu64 "\n",
           name, link, client_uint(stream, "backlog"), oldest,
           client_uint(stream, "cursor"), client_uint(stream, "end"),
           client_uint(stream, "rejected"), client_uint(stream, "duplicates"));
    bool online = strcmp(link, "online") == 0;
    if (error[0] != '\0' && !online) {
        printf("  %s since %s: %s\n", link, since, error);
    }
    print_room(stream);
    print_damage(stream);
    print_held(client_uint(stream, "refused"), online ? error : "");
}

static bool damaged(struct slice status) {
    struct slice streams;
    struct slice stream;
    size_t at = 0;
    bool any = false;
    if (json_get(status, "streams", &streams) != ERR_OK ||
        json_kind(streams) != JSON_ARRAY) {
        return false;
    }
    while (json_element(streams, &at, &stream) == ERR_OK) {
        any |= json_kind(stream) == JSON_OBJECT &&
               client_uint(stream, "damaged") > 0;
    }
    return any;
}

static void print_head(struct slice status) {
    char store[WORDS_MAX];
    char version[WORDS_MAX];
    char unhealthy[WORDS_MAX];
    char up[SPAN_MAX];
    client_text(status, "store", store, sizeof store);
    client_text(status, "version", version, sizeof version);
    client_text(status, "unhealthy", unhealthy, sizeof unhealthy);
    span(client_uint(status, "uptime_s"), up);
    printf("store %s, version %s, up %s\n", store, version, up);
    const char *health = damaged(status) ? "DAMAGED, see below" : "ok";
    printf("health: %s\n", unhealthy[0] == '\0' ? health : unhealthy);
    struct slice broker;
    struct slice running;
    if (json_get(status, "broker", &broker) == ERR_OK &&
        json_kind(broker) == JSON_OBJECT &&
        json_get(broker, "up", &running) == ERR_OK) {
        printf("broker: %s, port %" PRIu64 ", restarts %" PRIu64 "\n",
               json_kind(running) == JSON_TRUE ? "up" : "down",
               client_uint(broker, "port"), client_uint(broker, "restarts"));
    }
    struct slice orders;
    if (json_get(status, "orders", &orders) == ERR_OK &&
        json_kind(orders) == JSON_OBJECT) {
        printf("orders: %" PRIu64 " placed, %" PRIu64 " open, %" PRIu64
               " fulfiled, %" PRIu64 " cancelled, %" PRIu64 " rejected\n",
               client_uint(orders, "placed"), client_uint(orders, "open"),
               client_uint(orders, "fulfiled"),
               client_uint(orders, "cancelled"),
               client_uint(orders, "rejected"));
        uint64_t unfitting = client_uint(orders, "unfitting");
        if (unfitting > 0) {
            printf("  %" PRIu64 " events skipped: what they depend on was "
                   "lost to damage\n",
                   unfitting);
        }
    }
}

static void print_table(struct slice status) {
    print_head(status);
    printf("\n%-16s %-8s %10s %8s %12s %12s %10s %10s\n", "STREAM", "LINK",
           "BACKLOG", "OLDEST", "IN CLOUD", "IN JOURNAL", "REJECTED",
           "REPEATED");
    struct slice streams;
    if (json_get(status, "streams", &streams) != ERR_OK ||
        json_kind(streams) != JSON_ARRAY) {
        return;
    }
    size_t at = 0;
    struct slice stream;
    while (json_element(streams, &at, &stream) == ERR_OK) {
        if (json_kind(stream) == JSON_OBJECT) {
            print_stream(stream);
        }
    }
}

int command_status(int argc, char **argv) {
    const char *path = COMMANDS_CONFIG_DEFAULT;
    bool json = false;
    const struct argument table[] = {
        {"config", &path, NULL},
        {"json", NULL, &json},
    };
    const struct arguments arguments = {"status", usage, table, 2};
    int exit_code;
    if (!arguments_read(&arguments, argc, argv, &exit_code)) {
        return exit_code;
    }
    struct config config;
    struct client_answer answer;
    struct reason reason;
    if (config_load(path, &config, &reason) != ERR_OK ||
        client_status(config.control_socket, &answer, &reason) != ERR_OK) {
        fprintf(stderr, "%s\n", reason.text);
        return EXIT_FAILURE;
    }
    if (json) {
        fwrite(answer.body.data, 1, answer.body.len, stdout);
    } else {
        print_table(answer.body);
    }
    return EXIT_SUCCESS;
}
