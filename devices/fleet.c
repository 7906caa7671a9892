/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/fleet.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/device.h"
#include "gateway/base/disk.h"
#include "gateway/base/platform.h"

enum {
    TICK_MS = 10,
    PROGRESS_US = 1000 * 1000,
    SIGNALLED_PATIENCE_US = OPTIONS_SIGNALLED_PATIENCE_S * 1000 * 1000,
    KINDS = 4,
    PREFIX_SIZE = 40,
};

/* Devices of one kind, which take turns at their own pace. */
struct squad {
    struct device **devices;
    uint32_t count;
    uint32_t turn;     /* whose it is */
    double per_second; /* acts, over all of them */
    double owed;       /* acts due now, and a fraction */
};

enum phase {
    PHASE_PLACING,
    PHASE_ENDING, /* waiting for receipts and ends */
    PHASE_OVER,
};

struct fleet {
    const struct options *options;
    struct report *report;
    struct device_setting setting;
    char prefix[PREFIX_SIZE];
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signals[2];
    struct squad squads[KINDS];
    struct log_limit log_limit;
    enum phase phase;
    int64_t start_us;
    int64_t last_us;   /* of the tick before */
    int64_t end_by_us; /* of the ending */
    int64_t progress_us;
};

/* What the clients count themselves. */
static void fleet_sum(struct fleet *fleet, uint32_t *ret_ready,
                      uint32_t *ret_count) {
    struct report *report = fleet->report;
    report->events_sent = report->repeated = report->reconnects = 0;
    report->unconfirmed = report->unreadable = 0;
    *ret_ready = *ret_count = 0;
    for (uint32_t k = 0; k < KINDS; k++) {
        for (uint32_t i = 0; i < fleet->squads[k].count; i++) {
            const struct client *client = &fleet->squads[k].devices[i]->client;
            const struct client_counts *counts = &client->counts;
            report->events_sent += counts->sent;
            report->repeated += counts->repeated;
            report->unreadable += counts->unreadable;
            report->reconnects +=
                counts->connects > 0 ? counts->connects - 1 : 0;
            report->unconfirmed += client->outbox.count;
            *ret_ready += client_ready(client);
            (*ret_count)++;
        }
    }
}

static void fleet_progress(struct fleet *fleet, int64_t now_us) {
    if (now_us - fleet->progress_us < PROGRESS_US || fleet->options->quiet ||
        !isatty(STDOUT_FILENO)) {
        return;
    }
    uint32_t ready;
    uint32_t count;
    const struct report *report = fleet->report;
    fleet->progress_us = now_us;
    fleet_sum(fleet, &ready, &count);
    printf("%5" PRId64 " s  devices %" PRIu32 "/%" PRIu32 "  placed %" PRIu64
           "  open %" PRIu64 "  receipts %" PRIu64 "  unconfirmed %" PRIu64
           "  repeated %" PRIu64 "\n",
           (now_us - fleet->start_us) / 1000000, ready, count, report->placed,
           report->placed - report_ended(report), report->receipts,
           report->unconfirmed, report->repeated);
}

static bool fleet_is_done(const struct fleet *fleet) {
    for (uint32_t k = 0; k < KINDS; k++) {
        for (uint32_t i = 0; i < fleet->squads[k].count; i++) {
            const struct device *device = fleet->squads[k].devices[i];
            if (device->client.outbox.count > 0 ||
                (device->kind->busy != NULL && device->kind->busy(device))) {
                return false;
            }
        }
    }
    return true;
}

/* The next device that has room acts. False if all of them must wait. */
static bool squad_act(struct squad *squad, struct report *report) {
    for (uint32_t tried = 0; tried < squad->count; tried++) {
        assert(squad->turn < squad->count);
        struct device *device = squad->devices[squad->turn];
        squad->turn = (squad->turn + 1) % squad->count;
        if (device->kind->act(device) == ERR_OK) {
            device->waiting = false;
            return true;
        }
        report->waits += !device->waiting;
        device->waiting = true;
    }
    return false;
}

static bool fleet_has_placed_all(const struct fleet *fleet) {
    return fleet->options->orders > 0 &&
           fleet->report->placed >= fleet->options->orders;
}

static void fleet_act(struct fleet *fleet, double passed_s) {
    for (uint32_t k = 0; k < KINDS; k++) {
        struct squad *squad = &fleet->squads[k];
        if (squad->count == 0 || squad->per_second <= 0) {
            continue;
        }
        squad->owed += squad->per_second * passed_s;
        while (squad->owed >= 1 && !fleet_has_placed_all(fleet)) {
            if (!squad_act(squad, fleet->report)) {
                squad->owed = 1; /* missed acts are not made up for later */
                break;
            }
            squad->owed -= 1;
        }
    }
}

static void fleet_end(struct fleet *fleet, int64_t now_us,
                      int64_t patience_us) {
    if (fleet->phase == PHASE_PLACING ||
        now_us + patience_us < fleet->end_by_us) {
        fleet->end_by_us = now_us + patience_us;
    }
    if (fleet->phase == PHASE_PLACING) {
        fleet->phase = PHASE_ENDING;
    }
}

static void fleet_advance(struct fleet *fleet, int64_t now_us) {
    const struct options *options = fleet->options;
    double run_s = (double)(now_us - fleet->start_us) / 1e6;
    if (fleet->phase == PHASE_PLACING &&
        (fleet_has_placed_all(fleet) ||
         (options->seconds > 0 && run_s >= options->seconds))) {
        fleet_end(fleet, now_us, (int64_t)(options->patience * 1e6));
    }
    if (fleet->phase == PHASE_ENDING &&
        (now_us >= fleet->end_by_us || fleet_is_done(fleet))) {
        assert(fleet->end_by_us > 0);
        fleet->phase = PHASE_OVER;
        uv_stop(&fleet->loop);
    }
}

static void fleet_on_tick(uv_timer_t *timer) {
    struct fleet *fleet = timer->data;
    int64_t now_us = client_now_us();
    for (uint32_t k = 0; k < KINDS; k++) {
        for (uint32_t i = 0; i < fleet->squads[k].count; i++) {
            struct device *device = fleet->squads[k].devices[i];
            client_tick(&device->client, now_us);
            if (device->kind->tick != NULL) {
                device->kind->tick(device, now_us);
            }
        }
    }
    if (fleet->phase == PHASE_PLACING) {
        fleet_act(fleet, (double)(now_us - fleet->last_us) / 1e6);
    }
    fleet->last_us = now_us;
    fleet_progress(fleet, now_us);
    fleet_advance(fleet, now_us);
}

/* The first signal stops placing orders, the second ends everything. */
static void fleet_on_signal(uv_signal_t *handle, int number) {
    struct fleet *fleet = handle->data;
    int64_t now_us = client_now_us();
    (void)number;
    fleet_end(fleet, now_us,
              fleet->phase == PHASE_PLACING ? SIGNALLED_PATIENCE_US : 0);
}

static err_t squad_fill(struct fleet *fleet, uint32_t index,
                        const struct device_kind *kind, uint32_t count,
                        double per_second, struct reason *reason) {
    struct squad *squad = &fleet->squads[index];
    squad->per_second = per_second;
    squad->devices = calloc(count + 1, sizeof(struct device *));
    ENSURE(squad->devices != NULL,
           reason_set(reason, ERR_MEMORY, "out of memory"));
    for (uint32_t i = 0; i < count; i++) {
        TRY(device_new(kind, &fleet->setting, i + 1, &fleet->loop,
                       &squad->devices[i], reason));
        squad->count++;
    }
    return ERR_OK;
}

/* A scanner works every five seconds. */
static err_t fleet_fill(struct fleet *fleet, struct reason *reason) {
    const struct options *options = fleet->options;
    TRY(squad_fill(fleet, 0, scanner_kind(), options->scanners,
                   options->scanners / 5.0, reason));
    TRY(squad_fill(fleet, 1, payment_terminal_kind(), options->terminals, 0,
                   reason));
    TRY(squad_fill(fleet, 2, till_kind(), options->tills, options->rate,
                   reason));
    return squad_fill(fleet, 3, sensor_kind(), options->sensors,
                      options->readings, reason);
}

static void fleet_configure(struct fleet *fleet) {
    const struct options *options = fleet->options;
    if (options->id_prefix != NULL) {
        snprintf(fleet->prefix, sizeof fleet->prefix, "%s", options->id_prefix);
    } else {
        struct platform platform = platform_real();
        snprintf(fleet->prefix, sizeof fleet->prefix, "%012" PRIx64,
                 entropy_u64(&platform.entropy) >> 16);
    }
    fleet->setting = (struct device_setting){
        .client =
            {
                .host = options->host,
                .port = options->port,
                .mqtt = options->mqtt,
                .encoding = options->cbor ? MESSAGE_CBOR : MESSAGE_JSON,
                .store = options->store,
                .log_limit = &fleet->log_limit,
            },
        .identity = options,
        .prefix = fleet->prefix,
        .seed = options->seed,
        .scanners = options->scanners,
        .terminals = options->terminals,
        .report = fleet->report,
    };
}

static void fleet_start(struct fleet *fleet) {
    static const int numbers[] = {SIGINT, SIGTERM};
    for (uint32_t i = 0; i < 2; i++) {
        uv_signal_init(&fleet->loop, &fleet->signals[i]);
        fleet->signals[i].data = fleet;
        uv_signal_start(&fleet->signals[i], fleet_on_signal, numbers[i]);
    }
    uv_timer_init(&fleet->loop, &fleet->timer);
    fleet->timer.data = fleet;
    uv_timer_start(&fleet->timer, fleet_on_tick, 0, TICK_MS);
    fleet->start_us = fleet->last_us = client_now_us();
    fleet->progress_us = fleet->start_us;
}

static void fleet_close(struct fleet *fleet) {
    for (uint32_t k = 0; k < KINDS; k++) {
        for (uint32_t i = 0; i < fleet->squads[k].count; i++) {
            device_free(fleet->squads[k].devices[i]);
        }
        free(fleet->squads[k].devices);
    }
}

static err_t log_open(const char *path, FILE **ret, struct reason *reason) {
    if (path == NULL) {
        return ERR_OK;
    }
    FILE *file = fopen(path, "a");
    ENSURE(file != NULL, disk_failed(reason, ERR_IO, "append to", path));
    *ret = file;
    return ERR_OK;
}

/* With the loop and the log open. */
static err_t fleet_work(struct fleet *fleet, struct reason *reason) {
    fleet_configure(fleet);
    err_t err = fleet_fill(fleet, reason);
    if (err == ERR_OK) {
        uint32_t ready;
        uint32_t count;
        fleet_start(fleet);
        uv_run(&fleet->loop, UV_RUN_DEFAULT);
        fleet_sum(fleet, &ready, &count);
        uv_close((uv_handle_t *)&fleet->timer, NULL);
        uv_close((uv_handle_t *)&fleet->signals[0], NULL);
        uv_close((uv_handle_t *)&fleet->signals[1], NULL);
    }
    fleet_close(fleet);
    uv_run(&fleet->loop, UV_RUN_DEFAULT);
    return err;
}

err_t fleet_run(const struct options *options, struct report *report,
                struct reason *reason) {
    struct fleet fleet = {.options = options, .report = report};
    *report = (struct report){0};
    TRY(log_open(options->log, &report->log, reason));
    int rc = uv_loop_init(&fleet.loop);
    err_t err = ERR_MEMORY;
    if (rc == 0) {
        mosquitto_lib_init();
        err = fleet_work(&fleet, reason);
        mosquitto_lib_cleanup();
        rc = uv_loop_close(&fleet.loop);
        assert(rc == 0);
    } else {
        reason_set(reason, err, "cannot create an event loop: %s",
                   uv_strerror(rc));
    }
    if (report->log != NULL) {
        fclose(report->log);
        report->log = NULL;
    }
    return err;
}
