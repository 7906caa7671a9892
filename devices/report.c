/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/report.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "gateway/base/disk.h"

/* Below REPORT_STEPS a bucket is a microsecond; above, the four bits after the
 * leading one choose the step within its power of two. */
static uint32_t bucket_of(int64_t us) {
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    uint32_t shift = 0;
    while ((value >> shift) >= 2 * REPORT_STEPS) {
        shift++;
    }
    uint64_t bucket = shift * REPORT_STEPS + (value >> shift);
    return bucket < REPORT_BUCKETS ? (uint32_t)bucket : REPORT_BUCKETS - 1;
}

/* The largest value that falls into a bucket. */
static int64_t bucket_top_us(uint32_t bucket) {
    if (bucket < 2 * REPORT_STEPS) {
        return bucket;
    }
    uint32_t shift = bucket / REPORT_STEPS - 1;
    uint64_t step = bucket - shift * REPORT_STEPS;
    return (int64_t)(((step + 1) << shift) - 1);
}

void report_time_add(struct report_times *times, int64_t us) {
    uint32_t bucket = bucket_of(us);
    assert(bucket < REPORT_BUCKETS);
    times->buckets[bucket]++;
    times->count++;
    if (us > times->max_us) {
        times->max_us = us;
    }
}

double report_time_ms(const struct report_times *times, double percent) {
    uint64_t seen = 0;
    assert(percent >= 0 && percent <= 100);
    double wanted = (double)times->count * percent / 100;
    for (uint32_t i = 0; i < REPORT_BUCKETS && times->count > 0; i++) {
        seen += times->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            int64_t top_us = bucket_top_us(i);
            return (double)(top_us < times->max_us ? top_us : times->max_us) /
                   1000;
        }
    }
    return 0;
}

uint64_t report_ended(const struct report *report) {
    return report->fulfiled + report->cancelled + report->rejected;
}

bool report_is_good(const struct report *report) {
    return report->unconfirmed == 0 && report->receipts_rejected == 0 &&
           report->double_ends == 0 && report_ended(report) == report->placed;
}

void report_receipt(struct report *report, const char *device, const char *id,
                    uint64_t seq, int64_t waited_us) {
    report->receipts++;
    report_time_add(&report->receipt, waited_us);
    if (report->log != NULL) {
        fprintf(report->log,
                "{\"id\":\"%s\",\"seq\":%" PRIu64 ",\"device\":\"%s\"}\n", id,
                seq, device);
        fflush(report->log);
    }
}

void report_rejection(struct report *report, const char *device, const char *id,
                      const char *reason) {
    if (report->receipts_rejected == 0) {
        snprintf(report->first_rejection, sizeof report->first_rejection,
                 "%s, event %s: %s", device, id, reason);
    }
    report->receipts_rejected++;
}

void report_end(struct report *report, const char *device, const char *order_id,
                const char *end, int64_t took_us) {
    report_time_add(&report->order, took_us);
    if (report->log != NULL) {
        fprintf(report->log,
                "{\"order\":\"%s\",\"end\":\"%s\",\"device\":\"%s\"}\n",
                order_id, end, device);
        fflush(report->log);
    }
}

static void count_print(FILE *out, const char *name, uint64_t count,
                        const char *remark) {
    fprintf(out, "  %-22s %10" PRIu64 "%s%s\n", name, count,
            remark[0] == '\0' ? "" : "   ", remark);
}

static void times_print(FILE *out, const char *name,
                        const struct report_times *times) {
    fprintf(out, "  %-22s p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms\n",
            name, report_time_ms(times, 50), report_time_ms(times, 90),
            report_time_ms(times, 99), (double)times->max_us / 1000);
}

void report_print(const struct report *report, FILE *out) {
    assert(report_ended(report) <= report->placed);
    uint64_t open = report->placed - report_ended(report);
    fprintf(out, "orders\n");
    count_print(out, "placed", report->placed, "");
    count_print(out, "accepted", report->accepted, "");
    count_print(out, "fulfiled", report->fulfiled, "");
    count_print(out, "cancelled", report->cancelled, "");
    count_print(out, "rejected", report->rejected, "");
    count_print(out, "still open", open, "");
    count_print(out, "asked again", report->placed_again, "");
    count_print(out, "ended twice", report->double_ends, "");
    fprintf(out, "events\n");
    count_print(out, "sent", report->events_sent, "");
    count_print(out, "receipts", report->receipts, "");
    count_print(out, "rejected receipts", report->receipts_rejected,
                report->first_rejection);
    count_print(out, "unconfirmed", report->unconfirmed, "");
    count_print(out, "repeated", report->repeated, "");
    count_print(out, "reconnects", report->reconnects, "");
    count_print(out, "waits, outbox full", report->waits, "");
    count_print(out, "unreadable answers", report->unreadable, "");
    fprintf(out, "times\n");
    times_print(out, "event to receipt", &report->receipt);
    times_print(out, "order to its end", &report->order);
}

static void times_add(cJSON *tree, const char *name,
                      const struct report_times *times) {
    cJSON *object = cJSON_AddObjectToObject(tree, name);
    cJSON_AddNumberToObject(object, "p50", report_time_ms(times, 50));
    cJSON_AddNumberToObject(object, "p90", report_time_ms(times, 90));
    cJSON_AddNumberToObject(object, "p99", report_time_ms(times, 99));
    cJSON_AddNumberToObject(object, "max", (double)times->max_us / 1000);
}

static cJSON *report_tree(const struct report *report) {
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"placed", report->placed},
        {"placed_again", report->placed_again},
        {"accepted", report->accepted},
        {"fulfiled", report->fulfiled},
        {"cancelled", report->cancelled},
        {"rejected", report->rejected},
        {"open", report->placed - report_ended(report)},
        {"double_ends", report->double_ends},
        {"events_sent", report->events_sent},
        {"receipts", report->receipts},
        {"receipts_rejected", report->receipts_rejected},
        {"unconfirmed", report->unconfirmed},
        {"repeated", report->repeated},
        {"reconnects", report->reconnects},
        {"waits", report->waits},
        {"unreadable", report->unreadable},
    };
    cJSON *tree = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        cJSON_AddNumberToObject(tree, counts[i].name, (double)counts[i].count);
    }
    cJSON_AddStringToObject(tree, "first_rejection", report->first_rejection);
    times_add(tree, "receipt_ms", &report->receipt);
    times_add(tree, "order_ms", &report->order);
    return tree;
}

err_t report_write_json(const struct report *report, const char *path,
                        struct reason *reason) {
    cJSON *tree = report_tree(report);
    char *text = cJSON_Print(tree);
    cJSON_Delete(tree);
    ENSURE(text != NULL, reason_set(reason, ERR_MEMORY, "out of memory"));
    FILE *file = fopen(path, "w");
    bool written = file != NULL && fprintf(file, "%s\n", text) > 0;
    /* Closing may be what fails, on a full disk. */
    written = file != NULL && fclose(file) == 0 && written;
    cJSON_free(text);
    ENSURE(written, disk_failed(reason, ERR_IO, "write the report", path));
    return ERR_OK;
}
