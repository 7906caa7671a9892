/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_web.h"

#include "bridge/plain_http.h"

static err_t web_open(void *self, const struct credential_plan *plan,
                      transport_done done, void *context,
                      struct transport *ret) {
    const struct https_connector *https = self;
    if (!plan->place.tls) {
        return plain_http_open(https->loop, &plan->place, done, context, ret);
    }
    struct https_connector own = *https;
    own.tls = plan->tls != NULL ? plan->tls : https->tls;
    struct connector connector = https_connector_table(&own);
    return connector.open(connector.self, &plan->place.where, done, context,
                          ret);
}

struct credential_web credential_web_table(struct https_connector *https) {
    return (struct credential_web){https, web_open};
}
