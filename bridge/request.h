/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a signed HTTP request to an AWS JSON 1.1 service. */
#ifndef BRIDGE_REQUEST_H
#define BRIDGE_REQUEST_H

#include "bridge/credentials.h"
#include "bridge/endpoint.h"
#include "bridge/sigv4.h"

/* Headers of any session token. */
enum { REQUEST_HEAD_MAX = CREDENTIALS_TOKEN_MAX + 8 * 1024 };

struct request {
    const struct endpoint *where;
    const struct credentials *credentials;
    const char *region;
    const char *service;
    const char *call; /* X-Amz-Target */
    const char *content_type;
    int64_t wall_us; /* by the server's clock */
    struct slice body;
};

/* Writes the request line, the headers and the blank line. ERR_FULL if a header
 * is longer than its limit. */
err_t request_write_head(const struct request *request, struct sigv4_key *key,
                         struct writer *writer) MUST_USE;

#endif
