/* SPDX-License-Identifier: Apache-2.0 */
/* What each client of the store's broker may do. Whoever lets clients in asks
 * here: the broker's plugin now, a front door of our own later.
 *
 * A registered device NAME of the store STORE may
 *   publish    shopme/STORE/NAME/{stream}   not retained
 *              shopme/STORE/NAME/status
 *   read       shopme/STORE/NAME/receipts, .../notices
 *              shopme/STORE/events/...      if its account says `channel`
 *   both       what its account's filters cover, outside shopme/
 * An anonymous client, admitted from a loopback address only, may
 *   publish    shopme/STORE/{any}/{stream}  not retained
 *   read       shopme/STORE/{any or +}/receipts, .../notices
 *   where {any} is no registered device: of those each speaks for itself.
 * The gateway itself may do anything. Nothing that begins with `$` is for
 * devices, shared subscriptions neither. */
#ifndef GATEWAY_IDENTITY_RULES_H
#define GATEWAY_IDENTITY_RULES_H

#include "gateway/identity/account.h"
#include "gateway/identity/refusal.h"

enum {
    RULES_STREAMS_MAX = 16,
    RULES_GATEWAY_IDS_MAX = 24,
    RULES_SESSIONS_MAX = 128, /* more are found later (places.h) */
};

enum rules_action {
    RULES_PUBLISH,   /* a topic; a will is one, too */
    RULES_SUBSCRIBE, /* a filter */
    RULES_READ,      /* a topic, of a message that is about to be delivered */
};

enum rules_who { RULES_ANONYMOUS, RULES_DEVICE, RULES_GATEWAY };

/* What the gateway tells whoever lets clients in, at each start. Text:
 *
 *     shopme-edge rules 1
 *     store store-7
 *     stream orders
 *     anonymous                        (if a listener admits it)
 *     gateway gw-NAME $7$101$SALT$HASH
 *     gateway-id CLIENT-ID             (its client ids are nobody else's)
 *     session 1800000000 CLIENT-ID     (of no user name, in what the broker
 *                                       saved; when it ends, since 1970)
 *     end
 */
struct rules_session {
    int64_t ends_s;
    char client_id[128];
};

struct rules {
    char store[ACCOUNT_NAME_MAX];
    uint32_t stream_count;
    char streams[RULES_STREAMS_MAX][ACCOUNT_NAME_MAX];
    bool anonymous;
    char gateway[ACCOUNT_NAME_MAX];
    char gateway_password[ACCOUNT_HASH_MAX];
    uint32_t gateway_id_count;
    char gateway_ids[RULES_GATEWAY_IDS_MAX][128];
    uint32_t session_count;
    struct rules_session sessions[RULES_SESSIONS_MAX];
};

err_t rules_read(struct slice text, struct rules *ret,
                 struct reason *reason) MUST_USE; /* ERR_CORRUPT */
void rules_write(const struct rules *rules, struct writer *writer);

/* `account` for RULES_DEVICE only. `topic` is NUL-terminated UTF-8 as MQTT has
 * it. Fast: it is asked for each message. */
enum refusal rules_check(const struct rules *rules, enum rules_who who,
                         const struct account *account,
                         enum rules_action action, const char *topic,
                         bool retain);

/* The same for an anonymous client, beside these registered devices. By `+` it
 * may subscribe, and then reads what is not theirs. */
enum refusal rules_check_anonymous(const struct rules *rules,
                                   const struct accounts *accounts,
                                   enum rules_action action, const char *topic,
                                   bool retain);

/* Does the MQTT filter cover every topic that `other` (a filter or a topic)
 * does? */
bool topic_filter_covers(const char *filter, const char *other);

#endif
