/* SPDX-License-Identifier: Apache-2.0 */
/* What the shop decides by, as the journal says it: ConfigChanged. Records are
 * applied by the rules they were made under, which are those of the last
 * ConfigChanged before them, and SHOP_RULES_FIRST where there is none.
 *
 * What is only checked when an event is taken (shop_check) is no part of the
 * rules: it may change with any release. */
#ifndef GATEWAY_SHOP_RULESET_H
#define GATEWAY_SHOP_RULESET_H

#include "gateway/shop/fingerprint.h"
#include "gateway/shop/money.h"
#include "gateway/shop/shop_event.h"

struct ruleset {
    uint32_t version;
    char currency[MONEY_CURRENCY_LEN + 1]; /* empty: the journal does not say */
};

bool ruleset_equal(const struct ruleset *a, const struct ruleset *b);
/* Takes what a ConfigChanged says. */
void ruleset_take(struct ruleset *rules, const struct shop_event *event);
/* The data of the ConfigChanged that says them. */
void ruleset_write(const struct ruleset *rules, struct writer *data);

void ruleset_fingerprint(const struct ruleset *rules,
                         struct fingerprint *print);
void ruleset_save(const struct ruleset *rules, struct writer *to);
/* ERR_PARSE; ERR_UNSUPPORTED for a newer version's. */
err_t ruleset_load(struct ruleset *rules, struct cursor *from) MUST_USE;

#endif
