/* SPDX-License-Identifier: Apache-2.0 */
/* What a request's head says, as libwebsockets read it. */
#ifndef GATEWAY_CONSOLE_HTTP_REQUEST_H
#define GATEWAY_CONSOLE_HTTP_REQUEST_H

#include <libwebsockets.h>

#include "gateway/base/base.h"

enum http_method {
    HTTP_METHOD_GET = 1,
    HTTP_METHOD_HEAD = 2,
    HTTP_METHOD_POST = 4,
    HTTP_METHOD_OTHER = 8
};

enum http_method http_request_method(struct lws *wsi);

/* DNS rebinding: a name that somebody else owns may point at this machine, and
 * the browser then takes us for that site. The Host header gives it away. */
bool http_request_is_ours(struct lws *wsi);
/* What is behind the `?`; empty if there is none. ERR_FULL if it does not
 * fit. */
err_t http_request_query(struct lws *wsi, uint8_t *ret, size_t ret_size,
                         size_t *ret_len) MUST_USE;
bool http_request_is_json(struct lws *wsi);
/* The length of the body; ERR_NOT_FOUND without one, ERR_RANGE if it is 0, past
 * `max` or no number. */
err_t http_request_body_length(struct lws *wsi, size_t max,
                               size_t *ret) MUST_USE;
/* May bytes follow that belong to this request? */
bool http_request_may_have_body(struct lws *wsi);

#endif
