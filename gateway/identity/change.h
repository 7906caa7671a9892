/* SPDX-License-Identifier: Apache-2.0 */
/* One change of the accounts, as a person asks for it: checked, and applied to
 * them in memory. The daemon applies it for a command that asks on the control
 * socket; without a daemon the command does. */
#ifndef GATEWAY_IDENTITY_CHANGE_H
#define GATEWAY_IDENTITY_CHANGE_H

#include "gateway/identity/account.h"

enum identity_op {
    IDENTITY_PUT,      /* a new device, or other rights for one */
    IDENTITY_PASSWORD, /* a new password for one that is there */
    IDENTITY_REMOVE,
    IDENTITY_RELOAD, /* nothing of the accounts: read the set again */
};

struct identity_change {
    enum identity_op op;
    char name[ACCOUNT_NAME_MAX]; /* "" for IDENTITY_RELOAD */
    /* IDENTITY_PUT: refused if the device is there already; else it must be
     * there, and what is not set below stays as it was. */
    bool fresh;
    bool has_password; /* a hash; "" = no password any more */
    char password[ACCOUNT_HASH_MAX];
    bool has_certificate, certificate;
    bool has_channel, channel;
    bool has_topics; /* all of them */
    uint32_t topic_count;
    char topics[ACCOUNT_TOPICS_MAX][ACCOUNT_TOPIC_MAX];
};

/* Is it well-formed, whatever accounts there are? ERR_RANGE, ERR_BUSY (a
 * reserved name), with the reason. */
err_t identity_change_check(const struct identity_change *change,
                            struct reason *reason) MUST_USE;

/* Applies one that passed the check. `now_us` is the wall time. ERR_BUSY: the
 * name is taken, or differs from another only by case; ERR_NOT_FOUND: there is
 * no such device; ERR_FULL, ERR_MEMORY. Then nothing was changed, and the
 * reason says what to do. */
err_t identity_change_apply(const struct identity_change *change,
                            int64_t now_us, struct accounts *accounts,
                            struct reason *reason) MUST_USE;

#endif
