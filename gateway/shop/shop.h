/* SPDX-License-Identifier: Apache-2.0 */
/* The Shopme choreography: four services (order, inventory, payment,
 * fulfilment) that communicate over a bus only.
 *
 * Each service is apply(event), which changes its own state, live and in
 * replay, and react(event), which decides what to publish, live only; both are
 * tables of (event type, state) with every pair filled. No clock, no random, no
 * I/O: time arrives with the event. Replaying the same events gives the same
 * state, byte for byte.
 *
 * Not its job: checking who sent an event (the stream does); writing to disk
 * (the journal does). */
#ifndef GATEWAY_SHOP_SHOP_H
#define GATEWAY_SHOP_SHOP_H

#include "gateway/base/base.h"
#include "gateway/event/event.h"
#include "gateway/shop/limits.h"
#include "gateway/shop/order_view.h"
#include "gateway/shop/settings.h"

/* What the shop outputs as it runs, in journal order. */
struct shop_bus {
    void *self;
    /* Appends one output; the shop goes on only if it returns ERR_OK. `event`
     * lives for the call. `device` is whom its notice is for (a name as in the
     * topic), empty if nobody; never a payment terminal as such. */
    err_t (*publish)(void *self, const struct event *event, struct slice device,
                     struct shop_stamp *ret_stamp);
    /* A notice to `device` of an event that was published before and is not
     * journaled again. `stamp` is where it stands in the journal.
     *
     * It says again how an order stands (an order was placed twice, or is to be
     * cancelled after its end), with the extension `repeated` = true. And it
     * tells a payment terminal at the end of a run: the PaymentRequested it is
     * to answer, if the order was not cancelled in the same run; and the
     * OrderCancelled of an order that it was asked for in an earlier run and
     * has not answered. */
    void (*tell)(void *self, const struct event *event, struct shop_stamp stamp,
                 struct slice device);
};

struct shop_options {
    struct slice store;        /* copied; source of the shop's events */
    const uint8_t *journal_id; /* 16 bytes, copied: goes into orders' ids */
    /* 16 bytes, copied: goes into the ids of what the shop publishes. NULL for
     * a shop that only applies: shop_run() must not be called. */
    const uint8_t *life;
    const char *currency; /* ISO 4217, copied; used where an order names
                             none; NULL = EUR */
    /* That the first record was made under; 0: SHOP_RULES_FIRST, as every
     * journal begins. */
    uint32_t rules;
    struct shop_settings settings;
};

struct shop;

/* ERR_MEMORY; ERR_RANGE for a currency that is not known. */
err_t shop_new(const struct shop_options *options, struct shop **ret) MUST_USE;
void shop_free(struct shop *shop);

/* Checks an input's data before it is journaled. ERR_RANGE with a reason that
 * names the member and what was expected. Does not depend on the shop's state.
 */
err_t shop_check(const struct event *input, struct reason *reason) MUST_USE;

/* Runs one journaled input to its end: react to it and apply it, publish what
 * follows, react to that and apply it, breadth first. A service reacts to an
 * event by the state that the event found. ERR_REFUSED, and nothing is changed,
 * for a type that no device may send (event_type.h) or if `input->source` is
 * not
 * "/<store>/<device>" (the stream checks both before it journals); ERR_CORRUPT
 * for data that shop_check() would refuse. After any other error (of publish,
 * or ERR_MEMORY) the state has run ahead of the journal and must not be used.
 */
err_t shop_run(struct shop *shop, const struct event *input,
               struct slice device, struct shop_stamp stamp,
               const struct shop_bus *bus) MUST_USE;

/* Does the journal say what the shop decides by: its rules, the options? If
 * not, ConfigChanged is to be journaled and run before any input is. */
bool shop_is_current(const struct shop *shop);
/* The version of the rules that the journal's end is under. */
uint32_t shop_rules(const struct shop *shop);
/* The data of that ConfigChanged; with SHOP_RULES_FIRST, of the one with which
 * release 0.2.0 can go on. */
void shop_config(const struct shop *shop, uint32_t rules, struct writer *data);
/* As shop_run(), for an event of the gateway's own that the shop reads. */
err_t shop_run_own(struct shop *shop, const struct event *event,
                   struct shop_stamp stamp,
                   const struct shop_bus *bus) MUST_USE;

/* Replay: applies one event of the journal, input or output; a type that the
 * shop does not read is skipped. ERR_CORRUPT, and nothing is changed, if the
 * event cannot follow what was applied before it and none is missing;
 * ERR_UNSUPPORTED if it changes to rules that this program does not have;
 * ERR_MEMORY. */
err_t shop_apply(struct shop *shop, const struct event *event,
                 struct shop_stamp stamp) MUST_USE;

/* Events are missing from this point on: they were lost to damage. Each is lost
 * with all that followed from it in its run, and later ones may build on it.
 * From now on, live and in replay, an event that cannot follow what was applied
 * before it is counted and skipped instead of refused. */
void shop_pass_gap(struct shop *shop);

/* A hash of the whole state of all four services; does not depend on memory
 * layout. */
uint64_t shop_hash(const struct shop *shop);

/* Snapshots: the whole state, as bytes of the shop's own, taken between two
 * inputs. `to->full` tells that they found no room. */
void shop_save(const struct shop *shop, struct writer *to);
/* Restores a saved state, with its hash, into a new shop.
 * ERR_UNSUPPORTED for the state of another version of the program; ERR_CORRUPT
 * for bytes that shop_save() did not write; ERR_MEMORY. After an error the shop
 * must be freed. */
err_t shop_load(struct shop *shop, struct slice saved) MUST_USE;

struct shop_counts {
    uint64_t placed, open, fulfiled, cancelled, rejected;
    uint64_t skus;            /* with managed stock */
    uint64_t payments_open;   /* asked of a terminal, not answered */
    uint64_t repeated;        /* orders placed again */
    uint64_t conflicting;     /* of these, with other content: not taken */
    uint64_t answers_ignored; /* terminals' answers without a request */
    uint64_t cancels_ignored; /* of unknown orders, or after their end */
    uint64_t unfitting;       /* events that depend on lost ones: skipped (see
                                 shop_pass_gap) */
};

struct shop_counts shop_counts(const struct shop *shop);
/* The latest orders, newest first, at most `max`. */
void shop_orders(const struct shop *shop, uint32_t max,
                 void (*each)(void *context, const struct shop_order_view *),
                 void *context);
/* Payments that a terminal was asked for and has not answered: of each its
 * PaymentRequested event once more (same id, where it stands in the journal),
 * and the terminal. In the order in which they were asked, from the journal's
 * `from_seq` on, at most `max` (not 0). Returns the `from_seq` that carries on
 * where this stopped: 0, to begin again, after the last. */
uint64_t shop_open_payments(
    const struct shop *shop, uint64_t from_seq, uint32_t max,
    void (*each)(void *context, const struct event *event,
                 struct shop_stamp stamp, struct slice terminal),
    void *context) MUST_USE;

#endif
