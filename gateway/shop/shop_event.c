/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/shop_event.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/event/event_source.h"
#include "gateway/shop/members.h"
#include "gateway/shop/money.h"

struct reader {
    struct shop_event *event;
    struct arena pool;
    struct place place; /* data itself */
    struct shop_reading reading;
};

/* Each of these reads one value, if present, into the event. */
static err_t name_of(struct reader *reader, struct slice value,
                     const char *member, size_t bytes_max, struct slice *ret) {
    if (value.len == 0) {
        return ERR_OK;
    }
    return members_name(value, &reader->place, member, bytes_max, &reader->pool,
                        ret);
}

static err_t decimal_of(struct reader *reader, struct slice value,
                        const char *member, struct slice *ret) {
    if (value.len == 0) {
        return ERR_OK;
    }
    return members_decimal(value, &reader->place, member, &reader->pool, ret);
}

/* A service's reason quotes a device's, so it may be longer. */
static err_t reason_of(struct reader *reader, struct slice value) {
    if (value.len == 0) {
        return ERR_OK;
    }
    size_t max = reader->reading.intake ? SHOP_WORDS_MAX : SHOP_REASON_MAX;
    return members_words(value, &reader->place, "reason", max, &reader->pool,
                         &reader->event->reason);
}

static err_t currency_of(struct reader *reader, struct slice value) {
    if (value.len == 0) {
        return ERR_OK;
    }
    uint32_t decimals;
    struct slice currency = SLICE_EMPTY;
    if (members_name(value, &reader->place, "currency", MONEY_CURRENCY_LEN,
                     &reader->pool, &currency) != ERR_OK ||
        (reader->reading.intake &&
         money_decimals(currency, &decimals) != ERR_OK)) {
        return members_refuse(&reader->place, "currency",
                              "an ISO 4217 code in capitals, such as \"EUR\"");
    }
    reader->event->currency = currency;
    return ERR_OK;
}

/* An amount must fit the currency given with it. */
static err_t check_decimals(struct reader *reader, const char *member,
                            struct slice amount) {
    int64_t minor;
    struct slice currency = reader->event->currency;
    if (reader->reading.intake && amount.len > 0 && currency.len > 0 &&
        money_parse(amount, currency, &minor) != ERR_OK) {
        return members_refuse(&reader->place, member,
                              "no more decimals than its currency has");
    }
    return ERR_OK;
}

static bool all_between(struct slice text, const char *low, const char *high) {
    for (size_t i = 0; i < text.len; i++) {
        bool inside = false;
        for (size_t j = 0; low[j] != '\0'; j++) {
            inside |= text.data[i] >= low[j] && text.data[i] <= high[j];
        }
        if (!inside) {
            return false;
        }
    }
    return true;
}

/* "o-<8 hex>-<number>" is the form of the ids that the gateway makes. */
static bool looks_made(struct slice id) {
    enum { HEX_AT = 2, DASH_AT = HEX_AT + SHOP_JOURNAL_HEX };
    if (id.len <= DASH_AT + 1 || !slice_starts_with(id, "o-") ||
        id.data[DASH_AT] != '-') {
        return false;
    }
    return all_between(slice_part(id, HEX_AT, SHOP_JOURNAL_HEX), "0a", "9f") &&
           all_between(slice_part(id, DASH_AT + 1, id.len - DASH_AT - 1), "0",
                       "9");
}

static err_t order_id_of(struct reader *reader, struct slice value) {
    TRY(name_of(reader, value, "orderId", SHOP_ORDER_ID_MAX,
                &reader->event->order_id));
    if (reader->reading.intake &&
        reader->event->type == EVENT_TYPE_ORDER_PLACED &&
        looks_made(reader->event->order_id)) {
        return members_refuse(&reader->place, "orderId",
                              "an id of your own: o-<8 hex>-<number> is the "
                              "form of those that the gateway makes");
    }
    return ERR_OK;
}

static err_t customer_of(struct reader *reader, struct slice value) {
    struct slice name;
    int64_t number;
    reader->event->customer = value;
    if (!reader->reading.intake) {
        return ERR_OK;
    }
    if (json_kind(value) == JSON_STRING) {
        TRY(name_of(reader, value, "customerId", SHOP_CUSTOMER_MAX, &name));
    } else if (json_integer(value, INT64_MIN, INT64_MAX, &number) != ERR_OK) {
        return members_refuse(&reader->place, "customerId",
                              "a string or a whole number");
    }
    return ERR_OK;
}

static err_t items_of(struct reader *reader, struct slice items) {
    const struct lines_reader from = {.type = reader->event->type,
                                      .rules = reader->reading.rules,
                                      .intake = reader->reading.intake,
                                      .pool = &reader->pool,
                                      .place = &reader->place};
    struct lines lines = {.list = reader->event->lines};
    TRY(lines_read(&from, items, &lines));
    reader->event->line_count = lines.count;
    return ERR_OK;
}

static err_t transaction_of(struct reader *reader, struct slice value) {
    return name_of(reader, value, "paymentTransactionId", SHOP_TRANSACTION_MAX,
                   &reader->event->transaction);
}

static err_t payment_details(struct reader *reader, struct slice details) {
    struct place above = reader->place;
    reader->place.object = "paymentDetails";
    struct slice method;
    struct slice transaction;
    struct slice terminal;
    const struct member members[] = {
        {"paymentMethod", MEMBER_REQUIRED, &method},
        {"paymentTransactionId", MEMBER_NULLABLE, &transaction},
        {"terminal", MEMBER_NULLABLE, &terminal},
    };
    TRY(members_read(details, &reader->place, members, 3));
    struct shop_event *event = reader->event;
    event->card = slice_eq_str(method, "\"CARD\"");
    if (!event->card && !slice_eq_str(method, "\"CASH\"")) {
        return members_refuse(&reader->place, "paymentMethod",
                              "\"CASH\" or \"CARD\"");
    }
    TRY(transaction_of(reader, transaction));
    TRY(name_of(reader, terminal, "terminal", SHOP_DEVICE_MAX,
                &event->terminal));
    for (size_t i = 0; reader->reading.intake && i < event->terminal.len; i++) {
        uint8_t byte = event->terminal.data[i];
        if (byte == '/' || byte == '+' || byte == '#') {
            return members_refuse(&reader->place, "terminal",
                                  "a device's name, without / + or #");
        }
    }
    reader->place = above;
    return ERR_OK;
}

/* OrderPlaced, and OrderCreated, which is the same with an order id. */
static err_t read_order(struct reader *reader, struct slice data) {
    struct slice id, customer, items, total, currency, payment, shipping;
    bool created = reader->event->type == EVENT_TYPE_ORDER_CREATED;
    const struct member members[] = {
        {"orderId", created ? MEMBER_REQUIRED : MEMBER_OPTIONAL, &id},
        {"customerId", MEMBER_REQUIRED, &customer},
        {"items", MEMBER_REQUIRED, &items},
        {"total", MEMBER_REQUIRED, &total},
        {"currency", created ? MEMBER_REQUIRED : MEMBER_OPTIONAL, &currency},
        {"paymentDetails", MEMBER_REQUIRED, &payment},
        {"shippingDetails", MEMBER_NULLABLE, &shipping},
    };
    TRY(members_read(data, &reader->place, members, 7));
    TRY(order_id_of(reader, id));
    TRY(customer_of(reader, customer));
    TRY(items_of(reader, items));
    TRY(decimal_of(reader, total, "total", &reader->event->total));
    TRY(currency_of(reader, currency));
    TRY(payment_details(reader, payment));
    if (reader->reading.intake && shipping.len > 0 &&
        json_kind(shipping) != JSON_OBJECT) {
        return members_refuse(&reader->place, "shippingDetails", "an object");
    }
    return check_decimals(reader, "total", reader->event->total);
}

/* OrderCancelRequested, PaymentRefused, OrderRejected, OrderCancelled,
 * PaymentDeclined, OrderFulfiled and others that need only these members. */
static err_t read_order_and_reason(struct reader *reader, struct slice data) {
    struct slice id;
    struct slice why;
    const struct member members[] = {
        {"orderId", MEMBER_REQUIRED, &id},
        {"reason", MEMBER_NULLABLE, &why},
    };
    TRY(members_read(data, &reader->place, members, 2));
    TRY(order_id_of(reader, id));
    return reason_of(reader, why);
}

/* What a terminal took beside what was asked for. */
static err_t extras_of(struct reader *reader, struct slice tip,
                       struct slice surcharge, struct slice cashback) {
    struct shop_event *event = reader->event;
    TRY(decimal_of(reader, tip, "tip", &event->tip));
    TRY(check_decimals(reader, "tip", event->tip));
    TRY(decimal_of(reader, surcharge, "surcharge", &event->surcharge));
    TRY(check_decimals(reader, "surcharge", event->surcharge));
    TRY(decimal_of(reader, cashback, "cashback", &event->cashback));
    TRY(check_decimals(reader, "cashback", event->cashback));
    bool any = tip.len > 0 || surcharge.len > 0 || cashback.len > 0;
    if (reader->reading.intake && any && event->amount.len == 0) {
        return members_refuse(&reader->place, "amount",
                              "it beside tip, surcharge or cashback: all that "
                              "was taken");
    }
    return ERR_OK;
}

/* Members that came with the second rules. */
static err_t read_payment_2(struct reader *reader, struct slice data) {
    struct slice refund, report, tip, surcharge, cashback;
    const struct member members[] = {
        {"refundId", MEMBER_NULLABLE, &refund},
        {"reportId", MEMBER_NULLABLE, &report},
        {"tip", MEMBER_NULLABLE, &tip},
        {"surcharge", MEMBER_NULLABLE, &surcharge},
        {"cashback", MEMBER_NULLABLE, &cashback},
    };
    struct shop_event *event = reader->event;
    TRY(members_read(data, &reader->place, members, 5));
    TRY(extras_of(reader, tip, surcharge, cashback));
    if (event_type_is_sendable(event->type)) {
        return ERR_OK; /* the others are the services' own */
    }
    TRY(name_of(reader, refund, "refundId", SHOP_REFUND_ID_MAX,
                &event->refund_id));
    return name_of(reader, report, "reportId", EVENT_ID_MAX, &event->report);
}

static err_t amount_of(struct reader *reader, struct slice amount,
                       struct slice currency) {
    TRY(decimal_of(reader, amount, "amount", &reader->event->amount));
    TRY(currency_of(reader, currency));
    return check_decimals(reader, "amount", reader->event->amount);
}

/* PaymentAuthorized, PaymentRequested, PaymentProcessed, PaymentRefunded,
 * PaymentUnmatched. */
static err_t read_payment(struct reader *reader, struct slice data) {
    struct slice id, transaction, amount, currency, terminal;
    const struct member members[] = {
        {"orderId", MEMBER_REQUIRED, &id},
        {"paymentTransactionId", MEMBER_NULLABLE, &transaction},
        {"amount", MEMBER_NULLABLE, &amount},
        {"currency", MEMBER_NULLABLE, &currency},
        {"terminal", MEMBER_NULLABLE, &terminal},
    };
    TRY(members_read(data, &reader->place, members, 5));
    TRY(order_id_of(reader, id));
    TRY(transaction_of(reader, transaction));
    TRY(amount_of(reader, amount, currency));
    TRY(name_of(reader, terminal, "terminal", SHOP_DEVICE_MAX,
                &reader->event->terminal));
    return reader->reading.rules == SHOP_RULES_FIRST
               ? ERR_OK
               : read_payment_2(reader, data);
}

static bool is_way_back(struct slice how) {
    return slice_eq_str(how, "\"void\"") || slice_eq_str(how, "\"refund\"") ||
           slice_eq_str(how, "\"cash\"");
}

/* RefundConfirmed, RefundFailed, PaymentResolved: which refund, and how it
 * went. They are about money, and name no order here. */
static err_t read_refund(struct reader *reader, struct slice data) {
    struct slice refund, transaction, given, amount, currency, how, why;
    struct slice ignored;
    struct shop_event *event = reader->event;
    bool failed = event->type == EVENT_TYPE_REFUND_FAILED;
    const struct member members[] = {
        {"refundId", MEMBER_NULLABLE, &refund},
        {"paymentTransactionId", MEMBER_NULLABLE, &transaction},
        {"refundTransactionId", MEMBER_NULLABLE, &given},
        {"amount", MEMBER_NULLABLE, &amount},
        {"currency", MEMBER_NULLABLE, &currency},
        {"how", MEMBER_NULLABLE, &how},
        {"reason", MEMBER_NULLABLE, &why},
    };
    TRY(members_read(data, &reader->place, members, 7));
    TRY(name_of(reader, refund, "refundId", SHOP_REFUND_ID_MAX,
                &event->refund_id));
    TRY(transaction_of(reader, transaction));
    TRY(amount_of(reader, amount, currency));
    TRY(reason_of(reader, why));
    if (!reader->reading.intake) {
        return ERR_OK;
    }
    TRY(name_of(reader, given, "refundTransactionId", SHOP_TRANSACTION_MAX,
                &ignored));
    if (refund.len == 0 && transaction.len == 0) {
        return members_refuse(&reader->place, "refundId",
                              "it, from PaymentRefunded, or the "
                              "paymentTransactionId");
    }
    return failed || is_way_back(how)
               ? ERR_OK
               : members_refuse(&reader->place, "how",
                                "\"void\", \"refund\" or \"cash\"");
}

/* StockReceived. */
static err_t read_received(struct reader *reader, struct slice data) {
    struct slice items;
    const struct member members[] = {{"items", MEMBER_REQUIRED, &items}};
    TRY(members_read(data, &reader->place, members, 1));
    return items_of(reader, items);
}

static err_t time_of(struct reader *reader, struct slice value,
                     const char *member) {
    struct slice text = SLICE_EMPTY;
    if (value.len == 0) {
        return ERR_OK;
    }
    if (members_name(value, &reader->place, member, SHOP_TIME_MAX,
                     &reader->pool, &text) != ERR_OK ||
        event_time_parse(text, &reader->event->counted_us) != ERR_OK) {
        return members_refuse(&reader->place, member,
                              "a time with its offset, such as "
                              "\"2026-05-28T20:26:39Z\"");
    }
    return ERR_OK;
}

/* StockCounted. Under the first rules nobody read when it was counted. */
static err_t read_counted(struct reader *reader, struct slice data) {
    struct slice items;
    struct slice time = SLICE_EMPTY;
    const struct member members[] = {
        {"items", MEMBER_REQUIRED, &items},
        {"time", MEMBER_NULLABLE, &time},
    };
    bool first = reader->reading.rules == SHOP_RULES_FIRST;
    TRY(members_read(data, &reader->place, members, first ? 1 : 2));
    TRY(time_of(reader, time, "time"));
    return items_of(reader, items);
}

static err_t read_adjusted(struct reader *reader, struct slice data) {
    struct slice items;
    struct slice why;
    const struct member members[] = {
        {"items", MEMBER_REQUIRED, &items},
        {"reason", MEMBER_REQUIRED, &why},
    };
    TRY(members_read(data, &reader->place, members, 2));
    TRY(name_of(reader, why, "reason", SHOP_WORDS_MAX, &reader->event->reason));
    return items_of(reader, items);
}

static err_t read_changed(struct reader *reader, struct slice data) {
    static const char *const names[] = {
        [STOCK_CHANGE_RECEIVED] = "\"received\"",
        [STOCK_CHANGE_ADJUSTED] = "\"adjusted\"",
        [STOCK_CHANGE_COUNTED] = "\"counted\"",
    };
    struct slice items, how, time;
    const struct member members[] = {
        {"items", MEMBER_REQUIRED, &items},
        {"how", MEMBER_REQUIRED, &how},
        {"countedAt", MEMBER_NULLABLE, &time},
    };
    TRY(members_read(data, &reader->place, members, 3));
    TRY(time_of(reader, time, "countedAt"));
    for (int i = STOCK_CHANGE_RECEIVED; i <= STOCK_CHANGE_COUNTED; i++) {
        if (slice_eq_str(how, names[i])) {
            reader->event->stock_change = (enum stock_change)i;
            return items_of(reader, items);
        }
    }
    return members_refuse(&reader->place, "how", "what changed the stock");
}

/* The lines that `list` names. */
static err_t mark_lines(struct reader *reader, const char *member,
                        struct slice list,
                        void (*mark)(struct shop_line *line)) {
    const struct lines lines = {reader->event->lines,
                                reader->event->line_count};
    size_t at = 0;
    struct slice value;
    while (list.len > 0 && json_element(list, &at, &value) == ERR_OK) {
        struct slice sku;
        TRY(members_name(value, &reader->place, member, SHOP_SKU_MAX,
                         &reader->pool, &sku));
        struct shop_line *line = lines_find(&lines, sku);
        if (line == NULL) {
            return members_refuse(&reader->place, member, "skus of items");
        }
        mark(line);
    }
    return ERR_OK;
}

static void mark_unmanaged(struct shop_line *line) {
    line->unmanaged = true;
}

static void mark_short(struct shop_line *line) {
    line->is_short = true;
}

/* InventoryReserved: the lines, then which of them are not managed, and of
 * which more is reserved than is available. */
static err_t read_reserved(struct reader *reader, struct slice data) {
    struct slice id, items, unmanaged, shorts;
    const struct member members[] = {
        {"orderId", MEMBER_REQUIRED, &id},
        {"items", MEMBER_REQUIRED, &items},
        {"unmanaged", MEMBER_REQUIRED, &unmanaged},
        {"short", MEMBER_OPTIONAL, &shorts},
    };
    TRY(members_read(data, &reader->place, members, 4));
    TRY(order_id_of(reader, id));
    TRY(items_of(reader, items));
    TRY(mark_lines(reader, "unmanaged", unmanaged, mark_unmanaged));
    return mark_lines(reader, "short", shorts, mark_short);
}

/* What the shop decides by from here on. */
static err_t read_config(struct reader *reader, struct slice data) {
    struct slice rules;
    struct slice currency;
    const struct member members[] = {
        {"rules", MEMBER_REQUIRED, &rules},
        {"currency", MEMBER_NULLABLE, &currency},
    };
    int64_t version = 0;
    TRY(members_read(data, &reader->place, members, 2));
    TRY(members_whole(rules, &reader->place, "rules", SHOP_RULES_FIRST,
                      INT32_MAX, &version));
    reader->event->rules = (uint32_t)version;
    return currency_of(reader, currency);
}

/* These change no state, so none of them is read. */
static err_t read_nothing(struct reader *reader, struct slice data) {
    (void)reader;
    (void)data;
    return ERR_OK;
}

static err_t (*const readers[EVENT_TYPE_COUNT])(struct reader *,
                                                struct slice) = {
    [EVENT_TYPE_ORDER_PLACED] = read_order,
    [EVENT_TYPE_ORDER_CANCEL_REQUESTED] = read_order_and_reason,
    [EVENT_TYPE_PAYMENT_AUTHORIZED] = read_payment,
    [EVENT_TYPE_PAYMENT_REFUSED] = read_order_and_reason,
    [EVENT_TYPE_REFUND_CONFIRMED] = read_refund,
    [EVENT_TYPE_REFUND_FAILED] = read_refund,
    [EVENT_TYPE_STOCK_RECEIVED] = read_received,
    [EVENT_TYPE_STOCK_ADJUSTED] = read_adjusted,
    [EVENT_TYPE_STOCK_COUNTED] = read_counted,
    [EVENT_TYPE_ORDER_CREATED] = read_order,
    [EVENT_TYPE_ORDER_REJECTED] = read_order_and_reason,
    [EVENT_TYPE_ORDER_CANCELLED] = read_order_and_reason,
    [EVENT_TYPE_INVENTORY_RESERVED] = read_reserved,
    [EVENT_TYPE_INVENTORY_REJECTED] = read_order_and_reason,
    [EVENT_TYPE_INVENTORY_RELEASED] = read_order_and_reason,
    [EVENT_TYPE_INVENTORY_SHORT] = read_nothing,
    [EVENT_TYPE_STOCK_CHANGED] = read_changed,
    [EVENT_TYPE_STOCK_LOW] = read_nothing,
    [EVENT_TYPE_PAYMENT_REQUESTED] = read_payment,
    [EVENT_TYPE_PAYMENT_PROCESSED] = read_payment,
    [EVENT_TYPE_PAYMENT_DECLINED] = read_order_and_reason,
    [EVENT_TYPE_PAYMENT_REFUNDED] = read_payment,
    [EVENT_TYPE_PAYMENT_UNMATCHED] = read_payment,
    [EVENT_TYPE_ORDER_FULFILED] = read_order_and_reason,
    [EVENT_TYPE_PAYMENT_TIMED_OUT] = read_order_and_reason,
    [EVENT_TYPE_PAYMENT_RESOLVED] = read_refund,
    [EVENT_TYPE_CONFIG_CHANGED] = read_config,
};

bool shop_event_is_read(enum event_type type) {
    assert(type < EVENT_TYPE_COUNT);
    return readers[type] != NULL;
}

err_t shop_event_read_data(enum event_type type, struct slice data,
                           struct shop_reading reading, struct shop_event *ret,
                           struct reason *reason) {
    assert(shop_event_is_read(type));
    assert(reading.rules >= SHOP_RULES_FIRST);
    /* The lines and the pool are set as they are used. */
    memset(ret, 0, offsetof(struct shop_event, lines));
    ret->type = type;
    ret->data = data;
    ret->counted_us = SHOP_NO_TIME;
    struct reader reader = {
        .event = ret,
        .pool = arena_over(ret->pool, sizeof(ret->pool)),
        .place = {.reason = reason},
        .reading = reading,
    };
    return readers[type](&reader, data);
}

/* The number is the placing event's own, so replay makes the same id. */
static err_t make_order_id(const struct shop_context *context,
                           struct arena *arena, struct shop_event *event) {
    char text[SHOP_ORDER_ID_MAX];
    struct writer writer = writer_over(text, sizeof(text));
    writer_printf(&writer, "o-%s-%" PRIu64, context->journal_hex,
                  event->stamp.seq);
    event->order_id_made = true;
    return arena_copy(arena, writer_slice(&writer), &event->order_id);
}

err_t shop_event_read(const struct event *event, enum event_type type,
                      struct shop_stamp stamp,
                      const struct shop_context *context, struct arena *arena,
                      struct shop_event *ret) {
    struct slice data;
    const struct shop_reading reading = {.rules = context->rules};
    if (event_data_json(event, arena, &data, NULL) != ERR_OK ||
        shop_event_read_data(type, data, reading, ret, NULL) != ERR_OK) {
        return ERR_CORRUPT;
    }
    ENSURE(ret->rules <= SHOP_RULES_NEWEST, ERR_UNSUPPORTED);
    ret->cloud_event = event;
    ret->stamp = stamp;
    ret->life_hex = context->life_hex;
    if (type == EVENT_TYPE_PAYMENT_AUTHORIZED && ret->transaction.len == 0) {
        ret->report = event->id;
    }
    if (event_type_is_sendable(type)) {
        ENSURE(event_source_parse(event->source, context->store,
                                  &ret->device) == ERR_OK,
               ERR_CORRUPT);
    }
    if (type == EVENT_TYPE_ORDER_PLACED && ret->order_id.len == 0) {
        TRY(make_order_id(context, arena, ret));
    }
    return ERR_OK;
}
