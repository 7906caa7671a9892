/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, and as whom. Decides only.
 *
 *     a certificate        its common name, registered for certificates, not
 *                          revoked; its client id is that name
 *     a user name          the gateway's own, or a device's with its password
 *     neither              from a loopback address only, if the rules say
 *                          `anonymous`
 *
 * A client id belongs to whom it is the name of, or to who is connected with
 * it: it is refused to everybody else, since it would take over the session. A
 * device that uses another id than its name may not keep its session, for
 * nobody remembers whose that is. (Mosquitto's use_username_as_clientid would
 * do, but see docs/design.md.) */
#ifndef GATEWAY_PLUGIN_LOGIN_H
#define GATEWAY_PLUGIN_LOGIN_H

#include "gateway/plugin/certificate.h"
#include "gateway/plugin/clients.h"
#include "gateway/plugin/loaded.h"

/* What a client shows at its CONNECT; NULL where it shows nothing. */
struct login {
    const char *client_id;
    const char *user;
    const char *password;
    const char *address; /* as text; of a unix socket its path */
    const struct certificate *certificate;
    bool clean; /* it keeps no session */
    bool five;  /* MQTT 5: unless it has an expiry, which is not known */
};

struct login_answer {
    enum refusal refusal;
    enum rules_who who; /* if it is let in, as the next two */
    enum report_by by;
    const struct account *account; /* of a device; also where it is refused, if
                                      the name is one's */
};

struct login_answer login_check(const struct loaded *loaded,
                                const struct clients *clients,
                                const struct login *login, int64_t wall_us);

/* 127.0.0.0/8, ::1, and the first within IPv6 (::ffff:127.0.0.1). */
bool login_is_loopback(const char *address);

#endif
