/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/shop/oracle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void say(struct oracle *oracle,
                                                      const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(oracle->lines[oracle->line_count++], ORACLE_LINE_SIZE, format,
              args);
    va_end(args);
}

static int decimals_of(const char *currency) {
    return strcmp(currency, "JPY") == 0   ? 0
           : strcmp(currency, "KWD") == 0 ? 3
                                          : 2;
}

/* -1 if the text is too fine for the currency. */
static int64_t minor_of(const char *text, const char *currency) {
    const char *point = strchr(text, '.');
    int have = point == NULL ? 0 : (int)strlen(point + 1);
    int64_t minor = strtoll(text, NULL, 10);
    for (int i = 0; i < decimals_of(currency); i++) {
        minor = minor * 10 + (i < have ? point[1 + i] - '0' : 0);
    }
    return have > decimals_of(currency) ? -1 : minor;
}

static const char *amount(int64_t minor, const char *currency) {
    static char text[32];
    int decimals = decimals_of(currency);
    int64_t unit = decimals == 0 ? 1 : decimals == 2 ? 100 : 1000;
    int len = snprintf(text, sizeof(text), "%" PRId64, minor / unit);
    if (decimals > 0) {
        snprintf(text + len, sizeof(text) - (size_t)len, ".%0*" PRId64,
                 decimals, minor % unit);
    }
    return text;
}

/* [{"sku":"s0","quantity":2},...] */
static const char *items(const int wanted[ORACLE_SKUS]) {
    static char text[256];
    size_t len = 0;
    for (int i = 0; i < ORACLE_SKUS; i++) {
        if (wanted[i] > 0) {
            len += (size_t)snprintf(text + len, sizeof(text) - len,
                                    "%s{\"sku\":\"s%d\",\"quantity\":%d}",
                                    len == 0 ? "" : ",", i, wanted[i]);
        }
    }
    return text;
}

static struct oracle_order *find(struct oracle *oracle, const char *id) {
    for (int i = 0; i < oracle->order_count; i++) {
        if (strcmp(oracle->orders[i].id, id) == 0) {
            return &oracle->orders[i];
        }
    }
    return NULL;
}

static int64_t available(const struct oracle *oracle, int sku) {
    return oracle->stock[sku].on_hand - oracle->stock[sku].reserved;
}

static bool low(const struct oracle *oracle, int sku) {
    return oracle->stock[sku].managed && oracle->stock[sku].level >= 0 &&
           available(oracle, sku) <= oracle->stock[sku].level;
}

static void note_low(const struct oracle *oracle, bool ret[ORACLE_SKUS]) {
    for (int i = 0; i < ORACLE_SKUS; i++) {
        ret[i] = low(oracle, i);
    }
}

/* StockLow for what is low now and was not before. */
static void tell_low(struct oracle *oracle, const bool before[ORACLE_SKUS]) {
    char text[256] = "";
    size_t len = 0;
    for (int i = 0; i < ORACLE_SKUS; i++) {
        if (low(oracle, i) && !before[i]) {
            len +=
                (size_t)snprintf(text + len, sizeof(text) - len,
                                 "%s{\"sku\":\"s%d\",\"available\":%" PRId64
                                 ",\"reorderLevel\":%" PRId64 "}",
                                 len == 0 ? "" : ",", i, available(oracle, i),
                                 oracle->stock[i].level);
        }
    }
    if (len > 0) {
        say(oracle, "StockLow {\"items\":[%s]}", text);
    }
}

/* ,"name":"text" unless the text is empty. */
static const char *member(char ret[128], const char *name, const char *text) {
    ret[0] = '\0';
    if (text[0] != '\0') {
        snprintf(ret, 128, ",\"%s\":\"%s\"", name, text);
    }
    return ret;
}

static const char *terminal_name(char ret[16], int terminal) {
    ret[0] = '\0';
    if (terminal >= 0) {
        snprintf(ret, 16, "card-%d", terminal);
    }
    return ret;
}

/* {"orderId":..,"amount":..,"currency":..,"paymentTransactionId":.. */
static const char *money_text(const struct oracle_money *money) {
    static char text[400];
    char part[128];
    int len = snprintf(text, sizeof(text), "{\"orderId\":\"%s\"", money->order);
    if (money->minor >= 0) {
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        ",\"amount\":\"%s\",\"currency\":\"%s\"",
                        amount(money->minor, money->currency), money->currency);
    }
    snprintf(text + len, sizeof(text) - (size_t)len, "%s",
             member(part, "paymentTransactionId", money->transaction));
    return text;
}

/* ,"terminal":..,"reportId":.. */
static const char *place_text(const struct oracle_money *money) {
    static char text[400];
    char name[16];
    char part[2][128];
    snprintf(text, sizeof(text), "%s%s",
             member(part[0], "terminal", terminal_name(name, money->terminal)),
             member(part[1], "reportId",
                    money->transaction[0] == '\0' ? money->report : ""));
    return text;
}

/* The same money: the same transaction at the same terminal, or at one that
 * nobody told. */
static struct oracle_money *same_money(struct oracle *oracle,
                                       const char *transaction, int terminal) {
    for (int i = 0; i < oracle->money_count; i++) {
        struct oracle_money *money = &oracle->money[i];
        if (transaction[0] != '\0' &&
            strcmp(money->transaction, transaction) == 0 &&
            (money->terminal < 0 || money->terminal == terminal)) {
            return money;
        }
    }
    return NULL;
}

static bool known(const struct oracle *oracle, const char *transaction) {
    for (int i = 0; i < oracle->money_count; i++) {
        if (transaction[0] != '\0' &&
            strcmp(oracle->money[i].transaction, transaction) == 0) {
            return true;
        }
    }
    return false;
}

static struct oracle_money *add_money(struct oracle *oracle,
                                      const struct oracle_money *money,
                                      char state) {
    struct oracle_money *added = &oracle->money[oracle->money_count++];
    *added = *money;
    added->state = state;
    return added;
}

static void refund(struct oracle *oracle, struct oracle_money *money,
                   uint64_t cause, int number, const char *why) {
    money->state = 'o';
    snprintf(money->refund, sizeof(money->refund), "r-5eed0123-%" PRIu64 "-%d",
             cause, number);
    say(oracle, "PaymentRefunded %s%s,\"refundId\":\"%s\",\"reason\":\"%s\"}",
        money_text(money), place_text(money), money->refund, why);
}

static void paid(struct oracle *oracle, const struct oracle_money *money,
                 const char *mode) {
    say(oracle, "PaymentProcessed %s,\"mode\":\"%s\"%s}", money_text(money),
        mode, place_text(money));
}

static void declined(struct oracle *oracle, const struct oracle_order *order,
                     const char *why) {
    say(oracle, "PaymentDeclined {\"orderId\":\"%s\",\"reason\":\"%s\"}",
        order->id, why);
}

static void give_back(struct oracle *oracle, struct oracle_order *order,
                      bool sold) {
    for (int i = 0; i < ORACLE_SKUS; i++) {
        if (order->wanted[i] > 0 && order->managed[i]) {
            oracle->stock[i].reserved -= order->wanted[i];
            oracle->stock[i].on_hand -= sold ? order->wanted[i] : 0;
        }
    }
    order->reserved = false;
}

static void fulfil(struct oracle *oracle, struct oracle_order *order) {
    say(oracle, "OrderFulfiled {\"orderId\":\"%s\"}", order->id);
    order->end = 'f';
    give_back(oracle, order, true);
}

static void cancel(struct oracle *oracle, struct oracle_order *order,
                   const char *why, const char *detail) {
    say(oracle, "OrderCancelled {\"orderId\":\"%s\",\"reason\":\"%s%s\"}",
        order->id, why, detail);
    order->end = 'c';
    order->late = order->asked;
    order->asked = false;
    if (order->reserved) {
        say(oracle, "InventoryReleased {\"orderId\":\"%s\",\"items\":[%s]}",
            order->id, items(order->wanted));
        give_back(oracle, order, false);
    }
}

/* All lines or none. */
static void reserve(struct oracle *oracle, struct oracle_order *order) {
    char missing[512] = "";
    char unmanaged[128] = "";
    bool was_low[ORACLE_SKUS];
    note_low(oracle, was_low);
    for (int i = 0; i < ORACLE_SKUS; i++) {
        order->managed[i] = oracle->stock[i].managed;
        if (order->wanted[i] > 0 && !order->managed[i]) {
            snprintf(unmanaged + strlen(unmanaged), 16, "%s\"s%d\"",
                     unmanaged[0] == '\0' ? "" : ",", i);
        }
        if (order->managed[i] && order->wanted[i] > 0 &&
            available(oracle, i) < order->wanted[i]) {
            snprintf(missing + strlen(missing), 80,
                     "%s{\"sku\":\"s%d\",\"wanted\":%d,\"available\":%" PRId64
                     "}",
                     missing[0] == '\0' ? "" : ",", i, order->wanted[i],
                     available(oracle, i));
        }
    }
    order->reserved = missing[0] == '\0';
    if (!order->reserved) {
        say(oracle, "InventoryRejected {\"orderId\":\"%s\",\"missing\":[%s]}",
            order->id, missing);
        return;
    }
    say(oracle,
        "InventoryReserved "
        "{\"orderId\":\"%s\",\"items\":[%s],\"unmanaged\":[%s]}",
        order->id, items(order->wanted), unmanaged);
    for (int i = 0; i < ORACLE_SKUS; i++) {
        oracle->stock[i].reserved += order->managed[i] ? order->wanted[i] : 0;
    }
    tell_low(oracle, was_low);
}

static const char *outcome(const struct oracle_order *order) {
    return order->end == 'o'   ? "OrderCreated"
           : order->end == 'f' ? "OrderFulfiled"
           : order->end == 'c' ? "OrderCancelled"
                               : "OrderRejected";
}

#define NO_WAY                                                       \
    "a card needs a paymentTransactionId or a terminal that can be " \
    "asked"
#define USED                                                               \
    "its paymentTransactionId was used before; each transaction pays one " \
    "order"

static void ask(struct oracle *oracle, struct oracle_order *order,
                const struct oracle_input *input) {
    say(oracle,
        "PaymentRequested "
        "{\"orderId\":\"%s\",\"amount\":\"%s\",\"currency\":\"%s\","
        "\"terminal\":\"card-%d\"}",
        order->id, amount(order->minor, order->currency), order->currency,
        input->terminal);
    order->asked = true;
    order->terminal = input->terminal;
}

/* Of the order's money where it is not asked for; NULL: it has it. */
static const char *pay_at_once(struct oracle *oracle,
                               const struct oracle_order *order,
                               const struct oracle_input *input,
                               struct oracle_money *money) {
    bool nothing = order->minor == 0;
    if (nothing || input->payment == CASH) {
        paid(oracle, money, nothing ? "none" : "cash");
        return NULL;
    }
    if (input->payment == NOTHING) {
        return NO_WAY;
    }
    if (known(oracle, input->transaction)) {
        return USED;
    }
    memcpy(money->transaction, input->transaction, sizeof(money->transaction));
    paid(oracle, add_money(oracle, money, 'p'), "online");
    return NULL;
}

static void pay(struct oracle *oracle, struct oracle_order *order,
                const struct oracle_input *input, uint64_t seq) {
    struct oracle_money money = {
        .terminal = -1, .minor = order->minor, .currency = order->currency};
    const char *why = NULL;
    snprintf(money.order, sizeof(money.order), "%s", order->id);
    if (order->minor > 0 && input->payment == ASK) {
        ask(oracle, order, input);
    } else {
        why = pay_at_once(oracle, order, input, &money);
    }
    bool taken = why == NULL && !order->asked && order->minor > 0;
    if (why != NULL) {
        declined(oracle, order, why);
        order->unpayable = true;
    }
    if (!order->reserved) {
        cancel(oracle, order, "out of stock", "");
    } else if (why != NULL) {
        cancel(oracle, order, "payment declined: ", why);
    } else if (!order->asked) {
        fulfil(oracle, order);
    }
    if (taken && order->end == 'c') {
        struct oracle_money *kept = same_money(oracle, money.transaction, -1);
        kept = kept == NULL ? add_money(oracle, &money, 'p') : kept;
        refund(oracle, kept, seq + 4, 1, "the order was cancelled");
    }
}

static void place(struct oracle *oracle, const struct oracle_input *input,
                  uint64_t seq) {
    struct oracle_order order = {.terminal = -1, .end = 'o'};
    snprintf(order.id, sizeof(order.id), "%s", input->id);
    if (input->id[0] == '\0') {
        snprintf(order.id, sizeof(order.id), "o-0badcafe-%" PRIu64, seq);
    }
    snprintf(order.key, sizeof(order.key), "%s|%s|%s|%s", input->customer,
             input->total, input->currency == NULL ? "" : input->currency,
             items(input->wanted));
    struct oracle_order *known = find(oracle, order.id);
    if (known != NULL) {
        oracle->repeated++;
        oracle->conflicting += strcmp(known->key, order.key) != 0;
        oracle->repeat = outcome(known);
        return;
    }
    order.currency = input->currency == NULL ? "EUR" : input->currency;
    order.minor = minor_of(input->total, order.currency);
    memcpy(order.wanted, input->wanted, sizeof(order.wanted));
    struct oracle_order *added = &oracle->orders[oracle->order_count++];
    *added = order;
    if (order.minor < 0) {
        say(oracle,
            "OrderRejected {\"orderId\":\"%s\",\"reason\":\"total has more "
            "decimals than the shop's currency, EUR\"}",
            order.id);
        added->end = 'r';
        return;
    }
    say(oracle, "OrderCreated %s", order.id);
    reserve(oracle, added);
    pay(oracle, added, input, seq);
}

/* What the terminal took, and why it is not what was asked. */
static const char *taken_money(const struct oracle *oracle,
                               const struct oracle_order *order,
                               const struct oracle_input *input,
                               struct oracle_money *ret) {
    bool terms = order != NULL && !order->unpayable && order->end != 'r';
    const char *own = terms ? order->currency : "EUR";
    const char *currency = input->currency == NULL ? own : input->currency;
    bool foreign = strcmp(currency, own) != 0;
    *ret = (struct oracle_money){
        .terminal = input->terminal,
        .minor = terms && order->minor > 0 ? order->minor : -1,
        .currency = own};
    snprintf(ret->order, sizeof(ret->order), "%s", input->id);
    memcpy(ret->transaction, input->transaction, sizeof(ret->transaction));
    snprintf(ret->report, sizeof(ret->report), "in-%" PRIu64, oracle->inputs);
    const char *wrong = foreign ? "the terminal took another currency" : NULL;
    if (input->amount != NULL && minor_of(input->amount, currency) < 0) {
        wrong = "the terminal took what is no amount of the order's currency";
    } else if (input->amount != NULL) {
        ret->minor = minor_of(input->amount, currency);
        ret->currency = currency;
        wrong = !foreign && terms && ret->minor != order->minor
                    ? "the terminal took another amount"
                    : wrong;
    }
    return known(oracle, input->transaction)
               ? "the transaction was used before; each pays one order"
               : wrong;
}

static const char *late_why(const struct oracle_order *order) {
    return order->asked        ? "another terminal was asked for it"
           : order->end == 'f' ? "the order was paid before"
                               : "the order waits for no payment any more";
}

static void authorize(struct oracle *oracle, const struct oracle_input *input,
                      uint64_t seq) {
    struct oracle_order *order = find(oracle, input->id);
    struct oracle_money money;
    const char *wrong = taken_money(oracle, order, input, &money);
    bool asked =
        order != NULL && order->asked && order->terminal == input->terminal;
    bool same = same_money(oracle, input->transaction, input->terminal) != NULL;
    oracle->answers_ignored += same;
    if (asked && wrong == NULL) {
        order->asked = false;
        paid(oracle, add_money(oracle, &money, 'p'), "terminal");
        fulfil(oracle, order);
        return;
    }
    if (asked) {
        order->asked = false;
        declined(oracle, order, wrong);
        cancel(oracle, order, "payment declined: ", wrong);
    }
    if (same) {
        return;
    }
    if (order == NULL || order->end == 'r') {
        say(oracle, "PaymentUnmatched %s%s}", money_text(&money),
            place_text(&money));
        money.unmatched = true;
        refund(oracle, add_money(oracle, &money, 'o'), seq, 2,
               "no order is known that asked for it");
        return;
    }
    refund(oracle, add_money(oracle, &money, 'o'), seq, asked ? 2 : 1,
           asked ? wrong : late_why(order));
}

static void refuse(struct oracle *oracle, const struct oracle_input *input) {
    struct oracle_order *order = find(oracle, input->id);
    if (order == NULL || !(order->asked || order->late) ||
        order->terminal != input->terminal) {
        oracle->answers_ignored++;
        return;
    }
    if (order->asked) {
        const char *why = input->reason == NULL ? "the terminal gave no reason"
                                                : input->reason;
        order->asked = false;
        declined(oracle, order, why);
        cancel(oracle, order, "payment declined: ", why);
    }
}

static struct oracle_money *find_owed(struct oracle *oracle,
                                      const struct oracle_input *input) {
    if (input->refund[0] == '\0') {
        return same_money(oracle, input->transaction, input->terminal);
    }
    for (int i = 0; i < oracle->money_count; i++) {
        if (strcmp(oracle->money[i].refund, input->refund) == 0) {
            return &oracle->money[i];
        }
    }
    return NULL;
}

static void settle(struct oracle *oracle, const struct oracle_input *input) {
    struct oracle_money *money = find_owed(oracle, input);
    if (money == NULL || money->state == 'p') {
        oracle->strays++;
        return;
    }
    if (money->state == 'c') {
        return;
    }
    const char *currency =
        input->currency == NULL ? money->currency : input->currency;
    bool all = input->amount == NULL || money->minor < 0 ||
               (strcmp(currency, money->currency) == 0 &&
                minor_of(input->amount, currency) == money->minor);
    money->state = input->kind == CONFIRM && all ? 'c' : 'f';
}

static void ask_cancel(struct oracle *oracle,
                       const struct oracle_input *input) {
    struct oracle_order *order = find(oracle, input->id);
    if (order != NULL && order->end == 'o') {
        cancel(oracle, order, "cancel requested: ",
               input->reason == NULL ? "no reason given" : input->reason);
        return;
    }
    oracle->cancels_ignored++;
    oracle->repeat = order == NULL ? NULL : outcome(order);
}

static void change_stock(struct oracle *oracle,
                         const struct oracle_input *input, int sku,
                         char *text) {
    int64_t before = oracle->stock[sku].on_hand;
    if (!oracle->stock[sku].managed) {
        oracle->stock[sku].managed = true;
        oracle->stock[sku].level = -1;
    }
    oracle->stock[sku].on_hand =
        input->wanted[sku] + (input->kind == COUNT ? 0 : before);
    sprintf(text + strlen(text),
            "%s{\"sku\":\"s%d\",\"change\":%" PRId64 ",\"onHand\":%" PRId64
            ",\"available\":%" PRId64,
            text[0] == '\0' ? "" : ",", sku,
            oracle->stock[sku].on_hand - before, oracle->stock[sku].on_hand,
            available(oracle, sku));
    if (input->kind == RECEIVE && input->level[sku] >= 0) {
        oracle->stock[sku].level = input->level[sku];
        sprintf(text + strlen(text), ",\"reorderLevel\":%d", input->level[sku]);
    }
    strcat(text, "}");
}

static void take_stock(struct oracle *oracle,
                       const struct oracle_input *input) {
    bool was_low[ORACLE_SKUS];
    char changed[640] = "";
    char shorts[320] = "";
    note_low(oracle, was_low);
    for (int i = 0; i < ORACLE_SKUS; i++) {
        if (input->wanted[i] < 0) {
            continue;
        }
        int64_t before = available(oracle, i);
        change_stock(oracle, input, i, changed);
        if (available(oracle, i) < 0 && available(oracle, i) < before) {
            sprintf(shorts + strlen(shorts),
                    "%s{\"sku\":\"s%d\",\"available\":%" PRId64 "}",
                    shorts[0] == '\0' ? "" : ",", i, available(oracle, i));
        }
    }
    if (input->kind == COUNT) {
        say(oracle,
            "StockChanged {\"how\":\"counted\",\"countedAt\":\"%s\","
            "\"items\":[%s]}",
            oracle->now, changed);
    } else {
        say(oracle, "StockChanged {\"how\":\"received\",\"items\":[%s]}",
            changed);
    }
    tell_low(oracle, was_low);
    if (shorts[0] != '\0') {
        say(oracle, "InventoryShort {\"items\":[%s]}", shorts);
    }
}

void oracle_run(struct oracle *oracle, const struct oracle_input *input,
                uint64_t seq) {
    oracle->line_count = 0;
    oracle->repeat = NULL;
    switch (input->kind) {
    case PLACE:
        place(oracle, input, seq);
        break;
    case CANCEL:
        ask_cancel(oracle, input);
        break;
    case AUTHORIZE:
        authorize(oracle, input, seq);
        break;
    case REFUSE:
        refuse(oracle, input);
        break;
    case CONFIRM:
    case FAIL:
        settle(oracle, input);
        break;
    case RECEIVE:
    case COUNT:
        take_stock(oracle, input);
        break;
    }
    oracle->inputs++;
}
