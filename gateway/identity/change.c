/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/identity/change.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "gateway/identity/password.h"

/* --- The check ------------------------------------------------------------ */

static err_t check_password(const struct identity_change *change,
                            struct reason *reason) {
    if (change->has_password && change->password[0] != '\0' &&
        !password_hash_is_valid(slice_from_str(change->password))) {
        return reason_set(reason, ERR_RANGE,
                          "the password must come hashed, as "
                          "$7$ITERATIONS$SALT$HASH; use shopme-edge device");
    }
    if (change->op == IDENTITY_PASSWORD &&
        (!change->has_password || change->password[0] == '\0')) {
        return reason_set(reason, ERR_RANGE, "there is no password to set");
    }
    return ERR_OK;
}

static err_t check_topics(const struct identity_change *change,
                          struct reason *reason) {
    assert(change->topic_count <= ACCOUNT_TOPICS_MAX);
    for (uint32_t i = 0; i < change->topic_count; i++) {
        TRY(account_topic_check(slice_from_str(change->topics[i]), reason));
    }
    return ERR_OK;
}

err_t identity_change_check(const struct identity_change *change,
                            struct reason *reason) {
    if (change->op == IDENTITY_RELOAD) {
        return ERR_OK;
    }
    /* What an older release or a person's editor let in can be removed. */
    if (change->op == IDENTITY_REMOVE) {
        return change->name[0] != '\0'
                   ? ERR_OK
                   : reason_set(reason, ERR_RANGE, "the device has no name");
    }
    TRY(account_name_check(slice_from_str(change->name), reason));
    TRY(check_password(change, reason));
    return check_topics(change, reason);
}

/* --- Applying it ---------------------------------------------------------- */

/* An account that is not in the accounts, with topics of its own. */
struct edited {
    struct account account;
    char *topics[ACCOUNT_TOPICS_MAX];
    char texts[ACCOUNT_TOPICS_MAX][ACCOUNT_TOPIC_MAX];
};

static void set_topics(struct edited *edited,
                       const struct identity_change *change) {
    memcpy(edited->texts, change->topics, sizeof edited->texts);
    for (uint32_t i = 0; i < change->topic_count; i++) {
        edited->topics[i] = edited->texts[i];
    }
    edited->account.topics = edited->topics;
    edited->account.topic_count = change->topic_count;
}

static err_t put(const struct identity_change *change, struct edited *edited,
                 struct accounts *accounts, struct reason *reason) {
    struct account *account = &edited->account;
    if (change->has_password) {
        memcpy(account->password, change->password, sizeof account->password);
    }
    if (change->has_certificate) {
        account->certificate = change->certificate;
    }
    if (change->has_channel) {
        account->channel = change->channel;
    }
    if (change->has_topics) {
        set_topics(edited, change);
    }
    err_t err = accounts_put(accounts, account);
    if (err == ERR_FULL) {
        return reason_set(reason, err,
                          "there are %u devices, which is as many as one "
                          "store may have",
                          accounts->count);
    }
    return err == ERR_OK ? err : reason_set(reason, err, "no memory");
}

static const struct account *find_like(const struct accounts *accounts,
                                       const char *name) {
    for (uint32_t i = 0; i < accounts->count; i++) {
        if (strcasecmp(accounts->list[i].name, name) == 0) {
            return &accounts->list[i];
        }
    }
    return NULL;
}

/* Two names that a person reads as one would be two devices, each with its own
 * rights. */
static err_t check_free(const struct accounts *accounts, const char *name,
                        struct reason *reason) {
    const struct account *like = find_like(accounts, name);
    if (like == NULL) {
        return ERR_OK;
    }
    if (strcmp(like->name, name) != 0) {
        return reason_set(reason, ERR_BUSY,
                          "there is a device %s, whose name differs by case "
                          "only: choose another name",
                          like->name);
    }
    return reason_set(reason, ERR_BUSY,
                      "there is a device %s already: give it a new password "
                      "with `device passwd`, other rights with `device set`, "
                      "or remove it first",
                      name);
}

/* A hash is salted: one that is equal is that of this very request, which was
 * made and whose answer was lost. */
static bool is_made(const struct accounts *accounts,
                    const struct identity_change *change) {
    const struct account *there = accounts_find(accounts, change->name);
    return there != NULL && change->password[0] != '\0' &&
           strcmp(there->password, change->password) == 0;
}

static err_t apply_fresh(const struct identity_change *change, int64_t now_us,
                         struct accounts *accounts, struct reason *reason) {
    ENSURE(!is_made(accounts, change), ERR_OK);
    struct edited edited = {.account = {.added_us = now_us}};
    TRY(check_free(accounts, change->name, reason));
    memcpy(edited.account.name, change->name, sizeof edited.account.name);
    return put(change, &edited, accounts, reason);
}

static err_t not_there(const struct accounts *accounts, const char *name,
                       struct reason *reason) {
    const struct account *like = find_like(accounts, name);
    return reason_set(reason, ERR_NOT_FOUND,
                      "there is no device %s%s%s; see shopme-edge device list",
                      name, like == NULL ? "" : ", but there is ",
                      like == NULL ? "" : like->name);
}

err_t identity_change_apply(const struct identity_change *change,
                            int64_t now_us, struct accounts *accounts,
                            struct reason *reason) {
    if (change->op == IDENTITY_RELOAD) {
        return ERR_OK;
    }
    if (change->op == IDENTITY_PUT && change->fresh) {
        return apply_fresh(change, now_us, accounts, reason);
    }
    const struct account *there = accounts_find(accounts, change->name);
    if (there == NULL) {
        return not_there(accounts, change->name, reason);
    }
    if (change->op == IDENTITY_REMOVE) {
        return accounts_remove(accounts, change->name);
    }
    /* Its topics may still be those of the list: the put copies them before it
     * replaces them. */
    struct edited edited = {.account = *there};
    return put(change, &edited, accounts, reason);
}
