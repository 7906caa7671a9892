/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/ruleset.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/event/json.h"
#include "gateway/shop/saved.h"

bool ruleset_equal(const struct ruleset *a, const struct ruleset *b) {
    assert(a->version >= SHOP_RULES_FIRST && b->version >= SHOP_RULES_FIRST);
    return a->version == b->version && strcmp(a->currency, b->currency) == 0;
}

static void take_currency(struct ruleset *rules, struct slice currency) {
    assert(currency.len <= MONEY_CURRENCY_LEN);
    memset(rules->currency, 0, sizeof(rules->currency));
    if (currency.len > 0) {
        memcpy(rules->currency, currency.data, currency.len);
    }
}

void ruleset_take(struct ruleset *rules, const struct shop_event *event) {
    assert(event->type == EVENT_TYPE_CONFIG_CHANGED);
    rules->version = event->rules;
    take_currency(rules, event->currency);
}

void ruleset_write(const struct ruleset *rules, struct writer *data) {
    writer_printf(data, "{\"rules\":%" PRIu32, rules->version);
    if (rules->currency[0] != '\0') {
        writer_str(data, ",\"currency\":");
        json_write_string(data, slice_from_str(rules->currency));
    }
    writer_u8(data, '}');
}

void ruleset_fingerprint(const struct ruleset *rules,
                         struct fingerprint *print) {
    fingerprint_u64(print, rules->version);
    fingerprint_slice(print, slice_from_str(rules->currency));
}

void ruleset_save(const struct ruleset *rules, struct writer *to) {
    writer_u32(to, rules->version);
    saved_text(to, slice_from_str(rules->currency));
}

err_t ruleset_load(struct ruleset *rules, struct cursor *from) {
    struct slice currency;
    TRY(cursor_u32(from, &rules->version));
    ENSURE(rules->version <= SHOP_RULES_NEWEST, ERR_UNSUPPORTED);
    ENSURE(rules->version > SHOP_RULES_FIRST, ERR_PARSE);
    TRY(saved_text_read(from, MONEY_CURRENCY_LEN, &currency));
    take_currency(rules, currency);
    return ERR_OK;
}
