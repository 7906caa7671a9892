/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/login.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "gateway/identity/password.h"

bool login_is_loopback(const char *address) {
    struct in_addr four;
    struct in6_addr six;
    if (address == NULL) {
        return false;
    }
    if (inet_pton(AF_INET, address, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, address, &six) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&six) ||
            (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127));
}

/* --- Client ids --- */

static bool is_gateways(const struct rules *rules, const char *id) {
    for (uint32_t i = 0; i < rules->gateway_id_count; i++) {
        if (strcmp(rules->gateway_ids[i], id) == 0) {
            return true;
        }
    }
    return strcmp(rules->gateway, id) == 0;
}

/* Is somebody else connected with it? `name` is "" for anonymous. */
static bool is_in_use(const struct clients *clients, const char *id,
                      const char *name) {
    uint32_t at = 0;
    const struct client *client;
    while ((client = clients_next(clients, &at)) != NULL) {
        if (!client->refused && strcmp(client->id, id) == 0 &&
            strcmp(client->name, name) != 0) {
            return true;
        }
    }
    return false;
}

static bool may_use_id(const struct loaded *loaded,
                       const struct clients *clients, const struct login *login,
                       const char *name) {
    const char *id = login->client_id;
    if (id == NULL || strlen(id) >= CLIENT_ID_MAX) {
        return false;
    }
    if (name[0] != '\0' && strcmp(id, name) == 0) {
        return true;
    }
    return accounts_find(&loaded->accounts, id) == NULL &&
           !is_gateways(&loaded->rules, id) &&
           (name[0] == '\0' || login->clean) && !is_in_use(clients, id, name);
}

/* --- Each way in --- */

static enum refusal certificate_check(const struct loaded *loaded,
                                      const struct login *login,
                                      const struct account *account,
                                      int64_t wall_us) {
    const struct certificate *shown = login->certificate;
    const struct revoked *revoked = &loaded->revoked;
    if (account == NULL) {
        return REFUSAL_UNKNOWN;
    }
    if (!account->certificate) {
        return REFUSAL_NO_CERTIFICATE;
    }
    if (revoked_has(revoked, shown->serial)) {
        return REFUSAL_REVOKED;
    }
    if (revoked->refuse_expired && revoked->expires_us <= wall_us) {
        return REFUSAL_CRL_EXPIRED;
    }
    if (shown->ends_us <= wall_us) {
        return REFUSAL_CERTIFICATE; /* a resumed session is not looked at anew
                                     */
    }
    bool same_id = login->client_id != NULL &&
                   strcmp(login->client_id, account->name) == 0;
    return same_id ? REFUSAL_NONE : REFUSAL_CLIENT_ID;
}

static enum refusal password_check(const struct login *login,
                                   const char *hash) {
    struct slice password = slice_from_str(login->password);
    bool right = login->password != NULL &&
                 password.len <= PASSWORD_BYTES_MAX &&
                 password_matches(hash, password);
    return right ? REFUSAL_NONE : REFUSAL_PASSWORD;
}

static enum refusal account_check(const struct loaded *loaded,
                                  const struct clients *clients,
                                  const struct login *login,
                                  const struct account *account) {
    if (account == NULL) {
        return REFUSAL_UNKNOWN;
    }
    if (account->password[0] == '\0') {
        return REFUSAL_NO_PASSWORD;
    }
    enum refusal refusal = password_check(login, account->password);
    if (refusal == REFUSAL_NONE &&
        !may_use_id(loaded, clients, login, account->name)) {
        refusal = REFUSAL_CLIENT_ID;
    }
    return refusal;
}

static enum refusal anonymous_check(const struct loaded *loaded,
                                    const struct clients *clients,
                                    const struct login *login) {
    if (!loaded->rules.anonymous || !login_is_loopback(login->address)) {
        return REFUSAL_ANONYMOUS;
    }
    return may_use_id(loaded, clients, login, "") ? REFUSAL_NONE
                                                  : REFUSAL_CLIENT_ID;
}

struct login_answer login_check(const struct loaded *loaded,
                                const struct clients *clients,
                                const struct login *login, int64_t wall_us) {
    struct login_answer answer = {.who = RULES_DEVICE};
    if (login->certificate != NULL) {
        answer.by = REPORT_BY_CERTIFICATE;
        answer.account =
            accounts_find(&loaded->accounts, login->certificate->name);
        answer.refusal =
            certificate_check(loaded, login, answer.account, wall_us);
        return answer;
    }
    if (login->user == NULL) {
        answer.who = RULES_ANONYMOUS;
        answer.by = REPORT_BY_NOTHING;
        answer.refusal = anonymous_check(loaded, clients, login);
        return answer;
    }
    answer.by = REPORT_BY_PASSWORD;
    if (strcmp(login->user, loaded->rules.gateway) == 0) {
        answer.who = RULES_GATEWAY;
        answer.refusal = password_check(login, loaded->rules.gateway_password);
        return answer;
    }
    answer.account = accounts_find(&loaded->accounts, login->user);
    answer.refusal = account_check(loaded, clients, login, answer.account);
    return answer;
}
