/* SPDX-License-Identifier: Apache-2.0 */
/* Resolves host names without blocking the loop. Each look-up has its own
 * detached thread and does not use libuv's worker pool: a name server that does
 * not answer would keep a worker busy for half a minute, and would keep the
 * process from ending. A look-up that is no longer needed ends on its own. */
#ifndef BRIDGE_RESOLVER_H
#define BRIDGE_RESOLVER_H

#include <sys/socket.h>
#include <uv.h>

#include "gateway/base/base.h"

enum { RESOLVER_ADDRESSES_MAX = 8 };

struct resolver_result {
    struct sockaddr_storage addresses[RESOLVER_ADDRESSES_MAX];
    uint32_t count;
    int failed; /* a code for gai_strerror(), 0 if none */
};

struct resolver_job;

/* Starts a look-up; `done` is sent (uv_async_send) when it has ended.
 * ERR_MEMORY if no thread could be started. */
err_t resolver_start(const char *host, uint16_t port, uv_async_t *done,
                     struct resolver_job **ret) MUST_USE;
/* ERR_AGAIN while it has not ended. */
err_t resolver_result(struct resolver_job *job,
                      struct resolver_result *ret) MUST_USE;
/* Abandons it, ended or not: `done` is no longer sent. Takes NULL. */
void resolver_forget(struct resolver_job *job);

#endif
