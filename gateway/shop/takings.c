/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/takings.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/shop/saved.h"

enum {
    MARK = 0x1f, /* in no name, so it keeps the parts of a key apart */
    KEY_MAX = EVENT_ID_MAX + SHOP_TRANSACTION_MAX + SHOP_DEVICE_MAX + 2,
};

struct refund_entry {
    struct table_entry entry;
    struct taking *taking;
};

/* --- Names ---------------------------------------------------------------- */

struct slice taking_terminal(const struct taking *taking) {
    return slice_of(taking->terminal, taking->terminal_len);
}

struct slice taking_transaction(const struct taking *taking) {
    return slice_part(table_key(&taking->entry), 0, taking->transaction_len);
}

struct slice taking_order(const struct taking *taking) {
    return slice_of(taking->order_id, taking->order_len);
}

struct slice taking_report(const struct taking *taking) {
    struct slice key = table_key(&taking->entry);
    size_t at = 2 + (size_t)taking->terminal_len;
    if (taking->transaction_len > 0 || taking->terminal_len == 0) {
        return SLICE_EMPTY;
    }
    const uint8_t *end = memchr(key.data + at, MARK, key.len - at);
    size_t len = end == NULL ? key.len - at : (size_t)(end - key.data) - at;
    return slice_part(key, at, len);
}

static struct slice refund_of(const struct taking *taking) {
    return slice_of(taking->refund_id, taking->refund_len);
}

static void keep_text(char *ret, uint8_t *ret_len, struct slice text,
                      size_t size) {
    assert(text.len <= size && size <= UINT8_MAX);
    if (text.len > 0) {
        memcpy(ret, text.data, text.len);
    }
    *ret_len = (uint8_t)text.len;
}

/* Who took it: a service's event says so, a terminal's own is from it. */
static struct slice holder_of(const struct shop_event *event) {
    return event->device.len > 0 ? event->device : event->terminal;
}

/* Of money without a transaction: the terminal and its report, or an order's
 * cash. */
static void write_plain_key(struct writer *key, const struct shop_event *event,
                            struct slice holder) {
    writer_u8(key, MARK);
    writer_slice_add(key, holder);
    writer_u8(key, MARK);
    writer_slice_add(key,
                     event->report.len > 0 ? event->report : event->order_id);
}

/* The second terminal with a transaction's id has its name in the key. */
static void write_second_key(struct writer *key, struct slice transaction,
                             struct slice holder) {
    writer_slice_add(key, transaction);
    writer_u8(key, MARK);
    writer_slice_add(key, holder);
}

static bool is_of(const struct taking *taking, struct slice holder) {
    return taking->terminal_len == 0 || holder.len == 0 ||
           slice_eq(taking_terminal(taking), holder);
}

struct taking *takings_find(const struct takings *takings,
                            const struct shop_event *event) {
    uint8_t text[KEY_MAX];
    struct writer key = writer_over(text, sizeof(text));
    struct slice holder = holder_of(event);
    if (event->transaction.len == 0) {
        write_plain_key(&key, event, holder);
        return table_find(&takings->table, writer_slice(&key));
    }
    struct taking *first = table_find(&takings->table, event->transaction);
    if (first == NULL || is_of(first, holder)) {
        return first;
    }
    write_second_key(&key, event->transaction, holder);
    return table_find(&takings->table, writer_slice(&key));
}

bool takings_know(const struct takings *takings, struct slice transaction) {
    return transaction.len > 0 &&
           table_find(&takings->table, transaction) != NULL;
}

/* A terminal that counts its events anew uses the id of a report again, when
 * nobody remembers the first: such a key has the event's number, too. */
static void write_new_plain_key(const struct takings *takings,
                                struct writer *key,
                                const struct shop_event *event,
                                struct slice holder) {
    write_plain_key(key, event, holder);
    if (table_find(&takings->table, writer_slice(key)) != NULL) {
        writer_u8(key, MARK);
        writer_printf(key, "%" PRIu64, event->stamp.seq);
    }
}

static struct taking *add(struct takings *takings,
                          const struct shop_event *event) {
    uint8_t text[KEY_MAX];
    struct writer key = writer_over(text, sizeof(text));
    struct slice holder = holder_of(event);
    if (event->transaction.len == 0) {
        write_new_plain_key(takings, &key, event, holder);
    } else if (takings_know(takings, event->transaction)) {
        write_second_key(&key, event->transaction, holder);
    } else {
        writer_slice_add(&key, event->transaction);
    }
    assert(!key.full);
    struct taking *taking =
        table_add(&takings->table, writer_slice(&key), sizeof(*taking));
    if (taking != NULL) {
        taking->transaction_len = (uint8_t)event->transaction.len;
        keep_text(taking->terminal, &taking->terminal_len, holder,
                  sizeof(taking->terminal));
        keep_text(taking->order_id, &taking->order_len, event->order_id,
                  sizeof(taking->order_id));
        taking->amount_minor = TAKINGS_AMOUNT_UNKNOWN;
    }
    return taking;
}

/* --- What is open --------------------------------------------------------- */

/* The place of a currency's sum, or a free one for it; SIZE_MAX if there is
 * neither. */
static size_t find_sum(const struct shop_refunds *counts,
                       const char *currency) {
    size_t fresh = SIZE_MAX;
    for (size_t i = 0; i < SHOP_REFUND_CURRENCIES; i++) {
        if (counts->sums[i].count == 0) {
            fresh = fresh == SIZE_MAX ? i : fresh;
        } else if (strcmp(counts->sums[i].currency, currency) == 0) {
            return i;
        }
    }
    return fresh;
}

/* A sum that is too large stays at the largest number. */
static void add_to_sum(struct takings *takings, const struct taking *taking) {
    struct shop_refunds *counts = &takings->counts;
    size_t at = find_sum(counts, taking->currency);
    if (at == SIZE_MAX) {
        takings->rough = true; /* one currency too many */
        return;
    }
    memcpy(counts->sums[at].currency, taking->currency,
           sizeof(taking->currency));
    counts->sums[at].count++;
    if (taking->amount_minor > INT64_MAX - counts->sums[at].minor) {
        takings->rough = true;
        counts->sums[at].minor = INT64_MAX;
    } else {
        counts->sums[at].minor += taking->amount_minor;
    }
}

/* Of all that is in the list. */
static void sum_all(struct takings *takings) {
    takings->rough = false;
    memset(takings->counts.sums, 0, sizeof(takings->counts.sums));
    for (const struct taking *at = takings->oldest; at != NULL;
         at = at->later) {
        if (at->amount_minor != TAKINGS_AMOUNT_UNKNOWN) {
            add_to_sum(takings, at);
        }
    }
}

/* `taking` is out of the list by now. */
static void take_from_sum(struct takings *takings,
                          const struct taking *taking) {
    struct shop_refunds *counts = &takings->counts;
    if (takings->rough) {
        sum_all(takings); /* which parts are in the sums is not known */
        return;
    }
    size_t at = find_sum(counts, taking->currency);
    assert(at != SIZE_MAX && counts->sums[at].count > 0);
    counts->sums[at].count--;
    counts->sums[at].minor -= taking->amount_minor;
    if (counts->sums[at].count == 0) {
        memset(&counts->sums[at], 0, sizeof(counts->sums[at]));
    }
}

static void count(struct takings *takings, const struct taking *taking,
                  bool more) {
    struct shop_refunds *counts = &takings->counts;
    assert(more || counts->open > 0);
    uint64_t one = more ? 1 : (uint64_t)-1;
    counts->open += one;
    counts->failed += taking->state == TAKING_FAILED ? one : 0;
    counts->unmatched += taking->unmatched ? one : 0;
    if (taking->amount_minor == TAKINGS_AMOUNT_UNKNOWN) {
        counts->unknown += one;
    } else if (more) {
        add_to_sum(takings, taking);
    } else {
        take_from_sum(takings, taking);
    }
    counts->oldest_us =
        takings->oldest == NULL ? 0 : takings->oldest->said.stamp.wall_us;
}

static void open_up(struct takings *takings, struct taking *taking) {
    taking->earlier = takings->newest;
    taking->later = NULL;
    if (takings->newest != NULL) {
        takings->newest->later = taking;
    } else {
        takings->oldest = taking;
    }
    takings->newest = taking;
    count(takings, taking, true);
}

static void close_down(struct takings *takings, struct taking *taking) {
    assert(taking->state == TAKING_OWED || taking->state == TAKING_FAILED);
    assert(taking->said.len > 0);
    if (taking->earlier != NULL) {
        taking->earlier->later = taking->later;
    } else {
        takings->oldest = taking->later;
    }
    if (taking->later != NULL) {
        taking->later->earlier = taking->earlier;
    } else {
        takings->newest = taking->earlier;
    }
    count(takings, taking, false);
    kept_free(&taking->said);
    taking->state = TAKING_CLOSED;
}

static err_t index_refund(struct takings *takings, struct taking *taking) {
    struct refund_entry *entry =
        table_add(&takings->by_refund, refund_of(taking), sizeof(*entry));
    ENSURE(entry != NULL, ERR_MEMORY);
    entry->taking = taking;
    return ERR_OK;
}

/* --- Events --------------------------------------------------------------- */

static void take_amount(struct taking *taking, const struct shop_event *event) {
    int64_t minor;
    if (money_parse(event->amount, event->currency, &minor) == ERR_OK) {
        taking->amount_minor = minor;
        memcpy(taking->currency, event->currency.data, MONEY_CURRENCY_LEN);
    }
}

err_t takings_pay(struct takings *takings, const struct shop_event *event,
                  int64_t amount_minor, struct taking **ret) {
    struct taking *taking = add(takings, event);
    ENSURE(taking != NULL, ERR_MEMORY);
    taking->state = TAKING_PAID;
    taking->amount_minor = amount_minor;
    memcpy(taking->currency, event->currency.data, MONEY_CURRENCY_LEN);
    *ret = taking;
    return ERR_OK;
}

err_t takings_note(struct takings *takings, const struct shop_event *event) {
    struct taking *taking = add(takings, event);
    ENSURE(taking != NULL, ERR_MEMORY);
    taking->state = TAKING_NOTED;
    taking->unmatched = true;
    return ERR_OK;
}

err_t takings_owe(struct takings *takings, const struct shop_event *event,
                  bool known) {
    struct taking *taking = takings_find(takings, event);
    if (taking == NULL && !known &&
        takings->counts.unmatched >= TAKINGS_UNMATCHED_MAX) {
        takings->counts.not_kept++;
        return ERR_OK;
    }
    if (taking == NULL) {
        taking = add(takings, event);
        ENSURE(taking != NULL, ERR_MEMORY);
        taking->unmatched = !known; /* its order is lost */
    }
    assert(taking->state == TAKING_NOTED || taking->state == TAKING_PAID);
    assert(taking->said.len == 0 && event->refund_id.len > 0);
    take_amount(taking, event);
    keep_text(taking->refund_id, &taking->refund_len, event->refund_id,
              sizeof(taking->refund_id));
    TRY(kept_set(&taking->said, event->cloud_event, event->stamp));
    TRY(index_refund(takings, taking));
    taking->state = TAKING_OWED;
    open_up(takings, taking);
    return ERR_OK;
}

bool takings_owe_it(const struct takings *takings, struct slice refund_id) {
    const struct refund_entry *entry =
        table_find(&takings->by_refund, refund_id);
    return entry != NULL && entry->taking->said.len > 0;
}

/* By the refund's id, which whoever was told of it has; else by the transaction
 * of the terminal that says it. */
static struct taking *find_owed(const struct takings *takings,
                                const struct shop_event *event) {
    if (event->refund_id.len == 0) {
        return event->transaction.len == 0 ? NULL
                                           : takings_find(takings, event);
    }
    const struct refund_entry *entry =
        table_find(&takings->by_refund, event->refund_id);
    return entry == NULL ? NULL : entry->taking;
}

/* Did it give back what was owed, as far as it says? */
static bool gave_all(const struct taking *taking,
                     const struct shop_event *event) {
    struct slice currency = event->currency.len > 0
                                ? event->currency
                                : slice_from_str(taking->currency);
    int64_t minor;
    if (event->amount.len == 0 ||
        taking->amount_minor == TAKINGS_AMOUNT_UNKNOWN) {
        return true;
    }
    return slice_eq_str(currency, taking->currency) &&
           money_parse(event->amount, currency, &minor) == ERR_OK &&
           minor == taking->amount_minor;
}

void takings_settle(struct takings *takings, const struct shop_event *event) {
    struct taking *taking = find_owed(takings, event);
    if (taking == NULL || taking->state == TAKING_PAID) {
        takings->counts.strays++;
        return;
    }
    if (taking->state == TAKING_CLOSED) {
        return; /* said again */
    }
    if (event->type == EVENT_TYPE_PAYMENT_RESOLVED ||
        (event->type == EVENT_TYPE_REFUND_CONFIRMED &&
         gave_all(taking, event))) {
        close_down(takings, taking);
        return;
    }
    if (taking->state == TAKING_OWED) {
        taking->state = TAKING_FAILED;
        takings->counts.failed++;
    }
}

err_t takings_import(struct takings *takings, struct slice order_id,
                     struct slice transaction, struct slice terminal,
                     bool closed) {
    if (takings_know(takings, transaction)) {
        return ERR_OK;
    }
    struct taking *taking =
        table_add(&takings->table, transaction, sizeof(*taking));
    ENSURE(taking != NULL, ERR_MEMORY);
    taking->state = closed ? TAKING_CLOSED : TAKING_PAID;
    taking->transaction_len = (uint8_t)transaction.len;
    taking->amount_minor = TAKINGS_AMOUNT_UNKNOWN;
    keep_text(taking->terminal, &taking->terminal_len, terminal,
              sizeof(taking->terminal));
    keep_text(taking->order_id, &taking->order_len, order_id,
              sizeof(taking->order_id));
    return ERR_OK;
}

/* --- The state ------------------------------------------------------------ */

static void free_taking(struct table_entry *entry) {
    kept_free(&((struct taking *)entry)->said);
}

void takings_free(struct takings *takings) {
    table_free(&takings->table, free_taking);
    table_free(&takings->by_refund, NULL);
    *takings = (struct takings){0};
}

static void print_one(const struct taking *taking, struct fingerprint *print) {
    fingerprint_slice(print, table_key(&taking->entry));
    fingerprint_u64(print, taking->state);
    fingerprint_u64(print, taking->unmatched);
    fingerprint_u64(print, taking->transaction_len);
    fingerprint_slice(print, taking_terminal(taking));
    fingerprint_slice(print, taking_order(taking));
    fingerprint_slice(print, refund_of(taking));
    fingerprint_u64(print, (uint64_t)taking->amount_minor);
    fingerprint_slice(print, slice_from_str(taking->currency));
    kept_fingerprint(&taking->said, print);
}

/* The entries' hashes are summed, so their order does not matter. */
uint64_t takings_hash(const struct takings *takings) {
    uint64_t sum = 0;
    struct fingerprint print;
    for (const struct table_entry *at = takings->table.first; at != NULL;
         at = at->next) {
        fingerprint_begin(&print);
        print_one((const struct taking *)at, &print);
        sum += fingerprint_end(&print);
    }
    fingerprint_begin(&print);
    fingerprint_u64(&print, sum);
    fingerprint_u64(&print, takings->table.count);
    fingerprint_u64(&print, takings->counts.open);
    fingerprint_u64(&print, takings->counts.not_kept);
    fingerprint_u64(&print, takings->counts.strays);
    return fingerprint_end(&print);
}

static void save_one(const struct taking *taking, struct writer *to) {
    saved_text(to, table_key(&taking->entry));
    saved_state(to, taking->state);
    writer_u8(to, taking->unmatched);
    writer_u8(to, taking->transaction_len);
    saved_text(to, taking_terminal(taking));
    saved_text(to, taking_order(taking));
    saved_text(to, refund_of(taking));
    saved_i64(to, taking->amount_minor);
    saved_text(to, slice_from_str(taking->currency));
    saved_kept(to, &taking->said);
}

/* The open ones' places in the list, behind them all: an entry may be older
 * than what is owed of it. */
void takings_save(const struct takings *takings, struct writer *to) {
    writer_u64(to, takings->counts.not_kept);
    writer_u64(to, takings->counts.strays);
    writer_u64(to, takings->table.count);
    for (const struct table_entry *at = takings->table.first; at != NULL;
         at = at->next) {
        save_one((const struct taking *)at, to);
    }
    writer_u64(to, takings->counts.open);
    for (const struct taking *at = takings->oldest; at != NULL;
         at = at->later) {
        saved_text(to, refund_of(at));
    }
}

static err_t load_one(struct takings *takings, struct cursor *from) {
    struct taking *taking;
    struct slice terminal;
    struct slice order_id;
    struct slice refund_id;
    struct slice currency;
    uint8_t unmatched;
    TRY(saved_entry_read(from, &takings->table, sizeof(*taking), KEY_MAX,
                         &taking));
    TRY(saved_state_read(from, TAKING_STATES, &taking->state));
    TRY(cursor_u8(from, &unmatched));
    TRY(cursor_u8(from, &taking->transaction_len));
    TRY(saved_text_read(from, sizeof(taking->terminal), &terminal));
    TRY(saved_text_read(from, sizeof(taking->order_id), &order_id));
    TRY(saved_text_read(from, sizeof(taking->refund_id), &refund_id));
    TRY(saved_i64_read(from, &taking->amount_minor));
    TRY(saved_text_read(from, MONEY_CURRENCY_LEN, &currency));
    TRY(saved_kept_read(from, &taking->said));
    ENSURE(unmatched <= 1 &&
               taking->transaction_len <= table_key(&taking->entry).len,
           ERR_PARSE);
    taking->unmatched = unmatched == 1;
    keep_text(taking->terminal, &taking->terminal_len, terminal,
              sizeof(taking->terminal));
    keep_text(taking->order_id, &taking->order_len, order_id,
              sizeof(taking->order_id));
    keep_text(taking->refund_id, &taking->refund_len, refund_id,
              sizeof(taking->refund_id));
    if (currency.len > 0) {
        memcpy(taking->currency, currency.data, currency.len);
    }
    bool open = taking->state == TAKING_OWED || taking->state == TAKING_FAILED;
    ENSURE(open == (taking->said.len > 0), ERR_PARSE);
    return taking->refund_len == 0 ? ERR_OK : index_refund(takings, taking);
}

static err_t load_open(struct takings *takings, struct cursor *from) {
    struct slice refund_id;
    TRY(saved_text_read(from, SHOP_REFUND_ID_MAX, &refund_id));
    const struct refund_entry *entry =
        table_find(&takings->by_refund, refund_id);
    ENSURE(entry != NULL && entry->taking->said.len > 0 &&
               entry->taking->earlier == NULL &&
               entry->taking != takings->oldest,
           ERR_PARSE);
    open_up(takings, entry->taking);
    return ERR_OK;
}

err_t takings_load(struct takings *takings, struct cursor *from) {
    uint64_t count;
    uint64_t open;
    TRY(cursor_u64(from, &takings->counts.not_kept));
    TRY(cursor_u64(from, &takings->counts.strays));
    TRY(cursor_u64(from, &count));
    for (uint64_t i = 0; i < count; i++) {
        TRY(load_one(takings, from));
    }
    TRY(cursor_u64(from, &open));
    for (uint64_t i = 0; i < open; i++) {
        TRY(load_open(takings, from));
    }
    return ERR_OK;
}
