/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: whatever devices send, in whatever order, the shop publishes what the
 * oracle says and nothing else; the state after replaying any number of inputs
 * is the state that was live then; and a shop that goes on after a replay
 * or from a snapshot publishes the same bytes as one that never stopped. And a
 * journal that has lost inputs, with all that followed from each, is replayed
 * and gone on with, the same way each time; one that nobody was told of is
 * refused where it shows.
 *
 * An episode prints its seed if it fails; EDGE_SEED begins with another one,
 * EDGE_EPISODES runs more of them, or fewer.
 * Built against a shop that refunds twice (EDGE_EXPECT_MISMATCH), the oracle
 * must notice. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/shop/refund_view.h"
#include "tests/unit/shop/harness.h"
#include "tests/unit/shop/oracle.h"

enum {
    EPISODES = 420 / TEST_SHARE,
    INPUTS = 120, /* in each: 50,400 in all */
    IDS = 40,
    TRANSACTIONS = 60,
    DATA_SIZE = 1024,
};

struct random {
    uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood 2014): small, and every seed is good. */
static uint32_t below(struct random *random, uint32_t limit) {
    random->state += 0x9e3779b97f4a7c15u;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % limit);
}

static void make_transaction(struct random *random,
                             struct oracle_input *input) {
    snprintf(input->transaction, sizeof(input->transaction), "tx-%" PRIu32,
             below(random, TRANSACTIONS));
}

/* What is owed, or was, or is not. */
static void make_settling(struct random *random, const struct oracle *oracle,
                          struct oracle_input *input) {
    uint32_t count = (uint32_t)oracle->money_count;
    snprintf(input->refund, sizeof(input->refund), "r-5eed0123-1-1");
    if (count > 0 && below(random, 8) > 0) {
        memcpy(input->refund, oracle->money[below(random, count)].refund,
               sizeof(input->refund));
    }
    if (input->refund[0] == '\0') {
        make_transaction(random, input);
    }
}

static void make_order(struct random *random, struct oracle_input *input) {
    static const char *const totals[][2] = {
        {"5.00", NULL},   {"12.5", NULL},  {"12.5", "EUR"}, {"0", "EUR"},
        {"1.234", "KWD"}, {"1.234", NULL}, {"7", "JPY"},
    };
    const char *const *total =
        totals[below(random, sizeof(totals) / sizeof(*totals))];
    input->total = total[0];
    input->currency = total[1];
    input->customer = below(random, 2) == 0 ? "17" : "\"c-1\"";
    input->payment = below(random, 4);
    if (input->payment == ONLINE) {
        make_transaction(random, input);
    }
    input->terminal = (int)below(random, 2);
    input->wanted[below(random, ORACLE_SKUS)] = 1 + (int)below(random, 3);
    for (int i = 0; i < ORACLE_SKUS; i++) {
        if (below(random, 4) == 0) {
            input->wanted[i] = 1 + (int)below(random, 4);
        }
    }
    if (below(random, 4) == 0) {
        input->id[0] = '\0';
    }
}

static void make_stock(struct random *random, struct oracle_input *input) {
    for (int i = 0; i < ORACLE_SKUS; i++) {
        input->wanted[i] = below(random, 3) > 0 ? -1 : (int)below(random, 12);
        input->level[i] = below(random, 2) == 0 ? -1 : (int)below(random, 6);
    }
    uint32_t one = below(random, ORACLE_SKUS);
    input->wanted[one] = 1 + (int)below(random, 9);
}

/* What a terminal says it took. Amount and currency fit each other where both
 * are told: shop_check() sees to that. */
static void make_answer(struct random *random, struct oracle_input *input) {
    static const char *const taken[][2] = {
        {NULL, NULL},     {NULL, NULL}, {"5.00", NULL},   {"12.50", NULL},
        {"1.23", NULL},   {"7", NULL},  {"1.2345", NULL}, {NULL, "EUR"},
        {"12.50", "EUR"}, {"7", "JPY"}, {NULL, "JPY"},    {"1.234", "KWD"},
        {"5", "EUR"},
    };
    const char *const *said =
        taken[below(random, sizeof(taken) / sizeof(*taken))];
    input->amount = said[0];
    input->currency = said[1];
}

static struct oracle_input make_input(struct random *random,
                                      const struct oracle *oracle) {
    static const enum oracle_kind kinds[] = {
        PLACE,     PLACE,     PLACE,     PLACE,  PLACE,   PLACE,
        AUTHORIZE, AUTHORIZE, AUTHORIZE, REFUSE, RECEIVE, COUNT,
        CANCEL,    CONFIRM,   CONFIRM,   FAIL};
    struct oracle_input input = {
        .kind = kinds[below(random, sizeof(kinds) / sizeof(*kinds))],
        .terminal = (int)below(random, 2),
        .reason = below(random, 2) == 0 ? NULL : "because",
    };
    snprintf(input.id, sizeof(input.id), "id-%" PRIu32, below(random, IDS));
    if (input.kind != PLACE && oracle->order_count > 0 &&
        below(random, 4) > 0) {
        uint32_t which = below(random, (uint32_t)oracle->order_count);
        memcpy(input.id, oracle->orders[which].id, sizeof(input.id));
    }
    if (input.kind == PLACE) {
        make_order(random, &input);
    } else if (input.kind == RECEIVE || input.kind == COUNT) {
        make_stock(random, &input);
    } else if (input.kind == AUTHORIZE) {
        make_answer(random, &input);
        if (below(random, 4) > 0) {
            make_transaction(random, &input);
        }
    } else if (input.kind == CONFIRM || input.kind == FAIL) {
        make_settling(random, oracle, &input);
        if (below(random, 3) == 0) {
            make_answer(random, &input);
        }
    }
    return input;
}

/* An order's lines in all the ways they can be written. */
static void write_order_lines(struct random *random,
                              const struct oracle_input *input,
                              struct writer *data) {
    const char *comma = "";
    for (int i = 0; i < ORACLE_SKUS; i++) {
        int left = input->wanted[i];
        while (left > 0) {
            int part = 1 + (int)below(random, (uint32_t)left);
            if (part == 1 && below(random, 2) == 0) {
                writer_printf(data, "%s\"s%d\"", comma, i);
            } else if (part == 1 && below(random, 2) == 0) {
                writer_printf(data, "%s{\"sku\":\"\\u0073%d\"}", comma, i);
            } else {
                writer_printf(data, "%s{\"quantity\":%d,\"sku\":\"s%d\"}",
                              comma, part, i);
            }
            left -= part;
            comma = ",";
        }
    }
}

static void write_order(struct random *random, const struct oracle_input *input,
                        struct writer *data) {
    writer_printf(data, "{\"customerId\":%s,\"items\":[", input->customer);
    write_order_lines(random, input, data);
    writer_printf(data, "],\"total\":\"%s\"", input->total);
    if (input->id[0] != '\0') {
        writer_printf(data, ",\"orderId\":\"%s\"", input->id);
    }
    if (input->currency != NULL) {
        writer_printf(data, ",\"currency\":\"%s\"", input->currency);
    }
    writer_str(data, ",\"paymentDetails\":{\"paymentMethod\":");
    if (input->payment == CASH) {
        writer_str(data, "\"CASH\"}}");
    } else if (input->payment == ONLINE) {
        writer_printf(data, "\"CARD\",\"paymentTransactionId\":\"%s\"}}",
                      input->transaction);
    } else if (input->payment == ASK) {
        writer_printf(data, "\"CARD\",\"terminal\":\"card-%d\"}}",
                      input->terminal);
    } else {
        writer_str(data, "\"CARD\"}}");
    }
}

static void write_stock(const struct oracle_input *input, struct writer *data) {
    const char *comma = "";
    writer_str(data, "{\"items\":[");
    for (int i = 0; i < ORACLE_SKUS; i++) {
        if (input->wanted[i] < 0) {
            continue;
        }
        writer_printf(data, "%s{\"sku\":\"s%d\",\"quantity\":%d", comma, i,
                      input->wanted[i]);
        if (input->level[i] >= 0) {
            writer_printf(data, ",\"reorderLevel\":%d", input->level[i]);
        }
        writer_u8(data, '}');
        comma = ",";
    }
    writer_str(data, "]}");
}

static void write_settling(const struct oracle_input *input,
                           struct writer *data) {
    bool named = input->refund[0] != '\0';
    writer_printf(data, "{\"%s\":\"%s\"",
                  named ? "refundId" : "paymentTransactionId",
                  named ? input->refund : input->transaction);
    if (input->kind == CONFIRM) {
        writer_str(data, ",\"how\":\"refund\"");
    }
    if (input->amount != NULL) {
        writer_printf(data, ",\"amount\":\"%s\"", input->amount);
    }
    if (input->currency != NULL) {
        writer_printf(data, ",\"currency\":\"%s\"", input->currency);
    }
    writer_u8(data, '}');
}

static void write_data(struct random *random, const struct oracle_input *input,
                       char ret[DATA_SIZE]) {
    struct writer data = writer_over(ret, DATA_SIZE - 1);
    if (input->kind == PLACE) {
        write_order(random, input, &data);
    } else if (input->kind == RECEIVE || input->kind == COUNT) {
        write_stock(input, &data);
    } else if (input->kind == CONFIRM || input->kind == FAIL) {
        write_settling(input, &data);
    } else {
        writer_printf(&data, "{\"orderId\":\"%s\"", input->id);
        if (input->kind == AUTHORIZE && input->transaction[0] != '\0') {
            writer_printf(&data, ",\"paymentTransactionId\":\"%s\"",
                          input->transaction);
        }
        if (input->kind == AUTHORIZE && input->amount != NULL) {
            writer_printf(&data, ",\"amount\":\"%s\"", input->amount);
        }
        if (input->kind == AUTHORIZE && input->currency != NULL) {
            writer_printf(&data, ",\"currency\":\"%s\"", input->currency);
        }
        if (input->kind != AUTHORIZE && input->reason != NULL) {
            writer_printf(&data, ",\"reason\":\"%s\"", input->reason);
        }
        writer_u8(&data, '}');
    }
    assert_false(data.full);
    ret[data.len] = '\0';
}

static size_t send(struct harness *harness, const struct oracle_input *input,
                   const char *data) {
    static const char *const types[] = {
        [PLACE] = "OrderPlaced",           [CANCEL] = "OrderCancelRequested",
        [AUTHORIZE] = "PaymentAuthorized", [REFUSE] = "PaymentRefused",
        [RECEIVE] = "StockReceived",       [COUNT] = "StockCounted",
        [CONFIRM] = "RefundConfirmed",     [FAIL] = "RefundFailed",
    };
    char device[16];
    snprintf(device, sizeof(device), "%s-%d",
             input->kind == AUTHORIZE || input->kind == REFUSE ||
                     input->kind == CONFIRM || input->kind == FAIL
                 ? "card"
                 : "till",
             input->terminal);
    return harness_send(harness, device, types[input->kind], data);
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(a, b);
}

/* What was published after `from`, in the oracle's form. */
static int read_lines(const struct harness *harness, size_t from,
                      char lines[ORACLE_LINES][ORACLE_LINE_SIZE]) {
    int count = 0;
    for (size_t i = from; i < harness->count; i++, count++) {
        struct event event;
        assert_true(count < ORACLE_LINES);
        harness_load(harness, i, &event);
        bool created = slice_eq_str(event.type, "OrderCreated");
        struct slice said = created ? event.subject : event.data;
        int len = snprintf(lines[count], ORACLE_LINE_SIZE, "%.*s %.*s",
                           SLICE_ARG(event.type), SLICE_ARG(said));
        assert_true(len < ORACLE_LINE_SIZE);
    }
    return count;
}

static bool same_lines(struct oracle *oracle, const struct harness *harness,
                       size_t at) {
    static char lines[ORACLE_LINES][ORACLE_LINE_SIZE];
    int count = read_lines(harness, at + 1, lines);
    qsort(lines, (size_t)count, ORACLE_LINE_SIZE, compare_lines);
    qsort(oracle->lines, (size_t)oracle->line_count, ORACLE_LINE_SIZE,
          compare_lines);
    bool same = count == oracle->line_count;
    for (int i = 0; same && i < count; i++) {
        same = strcmp(lines[i], oracle->lines[i]) == 0;
    }
#ifndef EDGE_EXPECT_MISMATCH
    for (int i = 0; !same && i < count; i++) {
        print_message("shop:   %s\n", lines[i]);
    }
    for (int i = 0; !same && i < oracle->line_count; i++) {
        print_message("oracle: %s\n", oracle->lines[i]);
    }
#endif
    return same;
}

/* Who has the money is told, if it is not the till. */
static void told_of_refund(const struct oracle *oracle,
                           const struct event *event, char ret[16]) {
    for (int i = 0; i < oracle->money_count; i++) {
        const struct oracle_money *money = &oracle->money[i];
        char name[64];
        snprintf(name, sizeof(name), "\"%s\"", money->refund);
        if (memmem(event->data.data, event->data.len, name, strlen(name)) !=
                NULL &&
            money->terminal >= 0) {
            snprintf(ret, 16, "card-%d", money->terminal);
        }
    }
}

static int64_t open_in_eur(const struct oracle *oracle) {
    int64_t sum = 0;
    for (int i = 0; i < oracle->money_count; i++) {
        const struct oracle_money *money = &oracle->money[i];
        bool open = money->state == 'o' || money->state == 'f';
        if (open && money->minor >= 0 && strcmp(money->currency, "EUR") == 0) {
            sum += money->minor;
        }
    }
    return sum;
}

static int64_t shown_in_eur(const struct shop_refunds *counts) {
    for (int i = 0; i < SHOP_REFUND_CURRENCIES; i++) {
        if (strcmp(counts->sums[i].currency, "EUR") == 0) {
            return counts->sums[i].minor;
        }
    }
    return 0;
}

/* Every amount that was ever taken is in one place. */
static bool same_money_counts(const struct oracle *oracle,
                              const struct harness *harness) {
    const struct shop_refunds *counts = shop_refunds(harness->shop);
    struct shop_refunds wanted = {.strays = oracle->strays};
    for (int i = 0; i < oracle->money_count; i++) {
        const struct oracle_money *money = &oracle->money[i];
        bool open = money->state == 'o' || money->state == 'f';
        wanted.open += open;
        wanted.failed += money->state == 'f';
        wanted.unmatched += open && money->unmatched;
        wanted.unknown += open && money->minor < 0;
    }
    return counts->open == wanted.open && counts->failed == wanted.failed &&
           counts->unmatched == wanted.unmatched &&
           counts->unknown == wanted.unknown &&
           counts->strays == wanted.strays && counts->not_kept == 0 &&
           (counts->oldest_us != 0) == (wanted.open > 0) &&
           shown_in_eur(counts) == open_in_eur(oracle);
}

/* A terminal is told of what it is to answer, and of what it no longer is. */
static bool same_terminals(const struct oracle *oracle,
                           const struct oracle_input *input,
                           const struct harness *harness, size_t at) {
    for (size_t i = at + 1; i < harness->count; i++) {
        struct event event;
        char expected[16] = "";
        harness_load(harness, i, &event);
        bool asks = slice_eq_str(event.type, "PaymentRequested");
        bool ends = slice_eq_str(event.type, "OrderCancelled");
        for (int j = 0; j < oracle->order_count; j++) {
            const struct oracle_order *order = &oracle->orders[j];
            if (slice_eq_str(event.subject, order->id) &&
                ((asks && order->asked) ||
                 (ends && order->late && input->kind == CANCEL))) {
                snprintf(expected, sizeof(expected), "card-%d",
                         order->terminal);
            }
        }
        if (slice_eq_str(event.type, "PaymentRefunded")) {
            told_of_refund(oracle, &event, expected);
        }
        if (strcmp(harness->entries[i].terminal, expected) != 0) {
            print_message("%.*s told to \"%s\", not to \"%s\"\n",
                          SLICE_ARG(event.type), harness->entries[i].terminal,
                          expected);
            return false;
        }
    }
    return true;
}

static bool same_counts(const struct oracle *oracle,
                        const struct harness *harness, uint64_t repeats) {
    struct shop_counts counts = shop_counts(harness->shop);
    uint64_t ends[128] = {0};
    uint64_t asked = 0;
    uint64_t skus = 0;
    for (int i = 0; i < oracle->order_count; i++) {
        ends[(unsigned char)oracle->orders[i].end]++;
        asked += oracle->orders[i].asked;
    }
    for (int i = 0; i < ORACLE_SKUS; i++) {
        skus += oracle->stock[i].managed;
    }
    bool again = oracle->repeat != NULL;
    return counts.placed == (uint64_t)oracle->order_count &&
           counts.open == ends['o'] && counts.fulfiled == ends['f'] &&
           counts.cancelled == ends['c'] && counts.rejected == ends['r'] &&
           counts.payments_open == asked && counts.skus == skus &&
           counts.repeated == oracle->repeated &&
           counts.conflicting == oracle->conflicting &&
           counts.answers_ignored == oracle->answers_ignored &&
           counts.cancels_ignored == oracle->cancels_ignored &&
           harness->repeats == repeats + again &&
           (!again || strcmp(harness->last_repeat.type, oracle->repeat) == 0);
}

struct episode {
    struct harness harness;
    struct oracle oracle;
    size_t starts[INPUTS + 1];   /* where each input stands, and the end */
    uint64_t hashes[INPUTS + 1]; /* the live state before it, and at the end */
};

/* False at the first input where shop and oracle differ. */
static bool run_live(struct episode *episode, struct random *random) {
    struct harness *harness = &episode->harness;
    char data[DATA_SIZE];
    char earlier_data[DATA_SIZE] = "";
    struct oracle_input earlier = {.kind = PLACE};
    for (int i = 0; i < INPUTS; i++) {
        episode->starts[i] = harness->count;
        episode->hashes[i] = shop_hash(harness->shop);
        struct oracle_input input = make_input(random, &episode->oracle);
        write_data(random, &input, data);
        if (earlier_data[0] != '\0' && below(random, 10) == 0) {
            input = earlier; /* to the letter */
            memcpy(data, earlier_data, sizeof(data));
        } else if (below(random, 3) == 0) {
            earlier = input;
            memcpy(earlier_data, data, sizeof(data));
        }
        uint64_t repeats = harness->repeats;
        size_t at = send(harness, &input, data);
        event_time_format(harness->entries[at].stamp.wall_us,
                          episode->oracle.now);
        oracle_run(&episode->oracle, &input, at);
        if (!same_lines(&episode->oracle, harness, at) ||
            !same_terminals(&episode->oracle, &input, harness, at) ||
            !same_counts(&episode->oracle, harness, repeats) ||
            !same_money_counts(&episode->oracle, harness)) {
            print_message("differs at input %d: %s\n", i, data);
            return false;
        }
    }
    episode->starts[INPUTS] = harness->count;
    episode->hashes[INPUTS] = shop_hash(harness->shop);
    return true;
}

/* Every prefix of inputs, replayed, is the state that was live. */
static void check_prefixes(const struct episode *episode) {
    const struct harness *harness = &episode->harness;
    struct shop *shop = harness_new_shop(harness);
    for (int i = 0; i <= INPUTS; i++) {
        assert_int_equal(shop_hash(shop), episode->hashes[i]);
        size_t end = i < INPUTS ? episode->starts[i + 1] : harness->count;
        for (size_t at = episode->starts[i]; at < end; at++) {
            struct event event;
            harness_load(harness, at, &event);
            assert_int_equal(
                shop_apply(shop, &event, harness->entries[at].stamp), ERR_OK);
        }
    }
    shop_free(shop);
}

static void print_order(void *context, const struct shop_order_view *order) {
    writer_printf(
        context,
        "%.*s %.*s %d %d %d %" PRId64 " %s %.*s %" PRId64 " %" PRId64 "\n",
        SLICE_ARG(order->order_id), SLICE_ARG(order->device), order->state,
        order->reserved, order->paid, order->total_minor, order->currency,
        SLICE_ARG(order->reason), order->placed_us, order->changed_us);
}

/* What the console shows of a shop, as text. */
static struct slice shown(const struct shop *shop, char *ret, size_t size) {
    struct writer text = writer_over(ret, size);
    struct shop_counts counts = shop_counts(shop);
    writer_slice_add(&text, slice_of(&counts, sizeof(counts)));
    shop_orders(shop, SHOP_ORDERS_SHOWN, print_order, &text);
    assert_false(text.full);
    return writer_slice(&text);
}

/* The shop that a snapshot of `shop` gives, in its place. A snapshot of that is
 * the same bytes again, and one cut short is refused. */
static struct shop *through_snapshot(const struct harness *harness,
                                     struct shop *shop) {
    static uint8_t saved[2][1024 * 1024];
    static char texts[2][64 * 1024];
    struct writer first = writer_over(saved[0], sizeof(saved[0]));
    shop_save(shop, &first);
    assert_false(first.full);
    struct slice bytes = writer_slice(&first);
    struct shop *loaded = harness_new_shop(harness);
    assert_int_equal(shop_load(loaded, bytes), ERR_OK);
    struct slice before = shown(shop, texts[0], sizeof(texts[0]));
    struct slice after = shown(loaded, texts[1], sizeof(texts[1]));
    assert_true(slice_eq(before, after));
    struct writer second = writer_over(saved[1], sizeof(saved[1]));
    shop_save(loaded, &second);
    assert_true(slice_eq(bytes, writer_slice(&second)));
    shop_free(shop);

    struct shop *refused = harness_new_shop(harness);
    assert_int_equal(shop_load(refused, slice_part(bytes, 0, bytes.len - 9)),
                     ERR_CORRUPT);
    shop_free(refused);
    return loaded;
}

/* Stops after `cut` inputs, replays them, and goes on: the same bytes; also
 * from a snapshot of what was replayed. */
static void check_going_on(const struct episode *episode, uint32_t cut,
                           bool from_snapshot) {
    const struct harness *first = &episode->harness;
    struct harness second = {.currency = first->currency};
    second.shop = harness_new_shop(&second);
    for (size_t at = 0; at < episode->starts[cut]; at++) {
        harness_adopt(&second, first, at);
    }
    if (from_snapshot) {
        second.shop = through_snapshot(&second, second.shop);
        assert_int_equal(shop_hash(second.shop), episode->hashes[cut]);
    }
    for (uint32_t i = cut; i < INPUTS; i++) {
        size_t at = episode->starts[i];
        struct event event;
        harness_load(first, at, &event);
        assert_int_equal(
            harness_send_event(&second, first->entries[at].device, &event), at);
    }
    assert_int_equal(second.count, first->count);
    for (size_t at = 0; at < first->count; at++) {
        const struct harness_entry *a = &first->entries[at];
        const struct harness_entry *b = &second.entries[at];
        assert_int_equal(a->len, b->len);
        assert_memory_equal(a->data, b->data, a->len);
        assert_string_equal(a->device, b->device);
        assert_string_equal(a->terminal, b->terminal);
        assert_int_equal(a->stamp.wall_us, b->stamp.wall_us);
    }
    assert_int_equal(shop_hash(second.shop), episode->hashes[INPUTS]);
    harness_close(&second);
}

/* A run of inputs is gone. */
struct loss {
    uint32_t first;
    uint32_t end;
};

/* Replays what is left. The first thing that does not fit is refused, if nobody
 * says that anything is missing; with that said, all is taken. Returns how many
 * events were passed over. */
static uint64_t replay_around(const struct episode *episode,
                              const struct loss *loss, bool told) {
    const struct harness *harness = &episode->harness;
    struct shop *shop = harness_new_shop(harness);
    err_t err = ERR_OK;
    for (size_t at = 0; err == ERR_OK && at < harness->count; at++) {
        if (at == episode->starts[loss->first]) {
            at = episode->starts[loss->end];
            if (told) {
                shop_pass_gap(shop);
            }
            if (at == harness->count) {
                break;
            }
        }
        struct event event;
        harness_load(harness, at, &event);
        err = shop_apply(shop, &event, harness->entries[at].stamp);
    }
    uint64_t unfitting = shop_counts(shop).unfitting;
    shop_free(shop);
    if (told) {
        assert_int_equal(err, ERR_OK);
    } else {
        assert_int_equal(err, unfitting > 0 ? ERR_CORRUPT : ERR_OK);
    }
    return unfitting;
}

/* Goes on live behind the loss with what devices sent then; what is journaled
 * so gives the live state when it is replayed. */
static void check_live_after(const struct episode *episode,
                             const struct loss *loss) {
    const struct harness *first = &episode->harness;
    struct harness second = {.currency = first->currency};
    second.shop = harness_new_shop(&second);
    for (size_t at = 0; at < episode->starts[loss->first]; at++) {
        harness_adopt(&second, first, at);
    }
    size_t gap = second.count;
    shop_pass_gap(second.shop);
    for (uint32_t i = loss->end; i < INPUTS; i++) {
        struct event event;
        size_t at = episode->starts[i];
        if (i % 48 == 0) { /* what a loss leaves behind can be saved, too */
            second.shop = through_snapshot(&second, second.shop);
        }
        harness_load(first, at, &event);
        harness_send_event(&second, first->entries[at].device, &event);
    }
    struct shop *shop = harness_new_shop(&second);
    for (size_t at = 0; at < second.count; at++) {
        struct event event;
        if (at == gap) {
            shop_pass_gap(shop);
        }
        harness_load(&second, at, &event);
        assert_int_equal(shop_apply(shop, &event, second.entries[at].stamp),
                         ERR_OK);
    }
    assert_int_equal(shop_hash(shop), shop_hash(second.shop));
    assert_int_equal(shop_counts(shop).unfitting,
                     shop_counts(second.shop).unfitting);
    shop_free(shop);
    harness_close(&second);
}

static uint64_t check_loss(const struct episode *episode,
                           struct random *random) {
    struct loss loss = {.first = below(random, INPUTS)};
    loss.end = loss.first + 1 + below(random, 10);
    loss.end = loss.end < INPUTS ? loss.end : INPUTS;
    uint64_t unfitting = replay_around(episode, &loss, true);
    assert_int_equal(replay_around(episode, &loss, false) > 0, unfitting > 0);
    check_live_after(episode, &loss);
    return unfitting;
}

/* Returns whether shop and oracle agree. */
static bool run_episode(uint64_t seed, uint64_t *unfitting) {
    static struct episode episode;
    memset(&episode, 0, sizeof(episode));
    struct random random = {.state = seed};
    harness_open(&episode.harness, NULL);
    bool same = run_live(&episode, &random);
    if (same) {
        check_prefixes(&episode);
        check_going_on(&episode, below(&random, INPUTS + 1), false);
        check_going_on(&episode, below(&random, INPUTS + 1), true);
        *unfitting += check_loss(&episode, &random);
    }
    harness_close(&episode.harness);
    return same;
}

static uint64_t from_environment(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static void shop_and_oracle_agree(void **state) {
    (void)state;
    uint64_t first = from_environment("EDGE_SEED", 20261123);
    uint64_t episodes = from_environment("EDGE_EPISODES", EPISODES);
    uint32_t mismatches = 0;
    uint64_t unfitting = 0; /* of all episodes */
    for (uint64_t i = 0; i < episodes && mismatches == 0; i++) {
        uint64_t seed = first + i * 1000003u;
        if (!run_episode(seed, &unfitting)) {
            print_message("EDGE_SEED=%" PRIu64 "\n", seed);
            mismatches++;
        }
    }
#ifdef EDGE_EXPECT_MISMATCH
    assert_int_equal(mismatches, 1);
#else
    assert_int_equal(mismatches, 0);
    assert_true(unfitting > 0); /* or no loss mattered */
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shop_and_oracle_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
