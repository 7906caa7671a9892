/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: stock is conserved. Whatever is delivered, sold, cancelled, adjusted
 * and counted, in whatever order, with counts of moments that are past and skus
 * typed in every way, what the shop says is available of a sku is its last
 * count + what was received + adjusted - sold since the moment of that count -
 * what open orders hold; a cancelled order holds nothing. What the model would
 * refuse is refused, and nothing else.
 *
 * The model keeps all movements there ever were in a list, and adds them up
 * from the start each time. An episode prints its seed if it fails; EDGE_SEED
 * begins with another one, EDGE_EPISODES runs more of them, or fewer. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/event/json.h"
#include "tests/unit/shop/harness.h"

enum {
    EPISODES = 200 / TEST_SHARE,
    INPUTS = 200,
    SKUS = 4,
    SPELLINGS = 4,
    MOVES = INPUTS * SKUS,
    NEVER = -1,
};

/* The first is the form that the shop keeps. */
static const char *const skus[SKUS][SPELLINGS] = {
    {"tea", " tea", "tea ", "\\u0074ea\\u00a0"},
    {"caf\xc3\xa9", "cafe\xcc\x81", "caf\\u00e9 ", "\\ufeffcafe\\u0301"},
    {"4006381333931", "4006381333931 ", "  4006381333931",
     "\\u0034006381333931"},
    {"\xc3\x85", "\xe2\x84\xab", "A\xcc\x8a", "\\u212b "},
};

struct move {
    int sku;
    int64_t wall_us;
    int64_t change; /* of what is on hand, in thousandths */
};

struct model_order {
    char id[16];
    bool open;
    bool managed[SKUS];
    int64_t wanted[SKUS];
};

struct model {
    struct shop_settings settings;
    struct move moves[MOVES];
    int move_count;
    struct {
        bool managed;
        int64_t counted;    /* by the newest count, or 0 */
        int64_t counted_us; /* its moment, or NEVER */
    } stock[SKUS];
    struct model_order orders[INPUTS];
    int order_count;
};

struct random {
    uint64_t state;
};

static uint32_t below(struct random *random, uint32_t limit) {
    random->state += 0x9e3779b97f4a7c15u;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % limit);
}

static int64_t on_hand(const struct model *model, int sku) {
    int64_t sum = model->stock[sku].counted;
    for (int i = 0; i < model->move_count; i++) {
        const struct move *move = &model->moves[i];
        sum += move->sku == sku && move->wall_us > model->stock[sku].counted_us
                   ? move->change
                   : 0;
    }
    return sum;
}

static int64_t held(const struct model *model, int sku) {
    int64_t sum = 0;
    for (int i = 0; i < model->order_count; i++) {
        const struct model_order *order = &model->orders[i];
        sum += order->open && order->managed[sku] ? order->wanted[sku] : 0;
    }
    return sum;
}

static int64_t available(const struct model *model, int sku) {
    return on_hand(model, sku) - held(model, sku);
}

static void move(struct model *model, int sku, int64_t wall_us,
                 int64_t change) {
    assert_true(model->move_count < MOVES);
    model->moves[model->move_count++] = (struct move){sku, wall_us, change};
}

/* A quantity in one of the ways to write it. */
static void write_quantity(struct random *random, struct writer *data,
                           int64_t quantity) {
    int64_t value = llabs(quantity);
    writer_str(data, quantity < 0 ? "-" : "");
    if (value % 1000 == 0 && below(random, 2) == 0) {
        writer_printf(data, "%" PRId64, value / 1000);
    } else if (value < 1000 && below(random, 3) == 0) {
        writer_printf(data, "%" PRId64 "e-3", value);
    } else {
        writer_printf(data, "%" PRId64 ".%03" PRId64, value / 1000,
                      value % 1000);
    }
}

static void write_line(struct random *random, struct writer *data, bool first,
                       int sku, int64_t quantity) {
    writer_printf(data, "%s{\"sku\":\"%s\",\"quantity\":", first ? "" : ",",
                  skus[sku][below(random, SPELLINGS)]);
    write_quantity(random, data, quantity);
    writer_u8(data, '}');
}

static int64_t some(struct random *random) {
    return below(random, 3) > 0 ? 1000 * (1 + below(random, 5))
                                : 1 + below(random, 3000);
}

struct episode {
    struct harness harness;
    struct model model;
    struct random random;
    char data[2048];
    struct writer writer;
    uint64_t checked; /* levels that were compared */
    uint64_t refused;
};

static void begin(struct episode *episode) {
    episode->writer = writer_over(episode->data, sizeof(episode->data) - 1);
}

static const char *end(struct episode *episode) {
    assert_false(episode->writer.full);
    episode->data[episode->writer.len] = '\0';
    return episode->data;
}

static int64_t now_us(const struct harness *harness) {
    return (int64_t)1780000000 * 1000000 + (int64_t)harness->inputs * 1000;
}

/* The number of a member of a line, in thousandths; all that is written is
 * short. */
static int64_t thousandths(struct slice line, const char *name) {
    struct slice value;
    assert_int_equal(json_get(line, name, &value), ERR_OK);
    bool negative = value.data[0] == '-';
    int64_t number = 0;
    int decimals = NEVER;
    for (size_t i = negative ? 1 : 0; i < value.len; i++) {
        if (value.data[i] == '.') {
            decimals = 0;
            continue;
        }
        number = number * 10 + (value.data[i] - '0');
        decimals += decimals >= 0;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < 3; i++) {
        number *= 10;
    }
    return negative ? -number : number;
}

static int sku_of(struct slice line) {
    struct slice value;
    assert_int_equal(json_get(line, "sku", &value), ERR_OK);
    for (int i = 0; i < SKUS; i++) {
        char quoted[64];
        snprintf(quoted, sizeof(quoted), "\"%s\"", skus[i][0]);
        if (slice_eq_str(value, quoted)) {
            return i;
        }
    }
    fail_msg("not in its form: %.*s", SLICE_ARG(value));
    return NEVER;
}

/* Every level that the shop says must be the model's. */
static bool levels_are_right(struct episode *episode, const char *data,
                             const char *list) {
    struct slice lines;
    struct slice line;
    size_t at = 0;
    assert_int_equal(json_get(slice_from_str(data), list, &lines), ERR_OK);
    while (json_element(lines, &at, &line) == ERR_OK) {
        int sku = sku_of(line);
        int64_t said = thousandths(line, "available");
        int64_t right = available(&episode->model, sku);
        episode->checked++;
        if (said != right) {
            print_message("%s: %" PRId64 " available, not %" PRId64 "\n",
                          skus[sku][0], right, said);
            return false;
        }
    }
    return true;
}

/* --- Orders --------------------------------------------------------------- */

static bool is_missing(const struct model *model, int sku, int64_t wanted) {
    if (wanted == 0) {
        return false;
    }
    return model->stock[sku].managed ? available(model, sku) < wanted &&
                                           !model->settings.flag_oversell
                                     : model->settings.reject_unknown;
}

static void sell(struct episode *episode, struct model_order *order) {
    order->open = false;
    for (int i = 0; i < SKUS; i++) {
        if (order->managed[i] && order->wanted[i] > 0) {
            move(&episode->model, i,
                 now_us(&episode->harness) - 1000 /* of the run that ended */,
                 -order->wanted[i]);
        }
    }
}

static bool place(struct episode *episode) {
    struct model *model = &episode->model;
    struct random *random = &episode->random;
    struct model_order *order = &model->orders[model->order_count++];
    bool ask = below(random, 2) == 0;
    bool missing = false;
    *order = (struct model_order){.open = true};
    snprintf(order->id, sizeof(order->id), "o%d", model->order_count);
    begin(episode);
    writer_printf(&episode->writer, "{\"orderId\":\"%s\",\"items\":[",
                  order->id);
    uint32_t lines = 1 + below(random, 5);
    for (uint32_t i = 0; i < lines; i++) {
        int sku = (int)below(random, SKUS);
        int64_t quantity = some(random);
        write_line(random, &episode->writer, i == 0, sku, quantity);
        order->wanted[sku] += quantity;
    }
    writer_str(&episode->writer,
               ask ? "],\"customerId\":1,\"total\":\"1\",\"paymentDetails\":{"
                     "\"paymentMethod\":\"CARD\",\"terminal\":\"card-1\"}}"
                   : "],\"customerId\":1,\"total\":\"1\",\"paymentDetails\":{"
                     "\"paymentMethod\":\"CASH\"}}");
    for (int i = 0; i < SKUS; i++) {
        missing |= is_missing(model, i, order->wanted[i]);
    }
    size_t at =
        harness_send(&episode->harness, "till-1", "OrderPlaced", end(episode));
    const char *types = harness_types(&episode->harness, at);
    bool rejected = strstr(types, "InventoryRejected") != NULL;
    if (rejected != missing) {
        print_message("%s, %s\n", types, missing ? "missing" : "there");
        return false;
    }
    if (rejected) {
        order->open = false;
        return levels_are_right(
            episode, harness_data(&episode->harness, at, "InventoryRejected"),
            "missing");
    }
    for (int i = 0; i < SKUS; i++) {
        order->managed[i] = model->stock[i].managed;
    }
    bool right =
        strstr(types, "InventoryShort") == NULL ||
        levels_are_right(episode,
                         harness_data(&episode->harness, at, "InventoryShort"),
                         "items");
    if (!ask) {
        sell(episode, order);
    }
    return right;
}

/* A terminal's answer, or a cancellation, of an order that may have ended. */
static bool answer(struct episode *episode) {
    static const char *const types[] = {"PaymentAuthorized", "PaymentRefused",
                                        "OrderCancelRequested"};
    struct model *model = &episode->model;
    if (model->order_count == 0) {
        return true;
    }
    uint32_t which = below(&episode->random, (uint32_t)model->order_count);
    uint32_t type = below(&episode->random, 3);
    struct model_order *order = &model->orders[which];
    begin(episode);
    writer_printf(&episode->writer, "{\"orderId\":\"%s\"", order->id);
    if (type == 0) { /* each order is paid by a transaction of its own */
        writer_printf(&episode->writer, ",\"paymentTransactionId\":\"t-%s\"",
                      order->id);
    }
    writer_u8(&episode->writer, '}');
    harness_send(&episode->harness, type == 2 ? "till-1" : "card-1",
                 types[type], end(episode));
    if (order->open && type == 0) {
        sell(episode, order);
    }
    order->open = false;
    return true;
}

/* --- Stock ---------------------------------------------------------------- */

static bool send_stock(struct episode *episode, const char *type,
                       bool refused) {
    struct harness *harness = &episode->harness;
    const char *why = harness_refusal(harness, "scanner-1", type, end(episode));
    if ((why[0] != '\0') != refused) {
        print_message("%s %s: %s\n", type, episode->data,
                      refused ? "taken" : why);
        return false;
    }
    episode->refused += refused;
    return true;
}

static bool say_stock(struct episode *episode, const char *type) {
    size_t at =
        harness_send(&episode->harness, "scanner-1", type, episode->data);
    return levels_are_right(
        episode, harness_data(&episode->harness, at, "StockChanged"), "items");
}

/* A delivery or an adjustment of some skus, each once. */
static bool add(struct episode *episode, bool adjust) {
    struct model *model = &episode->model;
    struct model before = *model;
    bool refused = false;
    bool first = true;
    int64_t wall_us = now_us(&episode->harness);
    begin(episode);
    writer_printf(&episode->writer, "{%s\"items\":[",
                  adjust ? "\"reason\":\"broken\"," : "");
    int only = (int)below(&episode->random, SKUS);
    for (int i = 0; i < SKUS; i++) {
        if (i != only && below(&episode->random, 3) > 0) {
            continue;
        }
        int64_t change = some(&episode->random);
        change = adjust && below(&episode->random, 2) == 0 ? -change : change;
        write_line(&episode->random, &episode->writer, first, i, change);
        first = false;
        refused |= adjust && !model->stock[i].managed;
        model->stock[i].managed = true;
        move(model, i, wall_us, change);
    }
    writer_str(&episode->writer, "]}");
    const char *type = adjust ? "StockAdjusted" : "StockReceived";
    if (!send_stock(episode, type, refused)) {
        return false;
    }
    if (refused) {
        *model = before;
        return true;
    }
    return say_stock(episode, type);
}

/* A count of one moment, now or some inputs ago. */
static bool count(struct episode *episode) {
    struct model *model = &episode->model;
    struct model before = *model;
    bool refused = false;
    int64_t wall_us = now_us(&episode->harness);
    bool past = below(&episode->random, 2) == 0;
    if (past) {
        wall_us -= 500 * below(&episode->random, 40);
    }
    char time[EVENT_TIME_SIZE];
    event_time_format(wall_us, time);
    begin(episode);
    writer_u8(&episode->writer, '{');
    if (past) {
        writer_printf(&episode->writer, "\"time\":\"%s\",", time);
    }
    writer_str(&episode->writer, "\"items\":[");
    int only = (int)below(&episode->random, SKUS);
    bool first = true;
    for (int i = 0; i < SKUS; i++) {
        if (i != only && below(&episode->random, 3) > 0) {
            continue;
        }
        int64_t found = below(&episode->random, 12000);
        write_line(&episode->random, &episode->writer, first, i, found);
        first = false;
        refused |= wall_us < model->stock[i].counted_us;
        model->stock[i].managed = true;
        model->stock[i].counted = found;
        model->stock[i].counted_us = wall_us;
    }
    writer_str(&episode->writer, "]}");
    if (!send_stock(episode, "StockCounted", refused)) {
        return false;
    }
    if (refused) {
        *model = before;
        return true;
    }
    return say_stock(episode, "StockCounted");
}

/* --- Episodes ------------------------------------------------------------- */

static bool step(struct episode *episode) {
    switch (below(&episode->random, 8)) {
    case 0:
        return add(episode, false);
    case 1:
        return add(episode, true);
    case 2:
        return count(episode);
    case 3:
    case 4:
        return answer(episode);
    default:
        return place(episode);
    }
}

/* The shop that its own snapshot gives goes on in its place. */
static void through_snapshot(struct harness *harness) {
    static uint8_t bytes[1024 * 1024];
    struct writer saved = writer_over(bytes, sizeof(bytes));
    shop_save(harness->shop, &saved);
    assert_false(saved.full);
    struct shop *loaded = harness_new_shop(harness);
    assert_int_equal(shop_load(loaded, writer_slice(&saved)), ERR_OK);
    assert_true(shop_hash(loaded) == shop_hash(harness->shop));
    shop_free(harness->shop);
    harness->shop = loaded;
}

static bool run(uint64_t seed, uint64_t *checked, uint64_t *refused) {
    static struct episode episode;
    memset(&episode, 0, sizeof(episode));
    episode.random.state = seed;
    episode.model.settings = (struct shop_settings){
        .reject_unknown = below(&episode.random, 2) == 0,
        .flag_oversell = below(&episode.random, 2) == 0,
    };
    for (int i = 0; i < SKUS; i++) {
        episode.model.stock[i].counted_us = NEVER;
    }
    harness_open_with(&episode.harness, episode.model.settings);
    bool right = true;
    for (int i = 0; right && i < INPUTS; i++) {
        right = step(&episode);
        if (below(&episode.random, 50) == 0) {
            through_snapshot(&episode.harness);
        }
    }
    if (right) {
        harness_check_replay(&episode.harness);
    }
    harness_close(&episode.harness);
    *checked += episode.checked;
    *refused += episode.refused;
    return right;
}

static uint64_t number_of(const char *name, uint64_t fallback) {
    const char *text = getenv(name);
    return text == NULL ? fallback : strtoull(text, NULL, 0);
}

static void stock_is_conserved(void **state) {
    (void)state;
    uint64_t seed = number_of("EDGE_SEED", 1);
    uint64_t episodes = number_of("EDGE_EPISODES", EPISODES);
    uint64_t checked = 0;
    uint64_t refused = 0;
    for (uint64_t i = 0; i < episodes; i++) {
        if (!run(seed + i, &checked, &refused)) {
            fail_msg("EDGE_SEED=%" PRIu64 " EDGE_EPISODES=1", seed + i);
        }
    }
    print_message("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64
                  " levels compared, %" PRIu64 " inputs refused\n",
                  seed, seed + episodes - 1, checked, refused);
    assert_true(checked > 0);
    assert_true(refused > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stock_is_conserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
