/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/shop/harness.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/shop/judge.h"

const uint8_t harness_journal_id[16] = {0x0b, 0xad, 0xca, 0xfe};
const uint8_t harness_life[16] = {0x5e, 0xed, 0x01, 0x23,
                                  0x45, 0x67, 0x89, 0xab};

enum { START_US = 1780000000 };

struct shop *harness_new_shop(const struct harness *harness) {
    struct shop_options options = {
        .store = SLICE(HARNESS_STORE),
        .journal_id = harness_journal_id,
        .life = harness_life,
        .currency = harness->currency,
        .rules = SHOP_RULES_NEWEST,
        .settings = harness->settings,
    };
    struct shop *shop;
    assert_int_equal(shop_new(&options, &shop), ERR_OK);
    return shop;
}

void harness_open(struct harness *harness, const char *currency) {
    *harness = (struct harness){.currency = currency};
    harness->shop = harness_new_shop(harness);
}

void harness_open_with(struct harness *harness, struct shop_settings settings) {
    *harness = (struct harness){.settings = settings};
    harness->shop = harness_new_shop(harness);
}

void harness_close(struct harness *harness) {
    shop_free(harness->shop);
    for (size_t i = 0; i < harness->count; i++) {
        free(harness->entries[i].data);
    }
    free(harness->entries);
}

static void copy_text(char *ret, size_t size, struct slice text) {
    assert_int_equal(slice_to_str(text, ret, size), ERR_OK);
}

static int64_t now_us(const struct harness *harness) {
    return (int64_t)START_US * 1000000 + (int64_t)harness->inputs * 1000;
}

static struct shop_stamp append(struct harness *harness,
                                const struct event *event, struct slice device,
                                bool input) {
    if (harness->count == harness->capacity) {
        harness->capacity = harness->capacity * 2 + 64;
        harness->entries = realloc(
            harness->entries, harness->capacity * sizeof(*harness->entries));
        assert_non_null(harness->entries);
    }
    struct harness_entry *entry = &harness->entries[harness->count];
    *entry = (struct harness_entry){.input = input};
    size_t bound = event_store_bound(event);
    entry->data = malloc(bound);
    struct writer writer = writer_over(entry->data, bound);
    event_store(event, &writer);
    assert_false(writer.full);
    entry->len = writer.len;
    entry->stamp.seq = harness->count;
    entry->stamp.wall_us = now_us(harness);
    copy_text(entry->device, sizeof(entry->device), device);
    harness->count++;
    return entry->stamp;
}

static err_t on_publish(void *self, const struct event *event,
                        struct slice device, struct shop_stamp *ret_stamp) {
    struct harness *harness = self;
    *ret_stamp = append(harness, event, device, false);
    return ERR_OK;
}

static void on_repeat(struct harness *harness, const struct event *event,
                      struct shop_stamp stamp, struct slice device) {
    struct harness_repeat *last = &harness->last_repeat;
    harness->repeats++;
    copy_text(last->type, sizeof(last->type), event->type);
    copy_text(last->order_id, sizeof(last->order_id), event->subject);
    copy_text(last->device, sizeof(last->device), device);
    last->seq = stamp.seq;
    /* It is the event that was published, marked as said again. */
    struct event first;
    harness_load(harness, stamp.seq, &first);
    assert_true(slice_eq(first.id, event->id));
    assert_true(slice_eq(first.data, event->data));
    assert_true(slice_eq(first.time, event->time));
    assert_int_equal(event->extension_count, first.extension_count + 1);
    const struct event_extension *mark =
        &event->extensions[first.extension_count];
    assert_true(slice_eq_str(mark->name, "repeated"));
    assert_int_equal(mark->kind, EVENT_VALUE_BOOLEAN);
    assert_int_equal(mark->integer, 1);
}

static void on_tell(void *self, const struct event *event,
                    struct shop_stamp stamp, struct slice device) {
    struct harness *harness = self;
    struct event first;
    harness_load(harness, stamp.seq, &first);
    if (event_hash(&first) != event_hash(event)) {
        on_repeat(harness, event, stamp, device);
        return;
    }
    struct harness_entry *entry = &harness->entries[stamp.seq];
    assert_string_equal(entry->terminal, "");
    copy_text(entry->terminal, sizeof(entry->terminal), device);
    assert_string_not_equal(entry->terminal, "");
}

struct event harness_event(const char *type, const char *source, const char *id,
                           const char *data) {
    return (struct event){
        .id = slice_from_str(id),
        .source = slice_from_str(source),
        .type = slice_from_str(type),
        .datacontenttype = SLICE("application/json"),
        .data_kind = EVENT_DATA_JSON,
        .data = slice_from_str(data),
    };
}

static err_t judge(struct harness *harness, const struct event *event,
                   struct reason *reason) {
    TRY(shop_check(event, reason));
    return shop_judge(harness->shop, event, now_us(harness), reason);
}

const char *harness_refusal(struct harness *harness, const char *device,
                            const char *type, const char *data) {
    static struct reason reason;
    char source[128];
    snprintf(source, sizeof(source), "/" HARNESS_STORE "/%s", device);
    struct event event = harness_event(type, source, "refused", data);
    reason = (struct reason){""};
    err_t err = judge(harness, &event, &reason);
    assert_true((err == ERR_OK) == (reason.text[0] == '\0'));
    return reason.text;
}

size_t harness_send_event(struct harness *harness, const char *device,
                          const struct event *event) {
    struct reason reason = {""};
    if (judge(harness, event, &reason) != ERR_OK) {
        fail_msg("refused: %s", reason.text);
    }
    size_t at = harness->count;
    struct slice name = slice_from_str(device);
    struct shop_stamp stamp = append(harness, event, name, true);
    struct shop_bus bus = {
        .self = harness, .publish = on_publish, .tell = on_tell};
    assert_int_equal(shop_run(harness->shop, event, name, stamp, &bus), ERR_OK);
    harness->inputs++;
    return at;
}

size_t harness_send(struct harness *harness, const char *device,
                    const char *type, const char *data) {
    char id[32];
    char source[96];
    snprintf(id, sizeof(id), "in-%" PRIu64, harness->inputs);
    snprintf(source, sizeof(source), "/" HARNESS_STORE "/%s", device);
    struct event event = harness_event(type, source, id, data);
    return harness_send_event(harness, device, &event);
}

size_t harness_own(struct harness *harness, const char *type,
                   const char *data) {
    char id[32];
    snprintf(id, sizeof(id), "own-%" PRIu64, harness->inputs);
    struct event event =
        harness_event(type, "/" HARNESS_STORE "/gateway", id, data);
    size_t at = harness->count;
    struct shop_stamp stamp = append(harness, &event, SLICE_EMPTY, true);
    struct shop_bus bus = {
        .self = harness, .publish = on_publish, .tell = on_tell};
    assert_int_equal(shop_run_own(harness->shop, &event, stamp, &bus), ERR_OK);
    harness->inputs++;
    return at;
}

void harness_load(const struct harness *harness, size_t at, struct event *ret) {
    assert_true(at < harness->count);
    const struct harness_entry *entry = &harness->entries[at];
    assert_int_equal(event_load(slice_of(entry->data, entry->len), ret),
                     ERR_OK);
}

void harness_adopt(struct harness *harness, const struct harness *from,
                   size_t at) {
    struct event event;
    harness_load(from, at, &event);
    const struct harness_entry *entry = &from->entries[at];
    bool next = at + 1 < from->count && from->entries[at + 1].input;
    struct shop_stamp stamp =
        append(harness, &event, slice_from_str(entry->device), entry->input);
    assert_int_equal(stamp.wall_us, entry->stamp.wall_us);
    memcpy(harness->entries[stamp.seq].terminal, entry->terminal,
           sizeof(entry->terminal));
    assert_int_equal(shop_apply(harness->shop, &event, stamp), ERR_OK);
    harness->inputs += next;
}

const char *harness_types(const struct harness *harness, size_t from) {
    static char text[1024];
    struct writer writer = writer_over(text, sizeof(text) - 1);
    for (size_t i = from; i < harness->count; i++) {
        struct event event;
        harness_load(harness, i, &event);
        writer_str(&writer, i == from ? "" : " ");
        writer_slice_add(&writer, event.type);
    }
    text[writer.len] = '\0';
    return text;
}

static size_t find(const struct harness *harness, size_t from, const char *type,
                   struct event *ret) {
    size_t found = SIZE_MAX;
    for (size_t i = from; i < harness->count; i++) {
        struct event event;
        harness_load(harness, i, &event);
        if (slice_eq_str(event.type, type)) {
            assert_int_equal(found, SIZE_MAX);
            found = i;
            *ret = event;
        }
    }
    if (found == SIZE_MAX) {
        fail_msg("no %s among: %s", type, harness_types(harness, from));
    }
    return found;
}

const char *harness_data(const struct harness *harness, size_t from,
                         const char *type) {
    static char text[4096];
    struct event event;
    find(harness, from, type, &event);
    copy_text(text, sizeof(text), event.data);
    return text;
}

const char *harness_device(const struct harness *harness, size_t from,
                           const char *type) {
    struct event event;
    return harness->entries[find(harness, from, type, &event)].device;
}

const char *harness_terminal(const struct harness *harness, size_t from,
                             const char *type) {
    struct event event;
    return harness->entries[find(harness, from, type, &event)].terminal;
}

struct shop *harness_replay(const struct harness *harness, size_t count) {
    struct shop *shop = harness_new_shop(harness);
    for (size_t i = 0; i < count; i++) {
        struct event event;
        harness_load(harness, i, &event);
        assert_int_equal(shop_apply(shop, &event, harness->entries[i].stamp),
                         ERR_OK);
    }
    return shop;
}

void harness_check_replay(const struct harness *harness) {
    struct shop *shop = harness_replay(harness, harness->count);
    assert_int_equal(shop_hash(shop), shop_hash(harness->shop));
    shop_free(shop);
}
