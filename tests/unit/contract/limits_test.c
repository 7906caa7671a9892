/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every number and every name in the tables of limits in docs/events.md
 * is the program's, and none of the table is held against nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "devices/client/outbox.h"
#include "gateway/event/event.h"
#include "gateway/event/event_type.h"
#include "gateway/event/json.h"
#include "gateway/shop/money.h"
#include "gateway/shop/quantity.h"
#include "gateway/shop/shop_event.h"
#include "gateway/shop/stock.h"
#include "gateway/stream/admission.h"
#include "gateway/stream/dedupe.h"
#include "gateway/stream/intake.h"
#include "gateway/stream/own_event.h"

enum { LINE_SIZE = 1024, TEXT_SIZE = 128 * 1024 };

static char text[TEXT_SIZE]; /* docs/events.md */

static struct config defaults(void) {
    char path[] = "/tmp/limits_test.XXXXXX";
    static const char store[] = "store: s\n";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, store, sizeof store - 1), sizeof store - 1);
    close(fd);
    struct config config;
    struct reason reason = {""};
    err_t err = config_load(path, &config, &reason);
    unlink(path);
    if (err != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    return config;
}

/* The row of a table that begins with `what`; "" if there is none. */
static void row_of(const char *what, char ret[LINE_SIZE]) {
    char begin[128];
    snprintf(begin, sizeof begin, "\n| %s | ", what);
    const char *at = strstr(text, begin);
    ret[0] = '\0';
    if (at != NULL) {
        snprintf(ret, LINE_SIZE, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    }
}

static void says(const char *what, uint64_t number, const char *unit) {
    char row[LINE_SIZE];
    char wanted[64];
    row_of(what, row);
    snprintf(wanted, sizeof wanted, "| %llu%s%s |", (unsigned long long)number,
             unit[0] != '\0' ? " " : "", unit);
    if (strstr(row, wanted) == NULL) {
        fail_msg("docs/events.md: the row of %s has no \"%s\": %s", what,
                 wanted, row);
    }
}

static void test_limits(void **state) {
    (void)state;
    const struct config config = defaults();
    uint32_t ids = config.streams[0].ids;
    assert_int_equal(ids, DEDUPE_IDS_DEFAULT);
    const struct {
        const char *what;
        uint64_t number;
        const char *unit;
    } rows[] = {
        {"event", config.event_bytes_max, "bytes"},
        {"`id`", EVENT_ID_MAX, "bytes"},
        {"`type`", EVENT_TYPE_MAX, "characters"},
        {"other attribute", EVENT_TEXT_MAX, "bytes"},
        {"attribute's name", EVENT_NAME_MAX, "characters"},
        {"extensions", EVENT_EXTENSIONS_MAX, "attributes"},
        {"nesting", JSON_DEPTH_MAX, "levels"},
        {"device's name", SHOP_DEVICE_MAX, "bytes"},
        {"ids remembered for a device", DEDUPE_WINDOW, "ids"},
        {"ids remembered for a stream", ids, "ids"},
        {"names remembered for a stream", ids / DEDUPE_IDS_A_NAME, "names"},
        {"outbox", DEDUPE_WINDOW, "events"},
        {"`orderId`", SHOP_ORDER_ID_MAX, "bytes"},
        {"sku", SHOP_SKU_MAX, "bytes"},
        {"`customerId`", SHOP_CUSTOMER_MAX, "bytes"},
        {"`paymentTransactionId`", SHOP_TRANSACTION_MAX, "bytes"},
        {"`reason`", SHOP_WORDS_MAX, "bytes"},
        {"items", SHOP_ITEMS_MAX, "lines"},
        {"quantity", SHOP_QUANTITY_MAX, ""},
        {"unit", SHOP_UNIT_MAX, "bytes"},
        {"stock", STOCK_MAX / QUANTITY_ONE, ""},
        {"money", MONEY_INTEGER_DIGITS_MAX, "digits"},
        {"EventRejected", OWN_EVENT_REJECTED_A_MINUTE, "a minute"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        says(rows[i].what, rows[i].number, rows[i].unit);
    }
    /* And each row of the table is one of these. */
    const char *at = strstr(text, "| what | limit | |\n|---|---|---|\n");
    assert_non_null(at);
    size_t count = 0;
    for (at = strstr(at, "|---|") + strlen("|---|---|---|\n"); *at == '|';
         at += strcspn(at, "\n") + 1) {
        count++;
    }
    assert_int_equal(count, sizeof rows / sizeof *rows);
}

static void has(const char *what, uint64_t number, const char *unit) {
    char row[LINE_SIZE];
    char wanted[64];
    row_of(what, row);
    snprintf(wanted, sizeof wanted, "%llu %s", (unsigned long long)number,
             unit);
    if (strstr(row, wanted) == NULL) {
        fail_msg("docs/events.md: the row of %s does not say \"%s\": %s", what,
                 wanted, row);
    }
}

/* What stands beside the limits. */
static void test_what_the_rows_add(void **state) {
    (void)state;
    has("event", INTAKE_HEADROOM, "bytes");
    has("money", MONEY_DECIMALS_MAX, "decimals");
    assert_int_equal(DEDUPE_IDS_A_NAME, 16); /* "one in 16 ids" */
    assert_int_equal(DEDUPE_BACK_US / 1000000, 30 * 24 * 3600);
    assert_int_equal(DEDUPE_AHEAD_US / 1000000, 3600);
    assert_non_null(strstr(text, "more than 30 days"));
    assert_non_null(strstr(text, "an hour"));
    /* Ours keeps to what vendors are told. */
    assert_true((int)OUTBOX_EVENTS_MAX <= (int)DEDUPE_WINDOW);
    assert_non_null(strstr(text, "better 1,000"));
    assert_int_equal(OUTBOX_EVENTS_MAX, 1000);
    assert_int_equal(OUTBOX_REPEAT_FIRST_US, 1000 * 1000);
    assert_int_equal(OUTBOX_REPEAT_MAX_US, 8 * 1000 * 1000);
}

/* Each device name that is refused stands in its row, and no other. */
static void test_refused_device_names(void **state) {
    (void)state;
    static const char *const names[] = {
        "events",     "gateway", "order",  "inventory", "payment",
        "fulfilment", "device",  "orders", "receipts",  "till-1"};
    char row[LINE_SIZE];
    row_of("`events`, `gateway`, `order`, `inventory`, `payment`, "
           "`fulfilment`",
           row);
    assert_non_null(strstr(row, "as a device's name"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool refused =
            admission_device(slice_from_str(names[i]), NULL) == ERR_REFUSED;
        assert_int_equal(refused, i < 6);
    }
    for (uint32_t by = 0; by < EVENT_PUBLISHER_COUNT; by++) {
        const char *name = event_publisher_name((enum event_publisher)by);
        assert_true(name == NULL || strstr(row, name) != NULL);
    }
}

/* Each attribute that is refused stands in its row. */
static void test_refused_attributes(void **state) {
    (void)state;
    static const char *const names[] = {"journalid", "journallife",
                                        "journalsequence", "recordedtime",
                                        "causationid"};
    char row[LINE_SIZE];
    row_of("`journalid`, `journallife`, `journalsequence`, `recordedtime`",
           row);
    assert_non_null(strstr(row, "as a device's extension"));
    static uint8_t memory[128 * 1024];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char payload[256];
        snprintf(payload, sizeof payload,
                 "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"/s/d\","
                 "\"type\":\"T\",\"%s\":\"x\"}",
                 names[i]);
        struct arena arena = arena_over(memory, sizeof memory);
        struct event event;
        struct reason reason = {""};
        err_t err = event_read(EVENT_ENCODING_JSON, slice_from_str(payload),
                               &arena, &event, &reason);
        assert_int_equal(err == ERR_OK, i == 4);
        assert_true(i == 4 || strstr(reason.text, "leave it out") != NULL);
    }
}

static int read_text(void **state) {
    (void)state;
    FILE *file = fopen(EDGE_ROOT "/docs/events.md", "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(len > 0 && len < sizeof text - 1);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_the_rows_add),
        cmocka_unit_test(test_refused_device_names),
        cmocka_unit_test(test_refused_attributes),
    };
    return cmocka_run_group_tests(tests, read_text, NULL);
}
