/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/reply_verdict.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/console/put.h"

#define PREFIX "shopme_edge_"

/* `mono_us`: when it began on the monotonic clock. */
static void put_since(struct writer *writer,
                      const struct console_status *status, int64_t mono_us) {
    assert(mono_us <= status->mono_us);
    put_second(writer, "since", verdict_wall_us(status->verdict, mono_us));
}

static void write_reason(const struct console_status *status,
                         const struct verdict_reason *reason,
                         struct writer *writer) {
    writer_str(writer, "{");
    put_str(writer, "code", reason->about->code);
    put_str(writer, "level", verdict_level_name(reason->about->level));
    if (reason->stream[0] != '\0') {
        put_str(writer, "stream", reason->stream);
    }
    put_str(writer, "text", reason->text);
    put_str(writer, "action", reason->about->action);
    put_since(writer, status, reason->since_us);
    put_bool(writer, "restart_helps", reason->about->restart_helps);
    writer_str(writer, "}");
}

void reply_verdict(const struct console_status *status, struct writer *writer) {
    const struct verdict *verdict = status->verdict;
    put_name(writer, "verdict");
    writer_str(writer, "{");
    put_str(writer, "level", verdict_level_name(verdict->level));
    put_since(writer, status, verdict->since_us);
    put_name(writer, "reasons");
    writer_str(writer, "[");
    struct verdict_reason reason;
    const char *before = "";
    for (uint32_t at = 0; verdict_next(verdict, &at, &reason);) {
        writer_str(writer, before);
        write_reason(status, &reason, writer);
        before = ",";
    }
    writer_str(writer, "]}");
}

void reply_forecast(const struct forecast_view *forecast,
                    struct writer *writer) {
    put_name(writer, "forecast");
    writer_str(writer, "{");
    put_uint(writer, "bytes_in_per_s", forecast->bytes_in_per_s);
    put_uint(writer, "bytes_out_per_s", forecast->bytes_out_per_s);
    put_span(writer, "full_in_s", forecast->full_in_s);
    put_span(writer, "drained_in_s", forecast->drained_in_s);
    put_uint(writer, "flash_bytes_per_day", forecast->flash_bytes_per_day);
    writer_str(writer, "}");
}

uint32_t reply_health(const struct console_status *status,
                      struct writer *writer) {
    verdict_line(status->verdict, writer);
    writer_str(writer, "\n");
    struct verdict_reason reason;
    for (uint32_t at = 0; verdict_next(status->verdict, &at, &reason);) {
        bool of_stream = reason.stream[0] != '\0';
        writer_printf(writer, "%s%s%s%s: %s; %s\n", reason.about->code,
                      of_stream ? "(" : "", reason.stream, of_stream ? ")" : "",
                      reason.text, reason.about->action);
    }
    return verdict_wants_restart(status->verdict) ? 503 : 200;
}

/* --- Metrics -------------------------------------------------------------- */

static void head(struct writer *writer, const char *name, const char *help) {
    writer_printf(writer, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s gauge\n",
                  name, help, name);
}

static void write_conditions(const struct console_status *status,
                             struct writer *writer) {
    head(writer, "condition", "1 for each reason of the verdict, by its code.");
    struct verdict_reason reason;
    for (uint32_t at = 0; verdict_next(status->verdict, &at, &reason);) {
        writer_printf(writer, PREFIX "condition{code=\"%s\",stream=\"%s\"} 1\n",
                      reason.about->code, reason.stream);
    }
}

/* A figure of each stream's forecast; what is not known has no line. */
struct forecast_metric {
    const char *name;
    const char *help;
    size_t offset; /* in struct forecast_view; 64 bits each */
};

#define AT(member) offsetof(struct forecast_view, member)

static const struct forecast_metric forecast_metrics[] = {
    {"forecast_in_bytes_per_second", "Bytes of events that come in.",
     AT(bytes_in_per_s)},
    {"forecast_out_bytes_per_second", "Bytes of events that the cloud takes.",
     AT(bytes_out_per_s)},
    {"forecast_full_seconds", "Time until the journal is full at this rate.",
     AT(full_in_s)},
    {"forecast_drained_seconds", "Time until the cloud has all at this rate.",
     AT(drained_in_s)},
    {"forecast_flash_bytes_per_day", "Bytes given to the disk a day.",
     AT(flash_bytes_per_day)},
};

static void write_forecast(const struct console_status *status,
                           const struct forecast_metric *metric,
                           struct writer *writer) {
    head(writer, metric->name, metric->help);
    for (uint32_t i = 0; i < status->stream_count; i++) {
        const struct console_stream *stream = &status->streams[i];
        int64_t value;
        memcpy(&value, (const uint8_t *)&stream->forecast + metric->offset,
               sizeof value);
        if (value >= 0) {
            writer_printf(writer, PREFIX "%s{stream=\"%s\"} %" PRId64 "\n",
                          metric->name, stream->name, value);
        }
    }
}

void reply_verdict_metrics(const struct console_status *status,
                           struct writer *writer) {
    head(writer, "verdict", "0 ok, 1 degraded, 2 failing.");
    writer_printf(writer, PREFIX "verdict %d\n", (int)status->verdict->level);
    write_conditions(status, writer);
    for (size_t i = 0; i < sizeof forecast_metrics / sizeof *forecast_metrics;
         i++) {
        write_forecast(status, &forecast_metrics[i], writer);
    }
}
