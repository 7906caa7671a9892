/* SPDX-License-Identifier: Apache-2.0 */
/* What the shop should do, written again in the plainest way: one order at a
 * time, from start to end, without bus, tables, events or JSON to read. */
#ifndef TESTS_UNIT_SHOP_ORACLE_H
#define TESTS_UNIT_SHOP_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ORACLE_SKUS = 6,
    ORACLE_ORDERS = 256,
    ORACLE_LINES = 16,
    ORACLE_LINE_SIZE = 800,
    ORACLE_MONEY = 512,
};

enum oracle_kind {
    PLACE,
    CANCEL,
    AUTHORIZE,
    REFUSE,
    RECEIVE,
    COUNT,
    CONFIRM,
    FAIL,
};

/* One input, before it is written as JSON. */
struct oracle_input {
    enum oracle_kind kind;
    char id[64];             /* empty: the order has none */
    int wanted[ORACLE_SKUS]; /* of each sku; none: 0, of stock -1 */
    int level[ORACLE_SKUS];  /* of RECEIVE; -1: not told */
    const char *customer;
    const char *total;
    const char *currency; /* of PLACE and AUTHORIZE; NULL: not told */
    enum { CASH, ONLINE, ASK, NOTHING } payment;
    int terminal;         /* asked by PLACE, answering in AUTHORIZE, REFUSE */
    const char *amount;   /* of AUTHORIZE; NULL: not told */
    const char *reason;   /* of CANCEL, REFUSE; NULL: not told */
    char transaction[16]; /* of AUTHORIZE, CONFIRM, FAIL, PLACE with ONLINE;
                             empty: none */
    char refund[48];      /* of CONFIRM, FAIL; empty: not told */
};

/* Money that a terminal or a till said was taken. */
struct oracle_money {
    char transaction[16];
    char report[32]; /* where there is no transaction */
    char order[64];
    char refund[48];
    int terminal; /* -1: the till */
    int64_t minor;
    const char *currency;
    char state; /* 'p' paid an order, 'o' owed, 'f' failed, 'c' closed */
    bool unmatched;
};

struct oracle_order {
    char id[64];
    char key[256]; /* customer, lines, total, currency */
    char end;      /* 'o' open, 'f', 'c', 'r' */
    bool reserved;
    bool managed[ORACLE_SKUS];
    int wanted[ORACLE_SKUS];
    const char *currency;
    int64_t minor;
    int terminal;   /* -1: none */
    bool asked;     /* and has not answered */
    bool late;      /* was asked, and the order is cancelled */
    bool unpayable; /* declined at once: nothing was asked for */
};

struct oracle {
    struct {
        bool managed;
        int64_t on_hand, reserved, level;
    } stock[ORACLE_SKUS];
    struct oracle_order orders[ORACLE_ORDERS];
    int order_count;
    struct oracle_money money[ORACLE_MONEY];
    int money_count;
    uint64_t inputs, strays;
    uint64_t repeated, conflicting, answers_ignored, cancels_ignored;
    /* What the last input led to: "<type> <data>", in no order. Of OrderCreated
     * only the id. */
    char lines[ORACLE_LINES][ORACLE_LINE_SIZE];
    int line_count;
    char now[40];       /* of the input, as it is written */
    const char *repeat; /* type said again; NULL: none */
};

void oracle_run(struct oracle *oracle, const struct oracle_input *input,
                uint64_t seq);

#endif
