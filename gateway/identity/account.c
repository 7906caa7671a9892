/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/identity/account.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

/* --- What a device may be called, and given --- */

/* The services' names stand as the source of what they publish. */
static const char *const reserved[] = {
    "gateway",   "anonymous", "events",     "order",
    "inventory", "payment",   "fulfilment",
};

static bool is_name_char(uint8_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* But for case: a person reads `Order` as the service. */
static bool is_like(struct slice name, const char *other) {
    return name.len == strlen(other) &&
           strncasecmp((const char *)name.data, other, name.len) == 0;
}

err_t account_name_check(struct slice name, struct reason *reason) {
    if (name.len == 0 || name.len >= ACCOUNT_NAME_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "a device's name has 1 to %d characters, not %zu",
                          ACCOUNT_NAME_MAX - 1, name.len);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.data[i])) {
            return reason_set(reason, ERR_RANGE,
                              "a device's name is made of the letters A to Z "
                              "and a to z, digits, '.', '_' and '-'; character "
                              "%zu is another",
                              i + 1);
        }
    }
    if (slice_eq_str(name, ".") || slice_eq_str(name, "..")) {
        return reason_set(reason, ERR_RANGE,
                          "a device's name is not only dots: files are named "
                          "after it");
    }
    bool taken = slice_starts_with(name, "gw-");
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        taken = taken || is_like(name, reserved[i]);
    }
    if (taken) {
        return reason_set(reason, ERR_BUSY,
                          "the name \"%.*s\" is reserved for the gateway and "
                          "its services; give the device another",
                          SLICE_ARG(name));
    }
    return ERR_OK;
}

static err_t refuse_topic(struct reason *reason, const char *why) {
    return reason_set(reason, ERR_RANGE, "the topic pattern %s", why);
}

/* Wildcards are whole levels, and `#` is the last. */
static bool has_whole_wildcards(struct slice topic) {
    for (size_t i = 0; i < topic.len; i++) {
        uint8_t c = topic.data[i];
        bool starts = i == 0 || topic.data[i - 1] == '/';
        bool last = i + 1 == topic.len;
        bool ends = last || (c == '+' && topic.data[i + 1] == '/');
        if ((c == '+' || c == '#') && !(starts && ends)) {
            return false;
        }
    }
    return true;
}

static bool has_control(struct slice topic) {
    for (size_t i = 0; i < topic.len; i++) {
        if (topic.data[i] < 0x20 || topic.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

err_t account_topic_check(struct slice topic, struct reason *reason) {
    if (topic.len == 0 || topic.len >= ACCOUNT_TOPIC_MAX) {
        return reason_set(reason, ERR_RANGE,
                          "a topic pattern has 1 to %d bytes, not %zu",
                          ACCOUNT_TOPIC_MAX - 1, topic.len);
    }
    if (has_control(topic) || !slice_is_utf8(topic)) {
        return refuse_topic(reason,
                            "is not text: it must be UTF-8 without control "
                            "characters");
    }
    if (!has_whole_wildcards(topic)) {
        return refuse_topic(reason,
                            "uses a wildcard wrongly: '+' stands for a whole "
                            "level, '#' for all after the last '/'");
    }
    const uint8_t *end = memchr(topic.data, '/', topic.len);
    struct slice first = slice_of(
        topic.data, end != NULL ? (size_t)(end - topic.data) : topic.len);
    if (slice_eq_str(first, "+") || slice_eq_str(first, "#")) {
        return refuse_topic(reason,
                            "begins with a wildcard, which would take in other "
                            "devices' topics; name the first level, as in "
                            "kitchen/#");
    }
    if (slice_eq_str(first, "shopme")) {
        return refuse_topic(reason,
                            "begins with shopme/: a device has its own topics "
                            "there without a pattern, and no others");
    }
    if (slice_starts_with(first, "$")) {
        return refuse_topic(
            reason, "begins with '$': such topics are the broker's own");
    }
    return ERR_OK;
}

/* --- The list --- */

/* Where the account of that name is, or would be. */
static uint32_t place_of(const struct accounts *accounts, const char *name,
                         bool *ret_there) {
    uint32_t low = 0;
    uint32_t high = accounts->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(accounts->list[middle].name, name);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_there = false;
    return low;
}

const struct account *accounts_find(const struct accounts *accounts,
                                    const char *name) {
    bool there;
    uint32_t at = place_of(accounts, name, &there);
    return there ? &accounts->list[at] : NULL;
}

static void account_release(struct account *account) {
    for (uint32_t i = 0; i < account->topic_count; i++) {
        free(account->topics[i]);
    }
    free(account->topics);
    *account = (struct account){.name = ""};
}

static err_t account_copy(const struct account *from, struct account *ret) {
    struct account copy = *from;
    copy.topic_count = 0;
    copy.topics = NULL;
    if (from->topic_count > 0) {
        copy.topics = calloc(from->topic_count, sizeof *copy.topics);
        ENSURE(copy.topics != NULL, ERR_MEMORY);
    }
    for (uint32_t i = 0; i < from->topic_count; i++) {
        copy.topics[i] = strdup(from->topics[i]);
        if (copy.topics[i] == NULL) {
            account_release(&copy);
            return ERR_MEMORY;
        }
        copy.topic_count++;
    }
    *ret = copy;
    return ERR_OK;
}

static err_t make_room(struct accounts *accounts) {
    ENSURE(accounts->count < ACCOUNTS_MAX, ERR_FULL);
    if (accounts->count < accounts->room) {
        return ERR_OK;
    }
    uint32_t room = accounts->room == 0 ? 16 : accounts->room * 2;
    struct account *list = realloc(accounts->list, room * sizeof *list);
    ENSURE(list != NULL, ERR_MEMORY);
    accounts->list = list;
    accounts->room = room;
    return ERR_OK;
}

err_t accounts_put(struct accounts *accounts, const struct account *account) {
    assert(account->topic_count <= ACCOUNT_TOPICS_MAX);
    assert(account->name[0] != '\0');
    struct account copy;
    bool there;
    uint32_t at = place_of(accounts, account->name, &there);
    if (!there) {
        TRY(make_room(accounts));
    }
    TRY(account_copy(account, &copy));
    if (there) {
        account_release(&accounts->list[at]);
    } else {
        memmove(&accounts->list[at + 1], &accounts->list[at],
                (accounts->count - at) * sizeof *accounts->list);
        accounts->count++;
    }
    accounts->list[at] = copy;
    return ERR_OK;
}

err_t accounts_remove(struct accounts *accounts, const char *name) {
    bool there;
    uint32_t at = place_of(accounts, name, &there);
    ENSURE(there, ERR_NOT_FOUND);
    account_release(&accounts->list[at]);
    accounts->count--;
    memmove(&accounts->list[at], &accounts->list[at + 1],
            (accounts->count - at) * sizeof *accounts->list);
    return ERR_OK;
}

void accounts_free(struct accounts *accounts) {
    if (accounts == NULL) {
        return;
    }
    for (uint32_t i = 0; i < accounts->count; i++) {
        account_release(&accounts->list[i]);
    }
    free(accounts->list);
    *accounts = (struct accounts){.count = 0};
}
