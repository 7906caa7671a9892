/* SPDX-License-Identifier: Apache-2.0 */
/* shopme-edge status: the state of the running gateway, as a table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "gateway/base/span.h"
#include "gateway/commands/arguments.h"
#include "gateway/commands/client.h"
#include "gateway/commands/commands.h"
#include "gateway/commands/device_seen.h"
#include "gateway/event/json.h"

enum { WORDS_MAX = 512 };

static const char usage[] =
    "usage: shopme-edge status [--config FILE] [--json]\n"
    "\n"
    "Shows the state of the running gateway, and what to do about it. Exit\n"
    "status: 0 all is well, 1 no gateway answers, 2 usage, 3 it is degraded,\n"
    "4 it is failing.\n"
    "\n"
    "  --config FILE  default " COMMANDS_CONFIG_DEFAULT "\n"
    "  --json         print the answer of GET /api/v1/status unchanged\n"
    "  --help\n";

/* Seconds as a span, or a dash for null. */
static const char *span_of(struct slice object, const char *name,
                           char ret[SPAN_SIZE]) {
    struct slice value;
    if (json_get(object, name, &value) != ERR_OK ||
        json_kind(value) != JSON_NUMBER) {
        return "-";
    }
    return span_text((int64_t)client_uint(object, name), ret);
}

static void print_dropped(struct slice stream) {
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
    char oldest[SPAN_SIZE];
    client_text(stream, "name", name, sizeof name);
    client_text(stream, "link", link, sizeof link);
    printf("%-16s %-9s %10" PRIu64 " %8s %12" PRIu64 " %12" PRIu64 " %10" PRIu64
           " %10" PRIu64 "\n",
           name, link, client_uint(stream, "backlog"),
           span_of(stream, "oldest_age_s", oldest),
           client_uint(stream, "cursor"), client_uint(stream, "end"),
           client_uint(stream, "rejected"), client_uint(stream, "duplicates"));
    print_dropped(stream);
    print_damage(stream);
}

static void print_forecast(struct slice stream) {
    char name[WORDS_MAX];
    char in[SPAN_SIZE];
    char out[SPAN_SIZE];
    char flash[SPAN_SIZE];
    char full[SPAN_SIZE];
    char drained[SPAN_SIZE];
    struct slice forecast;
    if (json_get(stream, "forecast", &forecast) != ERR_OK ||
        json_kind(forecast) != JSON_OBJECT) {
        return;
    }
    client_text(stream, "name", name, sizeof name);
    span_bytes(client_uint(forecast, "bytes_in_per_s"), in);
    span_bytes(client_uint(forecast, "bytes_out_per_s"), out);
    span_bytes(client_uint(forecast, "flash_bytes_per_day"), flash);
    printf("%-16s %10s/s %10s/s %10s %12s %12s/day\n", name, in, out,
           span_of(forecast, "full_in_s", full),
           span_of(forecast, "drained_in_s", drained), flash);
}

static void print_reason(struct slice reason) {
    char code[WORDS_MAX];
    char stream[WORDS_MAX];
    char text[WORDS_MAX];
    char action[WORDS_MAX];
    client_text(reason, "code", code, sizeof code);
    client_text(reason, "stream", stream, sizeof stream);
    client_text(reason, "text", text, sizeof text);
    client_text(reason, "action", action, sizeof action);
    printf("  %s%s%s%s: %s\n    to do: %s\n", code,
           stream[0] != '\0' ? " of " : "", stream,
           client_is(reason, "level", "failing") ? " (failing)" : "", text,
           action);
}

/* The elements of an array that are objects, one after another. */
static void each_object(struct slice object, const char *name,
                        void (*each)(struct slice element)) {
    struct slice list;
    struct slice element;
    size_t at = 0;
    if (json_get(object, name, &list) != ERR_OK ||
        json_kind(list) != JSON_ARRAY) {
        return;
    }
    while (json_element(list, &at, &element) == ERR_OK) {
        if (json_kind(element) == JSON_OBJECT) {
            each(element);
        }
    }
}

static void print_verdict(struct slice verdict) {
    char level[WORDS_MAX];
    char since[WORDS_MAX];
    client_text(verdict, "level", level, sizeof level);
    client_text(verdict, "since", since, sizeof since);
    printf("verdict: %s since %s\n", level, since);
    each_object(verdict, "reasons", print_reason);
}

static bool verdict_of(struct slice status, struct slice *ret) {
    return json_get(status, "verdict", ret) == ERR_OK &&
           json_kind(*ret) == JSON_OBJECT;
}

/* "gateway until 2028-11-28", the day of a time that is there. */
static void print_end(struct slice tls, const char *of, const char *name,
                      const char *before) {
    char who[WORDS_MAX] = "";
    char end[WORDS_MAX];
    client_text(tls, name, end, sizeof end);
    if (of != NULL) {
        client_text(tls, of, who, sizeof who);
    }
    if (end[0] != '\0') {
        printf("%s%s until %.10s", before, who, end);
    }
}

static void print_tls(struct slice status) {
    struct slice tls;
    if (json_get(status, "tls", &tls) != ERR_OK ||
        json_kind(tls) != JSON_OBJECT) {
        return;
    }
    print_end(tls, NULL, "server_ends", "certificates: the gateway's");
    print_end(tls, "ca", "ca_ends", ", ");
    print_end(tls, "device", "device_ends", ", ");
    print_end(tls, NULL, "crl_ends", ", the revocation list");
    puts("");
}

/* Not where none are needed. */
static void print_credentials(struct slice status) {
    char state[WORDS_MAX];
    char source[WORDS_MAX];
    char expires[WORDS_MAX];
    char error[WORDS_MAX];
    struct slice credentials;
    if (json_get(status, "credentials", &credentials) != ERR_OK ||
        json_kind(credentials) != JSON_OBJECT ||
        client_is(credentials, "state", "none")) {
        return;
    }
    client_text(credentials, "state", state, sizeof state);
    client_text(credentials, "source", source, sizeof source);
    client_text(credentials, "expires", expires, sizeof expires);
    client_text(credentials, "error", error, sizeof error);
    printf("AWS credentials: %s, of source %s%s%s%s%s\n", state, source,
           expires[0] != '\0' ? ", until " : "", expires,
           error[0] != '\0' ? ": " : "", error);
}

/* Money that is owed, if there is any. */
static void print_refunds(struct slice status) {
    struct slice refunds;
    char oldest[SPAN_SIZE];
    if (json_get(status, "refunds", &refunds) != ERR_OK ||
        json_kind(refunds) != JSON_OBJECT) {
        return;
    }
    uint64_t not_kept = client_uint(refunds, "not_kept");
    if (client_uint(refunds, "open") > 0) {
        printf("refunds: %" PRIu64 " open, %" PRIu64
               " wait for a person, %" PRIu64
               " without an order, the oldest for %s; see payment list\n",
               client_uint(refunds, "open"), client_uint(refunds, "failed"),
               client_uint(refunds, "unmatched"),
               span_text((int64_t)client_uint(refunds, "oldest_s"), oldest));
    }
    if (not_kept > 0) {
        printf("  %" PRIu64 " were said once only: too many were open\n",
               not_kept);
    }
}

static void print_head(struct slice status) {
    char store[WORDS_MAX];
    char version[WORDS_MAX];
    char up[SPAN_SIZE];
    client_text(status, "store", store, sizeof store);
    client_text(status, "version", version, sizeof version);
    printf("store %s, version %s, up %s\n", store, version,
           span_text((int64_t)client_uint(status, "uptime_s"), up));
    struct slice verdict;
    if (verdict_of(status, &verdict)) {
        print_verdict(verdict);
    }
    struct slice broker;
    struct slice running;
    if (json_get(status, "broker", &broker) == ERR_OK &&
        json_kind(broker) == JSON_OBJECT &&
        json_get(broker, "up", &running) == ERR_OK) {
        printf("broker: %s, port %" PRIu64 ", restarts %" PRIu64 "\n",
               json_kind(running) == JSON_TRUE ? "up" : "down",
               client_uint(broker, "port"), client_uint(broker, "restarts"));
    }
    print_tls(status);
    print_credentials(status);
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
    print_refunds(status);
}

static void print_table(struct slice status) {
    print_head(status);
    printf("\n%-16s %-9s %10s %8s %12s %12s %10s %10s\n", "STREAM", "LINK",
           "BACKLOG", "OLDEST", "IN CLOUD", "IN JOURNAL", "REJECTED",
           "REPEATED");
    each_object(status, "streams", print_stream);
    printf("\n%-16s %12s %12s %10s %12s %16s\n", "AT THIS RATE", "IN", "OUT",
           "FULL IN", "DRAINED IN", "FLASH");
    each_object(status, "streams", print_forecast);
}

/* A script must not take what it cannot read for a healthy gateway. */
static int exit_of(struct slice status) {
    static const struct {
        const char *level;
        int exit_code;
    } levels[] = {{"ok", EXIT_SUCCESS},
                  {"degraded", COMMANDS_EXIT_DEGRADED},
                  {"failing", COMMANDS_EXIT_FAILING}};
    struct slice verdict;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (verdict_of(status, &verdict) &&
            client_is(verdict, "level", levels[i].level)) {
            return levels[i].exit_code;
        }
    }
    fputs("the gateway gives no verdict; it may be of another version\n",
          stderr);
    return EXIT_FAILURE;
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
        device_seen_print(answer.body, config.control_socket);
    }
    return exit_of(answer.body);
}
