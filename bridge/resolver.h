/* SPDX-License-Identifier: Apache-2.0 */
/* Host names to addresses, without stopping the loop. Each look-up has a
 * detached thread of its own instead of libuv's worker pool: a name server that
 * does not answer would keep a worker from the journal's commits for half a
 * minute, and the process from ending. A look-up that nobody waits for any more
 * ends by itself. */
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

/* Begins a look-up; `done` is sent (uv_async_send) when it has ended.
 * ERR_MEMORY if no thread could be started. */
err_t resolver_start(const char *host, uint16_t port, uv_async_t *done,
                     struct resolver_job **ret) MUST_USE;
/* ERR_AGAIN while it has not ended. */
err_t resolver_result(struct resolver_job *job,
                      struct resolver_result *ret) MUST_USE;
/* Abandons it, ended or not: `done` is not sent any more. Takes NULL. */
void resolver_forget(struct resolver_job *job);

#endif
