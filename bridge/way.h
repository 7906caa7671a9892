/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream's service is reached, in words, as a start would find it. */
#ifndef BRIDGE_WAY_H
#define BRIDGE_WAY_H

#include "config/config.h"
#include "gateway/base/base.h"

enum { WAY_TEXT_MAX = 1024 };

/* "https://HOST[:PORT], by proxy HOST:PORT (HTTPS_PROXY)"; the stream has a
 * sink. ERR_CONFIG, as endpoint_choose(). */
err_t way_describe(const struct config_cloud *cloud,
                   const struct config_stream *stream, char ret[WAY_TEXT_MAX],
                   struct reason *reason) MUST_USE;

#endif
