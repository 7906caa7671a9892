/* SPDX-License-Identifier: Apache-2.0 */
/* A console with made-up figures, for console_test.py:
 *
 *   console_host HOST:PORT|off SOCKET|off
 *
 * Prints "port N" (0: none yet), then "away WHY" for each way in that is not
 * open. SIGUSR1 turns its health off and on, SIGUSR2 moves the page to the
 * address in the environment's CONSOLE_NEXT ("off" for none); SIGTERM ends it
 * in order. SIGHUP takes the room of its journal and the cloud, and gives them
 * back. */
#include "gateway/console/console.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/jobs/jobs.h"

enum { ORDER_COUNT = 60, SIGNALS = 4 };

struct host {
    struct console *console;
    bool paused;
    bool sick;
    bool full;
    struct verdict verdict;
    uint32_t uplink_calls;
    uint64_t changes; /* of the accounts */
    char changed[ACCOUNT_NAME_MAX];
    struct presence presence;
    const char *devices; /* how many: see fill_presence() */
};

enum { DEVICES_AT_US = 1000000 };

static void report(struct host *host, struct report told) {
    told.since_us = 1794990000000000;
    told.count = 3;
    presence_report(&host->presence, &told, 1795000000000000);
}

/* As many as the environment's CONSOLE_DEVICES says: the second is silent, the
 * fourth offline, and every tenth was refused something. */
static void fill_presence(struct host *host) {
    struct accounts accounts = {0};
    unsigned count = (unsigned)strtoul(host->devices, NULL, 10);
    for (unsigned i = 1; i <= count; i++) {
        struct account account = {.certificate = i % 2 == 0};
        snprintf(account.name, sizeof account.name, "till-%05u", i);
        if (accounts_put(&accounts, &account) != ERR_OK) {
            exit(2);
        }
    }
    if (presence_sync(&host->presence, &accounts, DEVICES_AT_US) != ERR_OK) {
        exit(2);
    }
    for (unsigned i = 1; i <= count; i++) {
        struct report told = {.kind = REPORT_CONNECTED,
                              .by = REPORT_BY_CERTIFICATE,
                              .address = "10.0.0.7",
                              .certificate_ends_us = 1800000000000000};
        memcpy(told.device, accounts.list[i - 1].name, sizeof told.device);
        if (i % 10 == 0) {
            struct report refused = told;
            refused.kind = REPORT_REFUSED;
            refused.refusal = REFUSAL_OTHER_DEVICE;
            snprintf(refused.text, sizeof refused.text,
                     "<script>\"a\"</script>");
            report(host, refused);
        }
        if (i != 4) {
            report(host, told);
            presence_heard(&host->presence, slice_from_str(told.device), i == 1,
                           &(struct presence_moment){
                               .wall_us = 1795000000000000,
                               .mono_us = i == 2 ? 0 : DEVICES_AT_US});
        }
    }
    report(host, (struct report){.kind = REPORT_REFUSED,
                                 .refusal = REFUSAL_UNKNOWN,
                                 .text = "nobody"});
    accounts_free(&accounts);
}

static void on_devices(void *self, struct console_devices *ret) {
    const struct host *host = self;
    if (host->devices != NULL) {
        ret->presence = &host->presence;
        ret->known = true;
        ret->now = (struct presence_moment){
            .wall_us = 1795000001000000,
            .mono_us = 60 * DEVICES_AT_US,
            .silent_after_us = 60 * DEVICES_AT_US,
        };
        ret->refused[REFUSAL_UNKNOWN] = 3;
        ret->refused[REFUSAL_NONE] = 9;
    }
}

static void fill_stream(const struct host *host, struct console_stream *ret) {
    static const struct journal_gap gaps[] = {{7, 10, 90}, {40, 41, 90}};
    *ret = (struct console_stream){
        .name = "orders",
        .start = 200,
        .end = 1234,
        .received = 1300,
        .accepted = 1234,
        .rejected = 16,
        .duplicates = 50,
        .dropped = 21,
        .gaps = gaps,
        .gap_count = 2,
        .damaged = 4,
        .full = "the disk has no room",
        .journal = {.segments = 3,
                    .bytes = 25165824,
                    .commits = 77,
                    .commit_us_last = 131,
                    .commit_us_max = 20500,
                    .payload = 1000},
        .written = 15000,
        .has_sink = true,
        .bridge = {.link =
                       host->paused ? BRIDGE_LINK_PAUSED : BRIDGE_LINK_OFFLINE,
                   .cursor = 1000,
                   .sent = 1000,
                   .repeated = 7,
                   .requests = 120,
                   .failures = 9,
                   .lost = 4,
                   .since_us = 1795000000000000,
                   .last_error = "no route to \"events\" <host>"},
        .oldest_us = 1795000000000000,
        .forecast = {.bytes_in_per_s = 4000,
                     .bytes_out_per_s = 0,
                     .full_in_s = 147600,
                     .drained_in_s = FORECAST_UNKNOWN,
                     .flash_bytes_per_day = 1288490188},
    };
}

static void judge(struct host *host, struct console_status *ret) {
    const struct verdict_facts facts = {
        .streams = {{.name = "orders",
                     .full = host->full ? "no \"room\"" : NULL,
                     .link =
                         host->full ? VERDICT_LINK_OFFLINE : VERDICT_LINK_FINE,
                     .oldest_age_s = VERDICT_UNKNOWN,
                     .full_in_s = VERDICT_UNKNOWN}},
        .stream_count = 1,
        .broker_down = host->sick,
    };
    verdict_judge(&host->verdict, &facts, ret->mono_us, ret->now_us);
    ret->verdict = &host->verdict;
}

static void on_status(void *self, struct console_status *ret) {
    struct host *host = self;
    ret->store = "store-7";
    ret->version = "9.8.7";
    ret->now_us = 1795000090500000;
    ret->uptime_s = 3600 + host->uplink_calls;
    ret->mono_us = 3600000000;
    judge(host, ret);
    ret->broker_up = true;
    ret->broker_port = 1883;
    ret->broker_restarts = 2;
    ret->broker_reason = "another gateway";
    ret->broker_set_aside = "/data/broker/mosquitto.db.bad-1";
    ret->broker_takeovers = 3;
    ret->broker_dropped = 40;
    ret->broker_dropped_a_minute = 5;
    ret->foreign_messages = 6;
    fill_stream(host, &ret->streams[0]);
    ret->streams[1] = (struct console_stream){
        .name = "telemetry",
        .end = 5,
        .forecast = {.full_in_s = FORECAST_UNKNOWN, .drained_in_s = 180},
    };
    ret->stream_count = 2;
    ret->has_shop = true;
    ret->orders = (struct shop_counts){.placed = 60,
                                       .open = 15,
                                       .fulfiled = 15,
                                       .cancelled = 15,
                                       .rejected = 15,
                                       .payments_open = 4,
                                       .answers_ignored = 2};
    ret->refunds = (struct shop_refunds){
        .open = 3,
        .failed = 1,
        .unmatched = 2,
        .unknown = 1,
        .not_kept = 5,
        .strays = 6,
        .oldest_us = ret->now_us - (int64_t)90 * 1000000,
        .sums = {{"EUR", 1, 1250}, {"JPY", 1, 7}},
    };
    ret->clock_offset_ms = -1500;
    on_devices(host, &ret->devices);
}

static void on_orders(void *self, uint32_t max,
                      void (*each)(void *context,
                                   const struct shop_order_view *),
                      void *context) {
    (void)self;
    for (uint32_t i = 0; i < max && i < ORDER_COUNT; i++) {
        char id[32];
        snprintf(id, sizeof id, "order-%u", ORDER_COUNT - i);
        struct shop_order_view view = {
            .order_id = slice_from_str(id),
            .device = SLICE("till-1"),
            .state = (enum shop_order_state)(i % 4),
            .reserved = i % 2 == 0,
            .paid = i % 3 == 0,
            .total_minor = 1099 + i,
            .currency = "EUR",
            .reason = i % 4 == 2 ? SLICE("out of \"milk\"\n") : SLICE_EMPTY,
            .placed_us = 1795000000000000 - (int64_t)i * 1000000,
            .changed_us = 1795000001000000 - (int64_t)i * 1000000,
        };
        each(context, &view);
    }
}

/* More than an answer holds. */
static void on_refunds(void *self,
                       void (*each)(void *context,
                                    const struct shop_refund_view *),
                       void *context) {
    (void)self;
    for (uint64_t i = 0; i < 1000; i++) {
        const struct shop_refund_view view = {
            .refund_id = SLICE("r-5eed0123-7-1"),
            .order_id = SLICE("<o>\"1\""),
            .transaction = i == 0 ? SLICE_EMPTY : SLICE("tx"),
            .device = SLICE("card-1"),
            .minor = i == 0 ? -1 : 1250,
            .currency = "EUR",
            .failed = i == 1,
            .unmatched = i == 0,
            .since_us = 1795000000000000,
            .seq = i,
        };
        each(context, &view);
    }
}

static err_t on_resolve(void *self, const struct console_resolve *resolve) {
    (void)self;
    ENSURE(!slice_eq_str(resolve->why, "full"), ERR_AGAIN);
    return slice_eq_str(resolve->refund_id, "r-1") ? ERR_OK : ERR_NOT_FOUND;
}

static err_t on_uplink(void *self, bool paused) {
    struct host *host = self;
    host->paused = paused;
    host->uplink_calls++;
    return ERR_OK;
}

/* As a daemon would; `full` and `external` are refused. */
static err_t on_change(void *self, const struct identity_change *change,
                       uint64_t *ret_request, struct reason *reason) {
    struct host *host = self;
    if (strcmp(change->name, "full") == 0) {
        return reason_set(reason, ERR_FULL, "64 changes wait");
    }
    if (strcmp(change->name, "external") == 0) {
        return reason_set(reason, ERR_REFUSED, "they are that broker's");
    }
    memcpy(host->changed, change->name, sizeof host->changed);
    *ret_request = ++host->changes;
    return ERR_OK;
}

static void on_identity(void *self, struct console_identity *ret) {
    const struct host *host = self;
    ret->set = 12;
    ret->loaded = 11;
    ret->reason = "the broker is \"away\"";
    for (uint32_t i = 0; i < CONSOLE_IDENTITY_REQUESTS; i++) {
        ret->requests[i] = (struct console_identity_request){
            .number = i + 1,
            .state = (enum console_request_state)(i % 3),
            .set = i,
            .reason = host->changed,
        };
    }
    ret->request_count = CONSOLE_IDENTITY_REQUESTS;
}

/* "127.0.0.1:8080" or "[::1]:8080", as the test gives it. */
static void read_address(const char *text, struct config_address *ret) {
    const char *colon = strrchr(text, ':');
    ret->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    bool six = text[0] == '[';
    snprintf(ret->host, sizeof ret->host, "%.*s",
             (int)(colon - text) - (six ? 2 : 0), text + (six ? 1 : 0));
}

static void move(struct host *host) {
    const char *next = getenv("CONSOLE_NEXT");
    struct config_address address;
    memset(&address, 0, sizeof address);
    bool tcp = strcmp(next, "off") != 0;
    if (tcp) {
        read_address(next, &address);
    }
    console_listen(host->console, tcp ? &address : NULL);
    printf("port %u\n", console_port(host->console));
    fflush(stdout);
}

static void on_signal(uv_signal_t *signal, int number) {
    struct host *host = signal->data;
    if (number == SIGTERM) {
        uv_stop(signal->loop);
    } else if (number == SIGUSR2) {
        move(host);
    } else if (number == SIGHUP) {
        host->full = !host->full;
    } else {
        host->sick = !host->sick;
    }
}

static void print_away(const char *why) {
    if (why != NULL) {
        printf("away %s\n", why);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        return 2;
    }
    struct host host = {.devices = getenv("CONSOLE_DEVICES")};
    if (host.devices != NULL) {
        fill_presence(&host);
    }
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_signal_t signals[SIGNALS];
    int numbers[SIGNALS] = {SIGTERM, SIGUSR1, SIGUSR2, SIGHUP};
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&loop, &signals[i]);
        signals[i].data = &host;
        uv_signal_start(&signals[i], on_signal, numbers[i]);
    }
    struct config_address address;
    memset(&address, 0, sizeof address);
    bool tcp = strcmp(argv[1], "off") != 0;
    if (tcp) {
        read_address(argv[1], &address);
    }
    struct job_pool *pool;
    if (job_pool_new(&loop, &pool) != ERR_OK) {
        return 2;
    }
    struct console_options options = {
        .loop = &loop,
        .executor = job_pool_executor(pool),
        .listen = tcp ? &address : NULL,
        .socket_path = strcmp(argv[2], "off") != 0 ? argv[2] : NULL,
        .source = {.self = &host,
                   .status = on_status,
                   .orders = on_orders,
                   .refunds = on_refunds,
                   .resolve = on_resolve,
                   .uplink = on_uplink,
                   .change = on_change,
                   .identity = on_identity,
                   .devices = on_devices},
    };
    struct reason reason;
    if (console_start(&options, &host.console, &reason) != ERR_OK) {
        return 2;
    }
    printf("port %u\n", console_port(host.console));
    print_away(console_page_away(host.console));
    print_away(console_socket_away(host.console));
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    console_stop(host.console);
    for (int i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&signals[i], NULL);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    job_pool_free(pool);
    presence_free(&host.presence);
    int busy = uv_loop_close(&loop);
    printf("loop %s\n", busy == 0 ? "closed" : "still has handles");
    return busy == 0 ? 0 : 1;
}
