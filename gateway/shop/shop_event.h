/* SPDX-License-Identifier: Apache-2.0 */
/* An event of the choreography with its data parsed: what the services react
 * to. It is read the same way live and in replay, by the rules it was made
 * under. Before it is journaled (shop_check) it is read more strictly: what is
 * refused there alone would else, refused in replay, be taken for damage by a
 * release that refuses more. */
#ifndef GATEWAY_SHOP_SHOP_EVENT_H
#define GATEWAY_SHOP_SHOP_EVENT_H

#include "gateway/event/event.h"
#include "gateway/event/event_type.h"
#include "gateway/shop/limits.h"
#include "gateway/shop/lines.h"

enum {
    SHOP_TRANSACTION_MAX = 128, /* bytes of a paymentTransactionId */
    SHOP_CUSTOMER_MAX = 256,    /* bytes of a customerId */
    SHOP_WORDS_MAX = 160,       /* bytes of a reason from a device */
    SHOP_REASON_MAX = 256,      /* bytes of a reason from a service */
    SHOP_TIME_MAX = 64,         /* bytes of a time that is told */
    SHOP_JOURNAL_HEX = 8,       /* digits of the journal's id in orders' ids */
    /* Bytes that data in CBOR may grow by when it is written as JSON. */
    SHOP_CBOR_GROWTH_MAX = 16 * 1024,
    /* Memory that turning CBOR into JSON may take beyond twice its length. */
    SHOP_CBOR_ROOM = 64 * 1024,
    /* Decoded strings: two lists of skus, one of units and the few members
     * beside them. */
    SHOP_POOL_SIZE = (2 * SHOP_ITEMS_MAX + 16) * SHOP_SKU_MAX +
                     SHOP_ITEMS_MAX * SHOP_UNIT_MAX,
};

/* No time is told. */
#define SHOP_NO_TIME INT64_MIN

enum stock_change {
    STOCK_CHANGE_RECEIVED,
    STOCK_CHANGE_ADJUSTED,
    STOCK_CHANGE_COUNTED,
};

struct shop_event {
    enum event_type type;
    const struct event *cloud_event;
    struct shop_stamp stamp;
    struct slice data;     /* JSON text */
    struct slice device;   /* who sent it; empty for a service's event */
    struct slice order_id; /* empty for stock events */
    bool order_id_made;    /* made by the gateway: the data has none */
    struct slice customer; /* raw JSON text */
    struct slice total;    /* decimal */
    struct slice currency; /* empty if the data has none */
    uint32_t rules;        /* of ConfigChanged */
    bool card;
    struct slice transaction; /* empty if none */
    struct slice terminal;    /* empty if none */
    struct slice amount;      /* decimal; empty if none */
    struct slice tip;         /* these three are parts of an amount that */
    struct slice surcharge;   /* a terminal took; empty if none */
    struct slice cashback;
    struct slice refund_id; /* empty if none */
    struct slice report;    /* the id of a terminal's event that reported money
                               without a transaction; empty if none */
    const char *life_hex;   /* of the context, borrowed */
    struct slice reason;    /* empty if none */
    enum stock_change stock_change; /* of StockChanged */
    int64_t counted_us; /* of a count: SHOP_NO_TIME if its data has no time */
    uint32_t line_count;
    struct shop_line lines[SHOP_ITEMS_MAX]; /* one for each sku */
    uint8_t pool[SHOP_POOL_SIZE];
};

/* How data is read. */
struct shop_reading {
    uint32_t rules; /* that it was made under */
    bool intake;    /* before it is journaled: with all checks */
};

/* What parsing depends on besides the event. */
struct shop_context {
    uint32_t rules;
    struct slice store;
    char journal_hex[SHOP_JOURNAL_HEX + 1];
    char life_hex[SHOP_JOURNAL_HEX + 1]; /* likewise, of its life; live only */
};

/* Does the shop read this type? If not, no service listens to it. */
bool shop_event_is_read(enum event_type type);

/* Reads the members that the type's own data has. `data` is its JSON text;
 * only data, lines, texts and type are set. ERR_RANGE with a reason. */
err_t shop_event_read_data(enum event_type type, struct slice data,
                           struct shop_reading reading, struct shop_event *ret,
                           struct reason *reason) MUST_USE;

/* Reads a journaled event. CBOR data is turned into JSON in `arena`.
 * ERR_CORRUPT if it lacks what the services need, or an input's source is not
 * "/<store>/<device>"; ERR_UNSUPPORTED for a ConfigChanged to rules that this
 * program does not have. */
err_t shop_event_read(const struct event *event, enum event_type type,
                      struct shop_stamp stamp,
                      const struct shop_context *context, struct arena *arena,
                      struct shop_event *ret) MUST_USE;

#endif
