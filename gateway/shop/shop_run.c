/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: passes every event to every service. What they publish goes to the
 * journal and then, in the same order, to every service again. */
#include "gateway/shop/shop_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/event/event_source.h"
#include "gateway/shop/fulfilment.h"
#include "gateway/shop/inventory.h"
#include "gateway/shop/money.h"
#include "gateway/shop/order.h"
#include "gateway/shop/payment.h"

/* In the order in which they react to an event, which is the order in which
 * their reactions are journaled. */
static const struct service *const services[SHOP_SERVICE_COUNT] = {
    [SHOP_ORDER] = &order_service,
    [SHOP_INVENTORY] = &inventory_service,
    [SHOP_PAYMENT] = &payment_service,
    [SHOP_FULFILMENT] = &fulfilment_service,
};

enum {
    STORE_MAX = EVENT_TEXT_MAX / 2, /* bytes; it is a part of sources */
    /* An input's data as JSON, its copy in OrderCreated, the other outputs, and
     * their attributes. */
    ARENA_SIZE = 2 * (EVENT_BYTES_MAX + SHOP_CBOR_GROWTH_MAX) +
                 SHOP_OUTPUT_BYTES_MAX + SHOP_CBOR_ROOM,
};

static err_t open_services(struct shop *shop, const char *currency,
                           struct shop_settings settings) {
    struct service_options options = {.currency = currency,
                                      .rules = shop->rules.version,
                                      .settings = settings};
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        shop->services[i] = services[i]->open(&options);
        ENSURE(shop->services[i] != NULL, ERR_MEMORY);
    }
    return ERR_OK;
}

static void set_rules(struct shop *shop, uint32_t rules, const char *currency) {
    assert(rules <= SHOP_RULES_NEWEST);
    shop->wanted.version = SHOP_RULES_NEWEST;
    memcpy(shop->wanted.currency, currency, MONEY_CURRENCY_LEN);
    shop->rules = (struct ruleset){.version = SHOP_RULES_FIRST};
    if (rules > SHOP_RULES_FIRST) {
        shop->rules = shop->wanted;
        shop->rules.version = rules;
    }
    shop->context.rules = shop->rules.version;
}

static void write_hex(const uint8_t *id, char ret[SHOP_JOURNAL_HEX + 1]) {
    struct writer hex = writer_over(ret, SHOP_JOURNAL_HEX + 1);
    for (size_t i = 0; i < SHOP_JOURNAL_HEX / 2; i++) {
        writer_printf(&hex, "%02x", id[i]);
    }
}

static err_t set_up(struct shop *shop, const struct shop_options *options,
                    const char *currency) {
    shop->memory = malloc(ARENA_SIZE);
    shop->store = malloc(options->store.len);
    ENSURE(shop->memory != NULL && shop->store != NULL, ERR_MEMORY);
    memcpy(shop->store, options->store.data, options->store.len);
    shop->arena = arena_over(shop->memory, ARENA_SIZE);
    shop->context.store = slice_of(shop->store, options->store.len);
    write_hex(options->journal_id, shop->context.journal_hex);
    shop->has_life = options->life != NULL;
    if (shop->has_life) {
        shop->life = event_life_of(options->life);
        write_hex(options->life, shop->context.life_hex);
    }
    set_rules(shop, options->rules, currency);
    return open_services(shop, currency, options->settings);
}

err_t shop_new(const struct shop_options *options, struct shop **ret) {
    assert(options->store.len > 0 && options->store.len <= STORE_MAX);
    const char *currency =
        options->currency != NULL ? options->currency : "EUR";
    uint32_t decimals;
    ENSURE(money_decimals(slice_from_str(currency), &decimals) == ERR_OK,
           ERR_RANGE);
    struct shop *shop = calloc(1, sizeof(*shop));
    ENSURE(shop != NULL, ERR_MEMORY);
    err_t err = set_up(shop, options, currency);
    if (err != ERR_OK) {
        shop_free(shop);
        return err;
    }
    *ret = shop;
    return ERR_OK;
}

void shop_free(struct shop *shop) {
    if (shop == NULL) {
        return;
    }
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        services[i]->close(shop->services[i]);
    }
    view_free(&shop->view);
    free(shop->store);
    free(shop->memory);
    free(shop);
}

/* Which services the event at hand fits. Where events are missing, each service
 * decides for itself whether to skip it: what one service has lost must not
 * keep another from refunding money or releasing stock. */
struct fit {
    bool admitted[SHOP_SERVICE_COUNT];
    bool all;
};

static struct fit fit_of(struct shop *shop) {
    struct fit fit = {.all = true};
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        fit.admitted[i] = services[i]->admits(shop->services[i], &shop->event);
        fit.all = fit.all && fit.admitted[i];
    }
    shop->unfitting += fit.all ? 0 : 1;
    return fit;
}

void shop_pass_gap(struct shop *shop) {
    shop->gap = true;
}

static err_t apply_fitting(struct shop *shop, const struct fit *fit) {
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        if (fit->admitted[i]) {
            TRY(services[i]->apply(shop->services[i], &shop->event));
        }
    }
    if (shop->event.type == EVENT_TYPE_CONFIG_CHANGED) {
        ruleset_take(&shop->rules, &shop->event);
        shop->context.rules = shop->rules.version;
    }
    return view_apply(&shop->view, &shop->event);
}

static err_t react_fitting(struct shop *shop, const struct fit *fit,
                           struct reaction *reaction) {
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        if (fit->admitted[i]) {
            TRY(services[i]->react(shop->services[i], &shop->event, reaction));
        }
    }
    return ERR_OK;
}

/* Copies a text into the arena. */
static err_t keep(struct shop *shop, const struct writer *text,
                  struct slice *ret) {
    assert(!text->full);
    return arena_copy(&shop->arena, writer_slice(text), ret);
}

static err_t write_id(struct shop *shop, uint64_t cause_seq, uint32_t number,
                      struct slice *ret) {
    char text[64];
    struct writer writer = writer_over(text, sizeof(text));
    event_life_write(&writer, shop->life);
    writer_printf(&writer, "-%" PRIu64 "-%" PRIu32, cause_seq, number);
    return keep(shop, &writer, ret);
}

static err_t write_source(struct shop *shop, enum event_type type,
                          struct slice *ret) {
    const char *service = event_publisher_name(event_type_publisher(type));
    assert(service != NULL); /* a device's events are never made here */
    char text[EVENT_TEXT_MAX];
    struct writer writer = writer_over(text, sizeof(text));
    event_source_write(&writer, shop->context.store, slice_from_str(service));
    return keep(shop, &writer, ret);
}

static err_t write_time(struct shop *shop, int64_t wall_us, struct slice *ret) {
    char text[EVENT_TIME_SIZE];
    event_time_format(wall_us, text);
    return arena_copy(&shop->arena, slice_from_str(text), ret);
}

/* `number` counts the outputs of one cause from 1. */
static err_t make_event(struct shop *shop, const struct reaction_output *output,
                        const struct event *cause, struct shop_stamp stamp,
                        uint32_t number, struct event *ret) {
    struct event event = {
        .type = slice_from_str(event_type_name(output->type)),
        .subject = output->subject,
        .datacontenttype = SLICE("application/json"),
        .data_kind = EVENT_DATA_JSON,
        .data = output->data,
        .extension_count = 1,
        .extensions = {{
            .name = SLICE("causationid"),
            .kind = EVENT_VALUE_TEXT,
            .text = cause->id,
        }},
    };
    TRY(write_id(shop, stamp.seq, number, &event.id));
    TRY(write_source(shop, output->type, &event.source));
    TRY(write_time(shop, stamp.wall_us, &event.time));
    *ret = event;
    return ERR_OK;
}

static struct slice device_for(const struct shop *shop,
                               const struct reaction_output *output) {
    return event_type_audience(output->type) & EVENT_AUDIENCE_PLACER
               ? view_device(&shop->view, output->subject)
               : SLICE_EMPTY;
}

static err_t publish(struct shop *shop, const struct reaction *reaction,
                     const struct event *cause, struct shop_stamp stamp,
                     const struct shop_bus *bus) {
    for (uint32_t i = 0; i < reaction->count; i++) {
        const struct reaction_output *output = &reaction->outputs[i];
        assert(shop->queue_count < SHOP_OUTPUTS_MAX);
        struct published *next = &shop->queue[shop->queue_count];
        next->type = output->type;
        next->told = output->told;
        TRY(make_event(shop, output, cause, stamp, i + 1, &next->event));
        TRY(bus->publish(bus->self, &next->event, device_for(shop, output),
                         &next->stamp));
        shop->queue_count++;
    }
    return ERR_OK;
}

static void tell_again(const struct kept *kept, struct slice device,
                       const struct shop_bus *bus) {
    struct event event;
    kept_event(kept, &event);
    assert(event.extension_count < EVENT_EXTENSIONS_MAX);
    event.extensions[event.extension_count++] = (struct event_extension){
        .name = SLICE("repeated"),
        .kind = EVENT_VALUE_BOOLEAN,
        .integer = 1,
    };
    bus->tell(bus->self, &event, kept->stamp, device);
}

/* Processes the event that was read last. */
static err_t step(struct shop *shop, const struct event *event,
                  struct shop_stamp stamp, struct slice device,
                  const struct shop_bus *bus) {
    struct reaction reaction = {.arena = &shop->arena};
    struct fit fit = fit_of(shop);
    /* The shop's own outputs always fit, if nothing is missing. */
    assert(fit.all || shop->gap);
    TRY(react_fitting(shop, &fit, &reaction));
    TRY(apply_fitting(shop, &fit));
    if (reaction.repeat != NULL) {
        tell_again(reaction.repeat, device, bus);
    }
    return publish(shop, &reaction, event, stamp, bus);
}

/* Who has money that is owed is told of it, and by the till's notice if it is
 * the till. */
static void tell_holder(const struct shop *shop, const struct published *said,
                        const struct shop_bus *bus) {
    if (said->told.len > 0 &&
        !slice_eq(said->told, view_device(&shop->view, said->event.subject))) {
        bus->tell(bus->self, &said->event, said->stamp, said->told);
    }
}

/* Is the terminal to be told of this event of a run that has ended? `asked`:
 * in this run, so the terminal knows nothing of it yet. */
static bool terminal_is_due(enum event_type type, uint32_t state, bool asked) {
    assert(event_type_audience(type) & EVENT_AUDIENCE_TERMINAL);
    return type == EVENT_TYPE_PAYMENT_REQUESTED
               ? state == PAYMENT_REQUESTED
               : state == PAYMENT_VOID && !asked;
}

/* Terminals are told only when the run has ended: a payment request may be void
 * by then, and a terminal that is not asked charges nobody. */
static void tell_terminal(const struct shop *shop, struct slice order_id,
                          const struct shop_bus *bus) {
    const void *payment = shop->services[SHOP_PAYMENT];
    uint32_t state = services[SHOP_PAYMENT]->state(payment, order_id);
    bool asked = false;
    for (uint32_t i = 0; i < shop->queue_count; i++) {
        const struct published *said = &shop->queue[i];
        asked |= said->type == EVENT_TYPE_PAYMENT_REQUESTED;
        if (said->type == EVENT_TYPE_PAYMENT_REFUNDED) {
            tell_holder(shop, said, bus);
        } else if (event_type_audience(said->type) & EVENT_AUDIENCE_TERMINAL &&
                   terminal_is_due(said->type, state, asked)) {
            bus->tell(bus->self, &said->event, said->stamp,
                      payment_terminal(payment, order_id));
        }
    }
}

/* Between two inputs all services agree on an order's state. */
static void assert_settled(const struct shop *shop, struct slice order_id) {
    uint32_t state[SHOP_SERVICE_COUNT];
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        state[i] = services[i]->state(shop->services[i], order_id);
    }
    assert(state[SHOP_ORDER] != ORDER_PLACED);
    assert(state[SHOP_ORDER] != ORDER_CANCELLING);
    bool sold = state[SHOP_ORDER] == ORDER_FULFILED;
    assert(sold == (state[SHOP_INVENTORY] == INVENTORY_SOLD));
    assert(sold == (state[SHOP_PAYMENT] == PAYMENT_TAKEN));
    assert(sold == (state[SHOP_FULFILMENT] == FULFILMENT_DONE));
    bool open = state[SHOP_ORDER] == ORDER_OPEN;
    assert(open == (state[SHOP_INVENTORY] == INVENTORY_RESERVED));
    assert(open == (state[SHOP_PAYMENT] == PAYMENT_REQUESTED));
}

/* Runs an event that the shop reads, and what follows from it. */
static err_t run(struct shop *shop, enum event_type type,
                 const struct event *input, struct slice device,
                 struct shop_stamp stamp, const struct shop_bus *bus) {
    assert(shop->has_life);
    arena_reset(&shop->arena);
    shop->queue_count = 0;
    TRY(shop_event_read(input, type, stamp, &shop->context, &shop->arena,
                        &shop->event));
    struct slice order_id;
    TRY(arena_copy(&shop->arena, shop->event.order_id, &order_id));
    TRY(step(shop, input, stamp, device, bus));
    for (uint32_t i = 0; i < shop->queue_count; i++) {
        const struct published *next = &shop->queue[i];
        TRY(shop_event_read(&next->event, next->type, next->stamp,
                            &shop->context, &shop->arena, &shop->event));
        TRY(step(shop, &next->event, next->stamp, device, bus));
    }
    if (!shop->gap) {
        assert_settled(shop, order_id);
    }
    tell_terminal(shop, order_id, bus);
    return ERR_OK;
}

err_t shop_run(struct shop *shop, const struct event *input,
               struct slice device, struct shop_stamp stamp,
               const struct shop_bus *bus) {
    enum event_type type;
    assert(shop_is_current(shop));
    ENSURE(event_type_find(input->type, &type) == ERR_OK, ERR_REFUSED);
    ENSURE(event_type_is_sendable(type), ERR_REFUSED);
    struct slice name;
    ENSURE(event_source_parse(input->source, shop->context.store, &name) ==
                   ERR_OK &&
               slice_eq(name, device),
           ERR_REFUSED);
    if (!shop_event_is_read(type)) {
        return ERR_OK; /* no service listens to this type */
    }
    return run(shop, type, input, device, stamp, bus);
}

err_t shop_run_own(struct shop *shop, const struct event *event,
                   struct shop_stamp stamp, const struct shop_bus *bus) {
    enum event_type type;
    err_t err = event_type_find(event->type, &type);
    assert(err == ERR_OK && shop_event_is_read(type) &&
           event_type_publisher(type) == EVENT_PUBLISHER_GATEWAY);
    return run(shop, type, event, SLICE_EMPTY, stamp, bus);
}

bool shop_is_current(const struct shop *shop) {
    return ruleset_equal(&shop->rules, &shop->wanted);
}

uint32_t shop_rules(const struct shop *shop) {
    return shop->rules.version;
}

void shop_config(const struct shop *shop, uint32_t rules, struct writer *data) {
    const struct ruleset first = {.version = SHOP_RULES_FIRST};
    ruleset_write(rules == SHOP_RULES_FIRST ? &first : &shop->wanted, data);
}

/* What can say that it was made under newer rules than the first. */
static const bool tells_rules[EVENT_TYPE_COUNT] = {
    [EVENT_TYPE_STOCK_ADJUSTED] = true,
    [EVENT_TYPE_STOCK_CHANGED] = true,
    [EVENT_TYPE_INVENTORY_SHORT] = true,
    [EVENT_TYPE_REFUND_CONFIRMED] = true,
    [EVENT_TYPE_REFUND_FAILED] = true,
    [EVENT_TYPE_PAYMENT_UNMATCHED] = true,
    [EVENT_TYPE_PAYMENT_TIMED_OUT] = true,
    [EVENT_TYPE_PAYMENT_RESOLVED] = true,
    [EVENT_TYPE_PAYMENT_REFUNDED] = true, /* if it has a refundId */
};

/* The ConfigChanged may be among what was lost: then the first event that only
 * the second rules know stands for it. */
static err_t find_rules(struct shop *shop, const struct event *event,
                        enum event_type type, struct shop_stamp stamp) {
    enum { SECOND = SHOP_RULES_FIRST + 1 };
    if (!shop->gap || shop->rules.version != SHOP_RULES_FIRST ||
        !tells_rules[type]) {
        return ERR_OK;
    }
    struct shop_context second = shop->context;
    second.rules = SECOND;
    TRY(shop_event_read(event, type, stamp, &second, &shop->arena,
                        &shop->event));
    if (type == EVENT_TYPE_PAYMENT_REFUNDED && shop->event.refund_id.len == 0) {
        return ERR_OK;
    }
    memset(&shop->event, 0, offsetof(struct shop_event, lines));
    shop->event.type = EVENT_TYPE_CONFIG_CHANGED;
    shop->event.stamp = stamp;
    shop->event.rules = SECOND;
    const struct fit fit = fit_of(shop);
    assert(fit.all);
    return apply_fitting(shop, &fit);
}

err_t shop_apply(struct shop *shop, const struct event *event,
                 struct shop_stamp stamp) {
    enum event_type type;
    if (event_type_find(event->type, &type) != ERR_OK ||
        !shop_event_is_read(type)) {
        return ERR_OK;
    }
    arena_reset(&shop->arena);
    TRY(find_rules(shop, event, type, stamp));
    TRY(shop_event_read(event, type, stamp, &shop->context, &shop->arena,
                        &shop->event));
    struct fit fit = fit_of(shop);
    ENSURE(fit.all || shop->gap, ERR_CORRUPT);
    return apply_fitting(shop, &fit);
}

uint64_t shop_hash(const struct shop *shop) {
    struct fingerprint print;
    fingerprint_begin(&print);
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        fingerprint_u64(&print, services[i]->hash(shop->services[i]));
    }
    if (shop->rules.version > SHOP_RULES_FIRST) {
        ruleset_fingerprint(&shop->rules, &print);
    }
    return fingerprint_end(&print);
}

/* A part is its version, its length and its bytes. */
static size_t begin_part(struct writer *to, uint32_t version) {
    writer_u32(to, version);
    writer_u64(to, 0);
    return to->len;
}

static void end_part(struct writer *to, size_t began) {
    if (!to->full) {
        struct writer len = writer_over(to->data + began - 8, 8);
        writer_u64(&len, to->len - began);
    }
}

static err_t read_part(struct cursor *from, uint32_t version,
                       struct cursor *ret) {
    uint32_t written;
    uint64_t len;
    struct slice body;
    TRY(cursor_u32(from, &written));
    ENSURE(written == version, ERR_UNSUPPORTED);
    TRY(cursor_u64(from, &len));
    ENSURE(len <= SIZE_MAX, ERR_PARSE);
    TRY(cursor_take(from, (size_t)len, &body));
    *ret = cursor_over(body);
    return ERR_OK;
}

enum {
    VIEW_SAVED_VERSION = 1,
    GAP_SAVED_VERSION = 1,
    /* Of the rules; no version of the order service's part, with which a state
     * under the first rules begins. */
    RULES_SAVED_VERSION = 0x52000001,
};

/* The rules if they are not the first, the services in order, the view, what
 * is missing, the hash. */
void shop_save(const struct shop *shop, struct writer *to) {
    uint32_t rules = shop->rules.version;
    size_t began;
    if (rules > SHOP_RULES_FIRST) {
        began = begin_part(to, RULES_SAVED_VERSION);
        ruleset_save(&shop->rules, to);
        end_part(to, began);
    }
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        began = begin_part(to, services[i]->saved_versions[rules]);
        services[i]->save(shop->services[i], to);
        end_part(to, began);
    }
    began = begin_part(to, VIEW_SAVED_VERSION);
    view_save(&shop->view, to);
    end_part(to, began);
    began = begin_part(to, GAP_SAVED_VERSION);
    writer_u8(to, shop->gap);
    writer_u64(to, shop->unfitting);
    end_part(to, began);
    writer_u64(to, shop_hash(shop));
}

static err_t load_rules(struct shop *shop, struct cursor *from) {
    struct cursor ahead = *from;
    uint32_t version;
    struct cursor part;
    TRY(cursor_u32(&ahead, &version));
    if (version == services[SHOP_ORDER]->saved_versions[SHOP_RULES_FIRST]) {
        shop->rules = (struct ruleset){.version = SHOP_RULES_FIRST};
    } else {
        TRY(read_part(from, RULES_SAVED_VERSION, &part));
        TRY(ruleset_load(&shop->rules, &part));
        ENSURE(cursor_left(&part) == 0, ERR_PARSE);
    }
    shop->context.rules = shop->rules.version;
    return ERR_OK;
}

static err_t load_parts(struct shop *shop, struct cursor *from) {
    struct cursor part;
    TRY(load_rules(shop, from));
    uint32_t rules = shop->rules.version;
    for (size_t i = 0; i < SHOP_SERVICE_COUNT; i++) {
        TRY(read_part(from, services[i]->saved_versions[rules], &part));
        TRY(services[i]->load(shop->services[i], rules, &part));
        ENSURE(cursor_left(&part) == 0, ERR_PARSE);
    }
    TRY(read_part(from, VIEW_SAVED_VERSION, &part));
    TRY(view_load(&shop->view, &part));
    ENSURE(cursor_left(&part) == 0, ERR_PARSE);
    uint8_t gap;
    TRY(read_part(from, GAP_SAVED_VERSION, &part));
    TRY(cursor_u8(&part, &gap));
    TRY(cursor_u64(&part, &shop->unfitting));
    ENSURE(gap <= 1 && cursor_left(&part) == 0, ERR_PARSE);
    shop->gap = gap == 1;
    return ERR_OK;
}

err_t shop_load(struct shop *shop, struct slice saved) {
    struct cursor from = cursor_over(saved);
    err_t err = load_parts(shop, &from);
    ENSURE(err != ERR_PARSE, ERR_CORRUPT);
    TRY(err);
    uint64_t hash;
    ENSURE(cursor_u64(&from, &hash) == ERR_OK, ERR_CORRUPT);
    ENSURE(cursor_left(&from) == 0 && hash == shop_hash(shop), ERR_CORRUPT);
    return ERR_OK;
}
