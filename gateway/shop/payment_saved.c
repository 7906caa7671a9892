/* SPDX-License-Identifier: Apache-2.0 */
/* The Payment service's state as bytes and as a hash. */
#include "gateway/shop/payment_state.h"
#include "gateway/shop/saved.h"

static uint64_t one_hash(const struct payment *payment) {
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_slice(&print, table_key(&payment->entry));
    fingerprint_u64(&print, payment->state);
    fingerprint_u64(&print, (uint64_t)payment->amount_minor);
    fingerprint_slice(&print, slice_from_str(payment->currency));
    fingerprint_slice(&print, payment_terminal_of(payment));
    fingerprint_slice(&print, payment_transaction_of(payment));
    kept_fingerprint(&payment->request, &print);
    return fingerprint_end(&print);
}

/* The entries' hashes are summed, so their order does not matter. */
uint64_t payment_hash(const void *self) {
    const struct payments *payments = self;
    uint64_t sum = 0;
    for (const struct table_entry *at = payments->table.first; at != NULL;
         at = at->next) {
        sum += one_hash((const struct payment *)at);
    }
    struct fingerprint print;
    fingerprint_begin(&print);
    fingerprint_u64(&print, sum);
    fingerprint_u64(&print, payments->table.count);
    fingerprint_u64(&print, payments->open_count);
    fingerprint_u64(&print, payments->answers_ignored);
    if (payments->rules > SHOP_RULES_FIRST) {
        fingerprint_u64(&print, takings_hash(&payments->takings));
    }
    return fingerprint_end(&print);
}

void payment_save(const void *self, struct writer *to) {
    const struct payments *payments = self;
    writer_u64(to, payments->answers_ignored);
    writer_u64(to, payments->table.count);
    for (const struct table_entry *at = payments->table.first; at != NULL;
         at = at->next) {
        const struct payment *payment = (const struct payment *)at;
        saved_text(to, table_key(at));
        saved_state(to, payment->state);
        saved_i64(to, payment->amount_minor);
        saved_text(to, slice_from_str(payment->currency));
        saved_text(to, payment_terminal_of(payment));
        saved_text(to, payment_transaction_of(payment));
        saved_kept(to, &payment->request);
    }
    if (payments->rules > SHOP_RULES_FIRST) {
        saved_text(to, slice_from_str(payments->currency));
        takings_save(&payments->takings, to);
    }
}

static err_t load_payment(struct payments *payments, struct cursor *from) {
    struct payment *payment;
    struct slice currency;
    struct slice terminal;
    struct slice transaction;
    TRY(saved_entry_read(from, &payments->table, sizeof(*payment),
                         SHOP_ORDER_ID_MAX, &payment));
    TRY(saved_state_read(from, PAYMENT_STATES, &payment->state));
    TRY(saved_i64_read(from, &payment->amount_minor));
    TRY(saved_text_read(from, MONEY_CURRENCY_LEN, &currency));
    TRY(saved_text_read(from, sizeof(payment->terminal), &terminal));
    TRY(saved_text_read(from, sizeof(payment->transaction), &transaction));
    TRY(saved_kept_read(from, &payment->request));
    if (currency.len > 0) { /* a payment declined at once has no terms */
        memcpy(payment->currency, currency.data, currency.len);
    }
    payment_keep_text(payment->terminal, &payment->terminal_len, terminal,
                      sizeof(payment->terminal));
    payment_keep_text(payment->transaction, &payment->transaction_len,
                      transaction, sizeof(payment->transaction));
    bool open = payment->state == PAYMENT_REQUESTED;
    ENSURE(open == (payment->request.len > 0), ERR_PARSE);
    if (open) { /* the table is in the order of the requests */
        payment_link_open(payments, payment);
    }
    return ERR_OK;
}

/* What pays an order is the order's again. */
static void find_payers(struct payments *payments) {
    for (struct table_entry *at = payments->takings.table.first; at != NULL;
         at = at->next) {
        struct taking *taking = (struct taking *)at;
        struct payment *payment =
            table_find(&payments->table, taking_order(taking));
        if (taking->state == TAKING_PAID && payment != NULL) {
            payment->taking = taking;
        }
    }
}

err_t payment_load(void *self, uint32_t rules, struct cursor *from) {
    struct payments *payments = self;
    uint64_t count;
    struct slice currency;
    payments->rules = rules;
    TRY(cursor_u64(from, &payments->answers_ignored));
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(load_payment(payments, from));
    }
    if (rules == SHOP_RULES_FIRST) {
        return ERR_OK;
    }
    TRY(saved_text_read(from, MONEY_CURRENCY_LEN, &currency));
    ENSURE(currency.len == MONEY_CURRENCY_LEN, ERR_PARSE);
    memcpy(payments->currency, currency.data, currency.len);
    TRY(takings_load(&payments->takings, from));
    find_payers(payments);
    return ERR_OK;
}
