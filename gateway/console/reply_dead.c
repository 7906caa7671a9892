/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/reply_dead.h"

#include <inttypes.h>

#include "gateway/console/put.h"
#include "gateway/event/json.h"

void reply_dead(const struct console_status *status, struct writer *writer) {
    const struct dead_status *dead = &status->dead;
    put_name(writer, "dead");
    writer_str(writer, "{");
    put_uint(writer, "letters", dead->letters);
    put_uint(writer, "retried", dead->retried);
    put_second(writer, "oldest", dead->oldest_us);
    put_uint(writer, "ageing", dead->ageing);
    put_uint(writer, "sent", dead->sent);
    put_uint(writer, "dropped", dead->dropped);
    put_uint(writer, "lost", dead->lost);
    put_str(writer, "full", dead->full);
    put_uint(writer, "orders_done", dead->asks_done);
    writer_str(writer, "}");
}

void reply_dead_stream(const struct console_stream *stream,
                       struct writer *writer) {
    put_uint(writer, "dead_lettered", stream->dead.letters);
    put_str(writer, "refusals", dead_hold_name(stream->dead.held));
    put_uint(writer, "refusals_waiting", stream->dead.waiting);
}

void reply_dead_metrics(const struct console_status *status,
                        struct writer *writer) {
    const struct dead_status *dead = &status->dead;
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } metrics[] = {
        {"dead_letters", "gauge", "Dead letters kept now.", dead->letters},
        {"dead_retried", "gauge", "Dead letters to be sent again.",
         dead->retried},
        {"dead_sent_total", "counter", "Dead letters taken after all.",
         dead->sent},
        {"dead_dropped_total", "counter",
         "Dead letters dropped by a person or by dead.keep.", dead->dropped},
        {"dead_lost", "gauge", "Records of dead letters that the disk lost.",
         dead->lost},
        {"dead_full", "gauge", "1 if no dead letter can be written.",
         dead->full[0] != '\0'},
    };
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        writer_printf(writer,
                      "# HELP shopme_edge_%s %s\n# TYPE shopme_edge_%s %s\n"
                      "shopme_edge_%s %" PRIu64 "\n",
                      metrics[i].name, metrics[i].help, metrics[i].name,
                      metrics[i].type, metrics[i].name, metrics[i].value);
    }
}

static err_t read_ids(struct slice list, struct dead_order *order) {
    size_t at = 0;
    struct slice element;
    while (json_element(list, &at, &element) == ERR_OK) {
        int64_t id;
        ENSURE(order->count < DEAD_ASK_MAX, ERR_RANGE);
        TRY(json_integer(element, 0, INT64_MAX, &id));
        order->ids[order->count++] = (uint64_t)id;
    }
    return order->count > 0 ? ERR_OK : ERR_RANGE;
}

err_t dead_order_read(struct slice body, struct dead_order *ret,
                      struct reason *reason) {
    struct slice name;
    struct slice list;
    size_t at = 0;
    ret->count = 0;
    bool good = json_check(body, NULL) == ERR_OK &&
                json_kind(body) == JSON_OBJECT &&
                json_member(body, &at, &name, &list) == ERR_OK &&
                json_kind(list) == JSON_ARRAY;
    bool drop = good && slice_eq_str(name, "drop");
    good = good && (drop || slice_eq_str(name, "retry"));
    if (!good ||
        json_member(body, &at, &name, &(struct slice){NULL, 0}) != ERR_END) {
        return reason_set(reason, ERR_PARSE,
                          "expected {\"retry\": [1, 2]} or {\"drop\": [1, 2]}, "
                          "with the ids of letters");
    }
    ret->ask = drop ? DEAD_ASK_DROP : DEAD_ASK_RETRY;
    if (read_ids(list, ret) != ERR_OK) {
        return reason_set(reason, ERR_RANGE,
                          "expected 1 to %d ids, whole numbers", DEAD_ASK_MAX);
    }
    return ERR_OK;
}
