/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/way.h"

#include <assert.h>
#include <stdio.h>

#include "bridge/endpoint.h"
#include "bridge/sink.h"

err_t way_describe(const struct config_cloud *cloud,
                   const struct config_stream *stream, char ret[WAY_TEXT_MAX],
                   struct reason *reason) {
    const struct sink *sink = sink_of(stream);
    assert(sink != NULL);
    struct endpoint where;
    TRY(endpoint_choose(cloud, sink->service, sink->variable, &where, reason));
    const struct proxy *proxy = &where.proxy;
    if (proxy->host[0] == '\0') {
        snprintf(ret, WAY_TEXT_MAX, "https://%s", where.authority);
    } else {
        snprintf(ret, WAY_TEXT_MAX, "https://%s, by proxy %s (%s%s)",
                 where.authority, proxy->authority, proxy->from,
                 proxy->authorization[0] != '\0' ? ", with a login" : "");
    }
    explicit_bzero(&where, sizeof where);
    return ERR_OK;
}
