/* SPDX-License-Identifier: Apache-2.0 */
/* A shop on a journal in memory: for tests that look at what comes out. */
#ifndef TESTS_UNIT_SHOP_HARNESS_H
#define TESTS_UNIT_SHOP_HARNESS_H

#include "gateway/shop/shop.h"

struct harness_entry {
    uint8_t *data; /* the event in the journal's form */
    size_t len;
    struct shop_stamp stamp;
    char device[SHOP_DEVICE_MAX + 1];   /* sender of an input, else whom the
                                           notice is for */
    char terminal[SHOP_DEVICE_MAX + 1]; /* that was told of it */
    bool input;
};

struct harness_repeat {
    char type[32];
    char order_id[SHOP_ORDER_ID_MAX + 1];
    char device[SHOP_DEVICE_MAX + 1];
    uint64_t seq;
};

struct harness {
    struct shop *shop;
    const char *currency;
    struct shop_settings settings;
    struct harness_entry *entries;
    size_t count;
    size_t capacity;
    struct harness_repeat last_repeat;
    uint64_t repeats;
    uint64_t inputs;
};

#define HARNESS_STORE "store-7"
extern const uint8_t harness_journal_id[16];
extern const uint8_t harness_life[16];

void harness_open(struct harness *harness, const char *currency);
void harness_open_with(struct harness *harness, struct shop_settings settings);
void harness_close(struct harness *harness);
struct shop *harness_new_shop(const struct harness *harness);

/* An input with JSON data, made and checked; the id is its number. */
struct event harness_event(const char *type, const char *source, const char *id,
                           const char *data);
/* Sends an input through shop_check(), the journal and shop_run(). Returns the
 * place in `entries` at which it stands. */
size_t harness_send(struct harness *harness, const char *device,
                    const char *type, const char *data);
/* Why shop_check() or shop_judge() refuses it; empty if they do not. */
const char *harness_refusal(struct harness *harness, const char *device,
                            const char *type, const char *data);
/* An event of the gateway's own, through the journal and shop_run_own(). */
size_t harness_own(struct harness *harness, const char *type, const char *data);
/* As harness_send, of an event of any kind. */
size_t harness_send_event(struct harness *harness, const char *device,
                          const struct event *event);

/* Applies another journal's entry and takes it over, as replay does. */
void harness_adopt(struct harness *harness, const struct harness *from,
                   size_t at);

void harness_load(const struct harness *harness, size_t at, struct event *ret);
/* The types from `from` to the end, with a space between them. */
const char *harness_types(const struct harness *harness, size_t from);
/* The data of the only output of that type from `from` on. */
const char *harness_data(const struct harness *harness, size_t from,
                         const char *type);
/* To whom its notice went. */
const char *harness_device(const struct harness *harness, size_t from,
                           const char *type);

/* Which payment terminal was told of it; empty if none. */
const char *harness_terminal(const struct harness *harness, size_t from,
                             const char *type);

/* Replays all entries up to `count` into a new shop. */
struct shop *harness_replay(const struct harness *harness, size_t count);
/* Asserts that the replay of everything gives the live hash. */
void harness_check_replay(const struct harness *harness);

#endif
