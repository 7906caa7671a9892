/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_tls.h"

#include <assert.h>

void broker_tls_init(struct broker_tls *tls,
                     const struct config_broker *config) {
    *tls = (struct broker_tls){
        .configured = config_broker_has_tls(config),
        .why_not = {"the files of broker.tls have not been read yet"},
    };
}

void broker_tls_say(struct broker_tls *tls, const char *why_not) {
    tls->usable = why_not[0] == '\0';
    (void)reason_set(&tls->why_not, ERR_OK, "%s", why_not);
}

void broker_tls_changed(struct broker_tls *tls) {
    tls->failed = false;
    tls->innocent = false;
}

bool broker_tls_wanted(const struct broker_tls *tls) {
    return tls->configured && tls->usable && !tls->failed;
}

bool broker_tls_start_failed(struct broker_tls *tls, bool with_tls,
                             const char *said) {
    assert(!with_tls || tls->configured);
    if (with_tls && !tls->innocent) {
        tls->failed = true;
        (void)reason_set(&tls->failure, ERR_OK,
                         "the broker does not start with the files of "
                         "broker.tls: %s",
                         said);
        return true;
    }
    if (!with_tls && tls->failed) {
        tls->failed = false;
        tls->innocent = true;
    }
    return false;
}

void broker_tls_steady(struct broker_tls *tls) {
    tls->innocent = false;
}

const char *broker_tls_reason(const struct broker_tls *tls) {
    if (!tls->configured) {
        return "";
    }
    return tls->failed ? tls->failure.text : tls->why_not.text;
}
