/* SPDX-License-Identifier: Apache-2.0 */
/* The API's routes: what answers which path, and what each may be sent. They
 * know no connection. */
#ifndef GATEWAY_CONSOLE_ROUTES_H
#define GATEWAY_CONSOLE_ROUTES_H

#include "gateway/console/source.h"

/* An answer being built. */
struct answer {
    unsigned code;
    const char *type;
    struct slice body;
    const char *allow; /* Allow header of a 405; NULL otherwise */
    bool closes;       /* the connection, once it is sent */
};

/* Writes the body through the writer, and the code and type if they are not
 * those of a success. `body` is a POST's; of a GET it is what stands behind the
 * `?` of the path, if the route reads that. */
typedef void answer_fn(const struct console_source *source, struct slice body,
                       struct writer *writer, struct answer *ret);

struct route {
    const char *path;
    answer_fn *answer; /* to GET and HEAD; NULL: to none */
    answer_fn *take;   /* a POST, with its body; NULL: none */
    size_t body_max;
    bool query;      /* `answer` reads what is behind the `?` */
    bool take_local; /* by the control socket only */
};

/* NULL if there is none. */
const struct route *route_find(struct slice path);
/* Of enum http_method, those that it takes; NULL: a file of the page. */
unsigned route_methods(const struct route *route);
/* An error, as JSON. */
void route_fail(struct answer *ret, unsigned code, const char *text,
                struct writer *writer);

#endif
