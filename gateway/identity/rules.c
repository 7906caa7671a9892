/* SPDX-License-Identifier: Apache-2.0 */
/* What is below shopme/ has four levels: shopme, the store, the device, and a
 * leaf. A subscription is checked like a topic of which some levels are
 * wildcards: what is not allowed by name is not allowed by wildcard. */
#include "gateway/identity/rules.h"

#include <assert.h>

enum { LEVELS = 4, STORE = 1, DEVICE = 2, LEAF = 3 };

/* The first four levels of a topic. The last one is all of the rest. */
struct levels {
    uint32_t count;
    struct slice list[LEVELS];
};

static struct levels levels_of(const char *topic) {
    struct levels levels = {.count = 0};
    struct slice rest = slice_from_str(topic);
    for (;;) {
        const uint8_t *end =
            levels.count + 1 < LEVELS ? memchr(rest.data, '/', rest.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        levels.list[levels.count] = slice_of(rest.data, len);
        levels.count++;
        if (end == NULL) {
            return levels;
        }
        rest = slice_of(end + 1, rest.len - len - 1);
    }
}

static bool is_wildcard(struct slice level) {
    return slice_eq_str(level, "+") || slice_eq_str(level, "#");
}

static bool is_stream(const struct rules *rules, struct slice leaf) {
    for (uint32_t i = 0; i < rules->stream_count; i++) {
        if (slice_eq_str(leaf, rules->streams[i])) {
            return true;
        }
    }
    return false;
}

static bool is_told(struct slice leaf) {
    return slice_eq_str(leaf, "receipts") || slice_eq_str(leaf, "notices");
}

/* Of a leaf of the client's own topics. */
static enum refusal leaf_check(const struct rules *rules, enum rules_who who,
                               enum rules_action action, struct slice leaf,
                               bool retain) {
    if (action != RULES_PUBLISH) {
        return is_told(leaf) ? REFUSAL_NONE : REFUSAL_NO_STREAM;
    }
    if (is_stream(rules, leaf)) {
        return retain ? REFUSAL_RETAINED : REFUSAL_NONE;
    }
    bool status = who == RULES_DEVICE && slice_eq_str(leaf, "status");
    return status ? REFUSAL_NONE : REFUSAL_NO_STREAM;
}

/* Is the third level the client's own? An anonymous client has no name: each is
 * its own, but those that no device can have. A reader may say `+` for it. */
static bool is_own(enum rules_who who, const struct account *account,
                   enum rules_action action, struct slice device) {
    if (who == RULES_DEVICE) {
        return slice_eq_str(device, account->name);
    }
    if (is_wildcard(device)) {
        return action == RULES_SUBSCRIBE && slice_eq_str(device, "+");
    }
    return action != RULES_PUBLISH ||
           account_name_check(device, NULL) == ERR_OK;
}

static enum refusal events_check(enum rules_who who,
                                 const struct account *account,
                                 enum rules_action action) {
    if (action == RULES_PUBLISH) {
        return REFUSAL_NO_STREAM;
    }
    bool may = who == RULES_DEVICE && account->channel;
    return may ? REFUSAL_NONE : REFUSAL_CHANNEL;
}

/* Below shopme/. */
static enum refusal shop_check(const struct rules *rules, enum rules_who who,
                               const struct account *account,
                               enum rules_action action, const char *topic,
                               bool retain) {
    struct levels levels = levels_of(topic);
    if (levels.count <= STORE) {
        return REFUSAL_NO_STREAM;
    }
    if (!slice_eq_str(levels.list[STORE], rules->store)) {
        return REFUSAL_OTHER_STORE;
    }
    if (levels.count <= DEVICE) {
        return REFUSAL_NO_STREAM;
    }
    if (slice_eq_str(levels.list[DEVICE], "events")) {
        return events_check(who, account, action);
    }
    if (!is_own(who, account, action, levels.list[DEVICE])) {
        return REFUSAL_OTHER_DEVICE;
    }
    if (levels.count <= LEAF) {
        return REFUSAL_NO_STREAM;
    }
    return leaf_check(rules, who, action, levels.list[LEAF], retain);
}

/* Outside shopme/: what the account has patterns for. */
static enum refusal outside_check(enum rules_who who,
                                  const struct account *account,
                                  enum rules_action action, const char *topic) {
    bool named = action == RULES_SUBSCRIBE || strpbrk(topic, "+#") == NULL;
    if (who != RULES_DEVICE || !named || topic[0] == '\0') {
        return REFUSAL_OUTSIDE;
    }
    for (uint32_t i = 0; i < account->topic_count; i++) {
        if (topic_filter_covers(account->topics[i], topic)) {
            return REFUSAL_NONE;
        }
    }
    return REFUSAL_OUTSIDE;
}

enum refusal rules_check(const struct rules *rules, enum rules_who who,
                         const struct account *account,
                         enum rules_action action, const char *topic,
                         bool retain) {
    assert(rules != NULL && topic != NULL);
    assert((who == RULES_DEVICE) == (account != NULL));
    if (who == RULES_GATEWAY) {
        return REFUSAL_NONE;
    }
    if (who == RULES_ANONYMOUS && !rules->anonymous) {
        return REFUSAL_ANONYMOUS;
    }
    struct slice all = slice_from_str(topic);
    if (slice_starts_with(all, "$")) {
        bool shared = slice_starts_with(all, "$share/");
        return shared ? REFUSAL_SHARED : REFUSAL_SYSTEM;
    }
    struct slice first = slice_of(topic, strcspn(topic, "/"));
    if (slice_eq_str(first, "shopme")) {
        return shop_check(rules, who, account, action, topic, retain);
    }
    if (action == RULES_SUBSCRIBE && is_wildcard(first)) {
        return REFUSAL_OTHER_DEVICE; /* it takes in what is below shopme/ */
    }
    return outside_check(who, account, action, topic);
}

/* The third level names a device: only so is a topic of shopme/ allowed. */
static bool is_of_registered(const struct accounts *accounts,
                             const char *topic) {
    struct levels levels = levels_of(topic);
    char name[ACCOUNT_NAME_MAX];
    return levels.count > DEVICE &&
           slice_to_str(levels.list[DEVICE], name, sizeof name) == ERR_OK &&
           accounts_find(accounts, name) != NULL;
}

enum refusal rules_check_anonymous(const struct rules *rules,
                                   const struct accounts *accounts,
                                   enum rules_action action, const char *topic,
                                   bool retain) {
    enum refusal refusal =
        rules_check(rules, RULES_ANONYMOUS, NULL, action, topic, retain);
    bool others = refusal == REFUSAL_NONE && is_of_registered(accounts, topic);
    return others ? REFUSAL_OTHER_DEVICE : refusal;
}
