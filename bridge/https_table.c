/* SPDX-License-Identifier: Apache-2.0 */
/* Such connections as a table. */
#include "bridge/https.h"

static void table_send(void *self, struct slice head, struct slice body) {
    https_send(self, head, body);
}

static void table_close(void *self) {
    https_close(self);
}

static void table_look(void *self, struct transport_line *ret) {
    https_look(self, ret);
}

static err_t table_open(void *self, const struct endpoint *where,
                        transport_done done, void *context,
                        struct transport *ret) {
    const struct https_connector *connector = self;
    struct https_options options = {
        .loop = connector->loop,
        .tls = connector->tls,
        .where = where,
        .done = done,
        .context = context,
    };
    struct https *https;
    TRY(https_new(&options, &https));
    *ret = (struct transport){https, table_send, table_close, table_look};
    return ERR_OK;
}

struct connector https_connector_table(struct https_connector *connector) {
    return (struct connector){connector, table_open};
}
