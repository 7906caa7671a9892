/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/probe.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

struct probe {
    uv_getaddrinfo_t resolve;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_timer_t timer;
    void (*done)(void *self, const char *address, const char *error);
    void *self;
    char address[INET6_ADDRSTRLEN];
    const char *host; /* borrowed for the life of the probe */
    uint16_t port;
    int family; /* AF_INET first, then AF_INET6 */
    int handles_open;
    int requests_open;
    int result;    /* a libuv error once finished */
    bool finished; /* result known, handles closing */
    bool cancelled;
};

/* Tells the owner once libuv has no more pointers into this. */
static void probe_end(struct probe *probe) {
    if (probe->handles_open > 0 || probe->requests_open > 0) {
        return;
    }
    if (!probe->cancelled) {
        const char *error =
            probe->result == 0 ? NULL : uv_strerror(probe->result);
        probe->done(probe->self, probe->address, error);
    }
    free(probe);
}

static void on_closed(uv_handle_t *handle) {
    struct probe *probe = handle->data;
    probe->handles_open--;
    probe_end(probe);
}

static void probe_finish(struct probe *probe, int result) {
    if (probe->finished) {
        return;
    }
    probe->finished = true;
    probe->result = result;
    uv_close((uv_handle_t *)&probe->tcp, on_closed);
    uv_close((uv_handle_t *)&probe->timer, on_closed);
    uv_cancel((uv_req_t *)&probe->resolve);
}

static void on_timeout(uv_timer_t *timer) {
    probe_finish(timer->data, UV_ETIMEDOUT);
}

static void on_connected(uv_connect_t *request, int status) {
    struct probe *probe = request->data;
    probe->requests_open--;
    probe_finish(probe, status);
    probe_end(probe);
}

static int probe_resolve(struct probe *probe, int family);

static void on_resolved(uv_getaddrinfo_t *request, int status,
                        struct addrinfo *found) {
    struct probe *probe = request->data;
    probe->requests_open--;
    if (status != 0 && !probe->finished && probe->family == AF_INET &&
        probe_resolve(probe, AF_INET6) == 0) {
        return;
    }
    if (status != 0 || probe->finished) {
        uv_freeaddrinfo(found);
        probe_finish(probe, status);
        probe_end(probe);
        return;
    }
    uv_ip_name(found->ai_addr, probe->address, sizeof probe->address);
    probe->connect.data = probe;
    int code = uv_tcp_connect(&probe->connect, &probe->tcp, found->ai_addr,
                              on_connected);
    uv_freeaddrinfo(found);
    if (code != 0) {
        probe_finish(probe, code);
        return;
    }
    probe->requests_open++;
}

static int probe_resolve(struct probe *probe, int family) {
    char service[8];
    snprintf(service, sizeof service, "%u", probe->port);
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    probe->family = family;
    int code = uv_getaddrinfo(probe->tcp.loop, &probe->resolve, on_resolved,
                              probe->host, service, &hints);
    probe->requests_open += code == 0;
    return code;
}

struct probe *probe_start(uv_loop_t *loop, const char *host, uint16_t port,
                          uint32_t timeout_ms,
                          void (*done)(void *self, const char *address,
                                       const char *error),
                          void *self) {
    struct probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        return NULL;
    }
    probe->done = done;
    probe->self = self;
    uv_tcp_init(loop, &probe->tcp);
    uv_timer_init(loop, &probe->timer);
    probe->handles_open = 2;
    probe->tcp.data = probe;
    probe->timer.data = probe;
    probe->resolve.data = probe;
    uv_update_time(loop); /* a long start-up must not eat the time-out */
    uv_timer_start(&probe->timer, on_timeout, timeout_ms, 0);
    probe->host = host;
    probe->port = port;
    int code = probe_resolve(probe, AF_INET);
    if (code != 0) {
        probe_finish(probe, code);
    }
    return probe;
}

void probe_cancel(struct probe *probe) {
    probe->cancelled = true;
    probe_finish(probe, UV_ECANCELED);
}
