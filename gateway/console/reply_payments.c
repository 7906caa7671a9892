/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/reply_payments.h"

#include <inttypes.h>

#include "gateway/console/put.h"
#include "gateway/event/json.h"
#include "gateway/shop/money.h"

enum {
    ENTRY_MAX = 1024, /* bytes of one in the list, escapes included */
    US_A_SECOND = 1000 * 1000,
};

static void put_amount(struct writer *writer, int64_t minor,
                       const char *currency) {
    char text[MONEY_TEXT_MAX + 16];
    struct writer amount = writer_over(text, sizeof text - 1);
    money_write(&amount, minor, slice_from_str(currency));
    text[amount.len] = '\0';
    put_str(writer, "amount", text);
    put_str(writer, "currency", currency);
}

void reply_refunds(const struct shop_refunds *refunds, int64_t now_us,
                   struct writer *writer) {
    put_name(writer, "refunds");
    writer_str(writer, "{");
    put_uint(writer, "open", refunds->open);
    put_uint(writer, "failed", refunds->failed);
    put_uint(writer, "unmatched", refunds->unmatched);
    put_uint(writer, "amount_unknown", refunds->unknown);
    put_uint(writer, "not_kept", refunds->not_kept);
    put_uint(writer, "strays", refunds->strays);
    put_age(writer, "oldest_s", now_us, refunds->oldest_us);
    put_name(writer, "sums");
    writer_str(writer, "[");
    const char *comma = "";
    for (size_t i = 0; i < SHOP_REFUND_CURRENCIES; i++) {
        if (refunds->sums[i].count > 0) {
            writer_printf(writer, "%s{", comma);
            put_amount(writer, refunds->sums[i].minor,
                       refunds->sums[i].currency);
            put_uint(writer, "count", refunds->sums[i].count);
            writer_str(writer, "}");
            comma = ",";
        }
    }
    writer_str(writer, "]}");
}

static void metric(struct writer *writer, const char *name, const char *type,
                   const char *help, uint64_t value) {
    writer_printf(writer,
                  "# HELP shopme_edge_%s %s\n# TYPE shopme_edge_%s %s\n"
                  "shopme_edge_%s %" PRIu64 "\n",
                  name, help, name, type, name, value);
}

static uint64_t oldest_s(const struct shop_refunds *refunds, int64_t now_us) {
    int64_t age_us = now_us - refunds->oldest_us;
    return refunds->oldest_us == 0 || age_us < 0
               ? 0
               : (uint64_t)(age_us / US_A_SECOND);
}

void reply_refunds_metrics(const struct shop_refunds *refunds, int64_t now_us,
                           struct writer *writer) {
    metric(writer, "refunds_open", "gauge",
           "Refunds that nobody has confirmed.", refunds->open);
    metric(writer, "refunds_failed", "gauge",
           "Of these, those that wait for a person.", refunds->failed);
    metric(writer, "refunds_unmatched", "gauge",
           "Of these, those of money that no order asked for.",
           refunds->unmatched);
    metric(writer, "refunds_oldest_seconds", "gauge",
           "Age of the oldest open refund; 0 if there is none.",
           oldest_s(refunds, now_us));
    metric(writer, "refunds_not_kept_total", "counter",
           "Refunds said once only, because too many were open.",
           refunds->not_kept);
    metric(writer, "refunds_strays_total", "counter",
           "Confirmations of what is not owed.", refunds->strays);
    writer_str(writer,
               "# HELP shopme_edge_refunds_minor_units What is owed, in the "
               "currency's minor units.\n"
               "# TYPE shopme_edge_refunds_minor_units gauge\n");
    for (size_t i = 0; i < SHOP_REFUND_CURRENCIES; i++) {
        if (refunds->sums[i].count > 0) {
            writer_printf(writer,
                          "shopme_edge_refunds_minor_units{currency=\"%s\"} "
                          "%" PRId64 "\n",
                          refunds->sums[i].currency, refunds->sums[i].minor);
        }
    }
}

struct listing {
    struct writer *writer;
    uint32_t count;
    bool more;
};

static void each_refund(void *context, const struct shop_refund_view *view) {
    struct listing *list = context;
    struct writer *writer = list->writer;
    if (list->more || writer->cap - writer->len < ENTRY_MAX) {
        list->more = true;
        return;
    }
    writer_printf(writer, "%s{", list->count++ == 0 ? "" : ",");
    put_slice(writer, "refundId", view->refund_id);
    put_slice(writer, "orderId", view->order_id);
    if (view->minor >= 0) {
        put_amount(writer, view->minor, view->currency);
    } else {
        put_name(writer, "amount");
        writer_str(writer, "null");
    }
    put_slice(writer, "paymentTransactionId", view->transaction);
    put_slice(writer, "device", view->device);
    put_bool(writer, "failed", view->failed);
    put_bool(writer, "unmatched", view->unmatched);
    put_time(writer, "since", view->since_us);
    put_uint(writer, "seq", view->seq);
    writer_str(writer, "}");
}

void reply_payments(const struct console_source *source,
                    struct writer *writer) {
    struct listing list = {.writer = writer};
    writer_str(writer, "{\"refunds\":[");
    source->refunds(source->self, each_refund, &list);
    writer_str(writer, "]");
    put_bool(writer, "more", list.more);
    writer_str(writer, "}\n");
}

static err_t read_text(struct slice value, size_t max, struct arena *arena,
                       struct slice *ret) {
    ENSURE(json_kind(value) == JSON_STRING, ERR_RANGE);
    TRY(json_string(value, arena, ret));
    return ret->len <= max ? ERR_OK : ERR_RANGE;
}

static err_t read_one(struct slice name, struct slice value,
                      struct arena *arena, struct console_resolve *ret) {
    if (slice_eq_str(name, "refundId")) {
        return read_text(value, SHOP_REFUND_ID_MAX, arena, &ret->refund_id);
    }
    if (slice_eq_str(name, "how")) {
        return read_text(value, 8, arena, &ret->how);
    }
    return slice_eq_str(name, "reason")
               ? read_text(value, CONSOLE_WORDS_MAX, arena, &ret->why)
               : ERR_RANGE;
}

err_t reply_read_resolve(struct slice body, struct arena *arena,
                         struct console_resolve *ret, struct reason *reason) {
    static const char wanted[] =
        "expected {\"refundId\": ..., \"how\": \"void\", \"refund\" or "
        "\"cash\", \"reason\": at most 160 bytes}";
    *ret = (struct console_resolve){.why = SLICE_EMPTY};
    size_t at = 0;
    struct slice name;
    struct slice value;
    if (json_check(body, NULL) != ERR_OK || json_kind(body) != JSON_OBJECT) {
        return reason_set(reason, ERR_PARSE, "%s", wanted);
    }
    while (json_member(body, &at, &name, &value) == ERR_OK) {
        if (read_one(name, value, arena, ret) != ERR_OK) {
            return reason_set(reason, ERR_RANGE, "%s", wanted);
        }
    }
    bool how = slice_eq_str(ret->how, "void") ||
               slice_eq_str(ret->how, "refund") ||
               slice_eq_str(ret->how, "cash");
    return how && ret->refund_id.len > 0
               ? ERR_OK
               : reason_set(reason, ERR_RANGE, "%s", wanted);
}
