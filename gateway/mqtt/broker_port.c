/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

/* The port that a socket was bound to. */
static uint16_t bound_port(int fd) {
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
        return 0;
    }
    return bound.ss_family == AF_INET6
               ? ntohs(((struct sockaddr_in6 *)&bound)->sin6_port)
               : ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

/* Sets errno on failure. */
static bool is_free(const struct addrinfo *address, uint16_t *port) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address->ai_family == AF_INET6) { /* as Mosquitto does */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
    bool ok = bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
              listen(fd, 1) == 0;
    int saved = errno;
    if (ok) {
        *port = bound_port(fd);
    }
    close(fd);
    errno = saved;
    return ok;
}

static err_t taken(const struct config_address *listen, struct reason *reason) {
    return reason_set(
        reason, ERR_BUSY,
        "port %u on %s is taken, perhaps by Debian's own broker: sudo "
        "systemctl "
        "disable --now mosquitto; or set broker.listen to another port, or "
        "broker.mode: external to use that broker",
        listen->port, listen->host);
}

err_t broker_port_check(const struct config_address *listen, uint16_t *port,
                        struct reason *reason) {
    char service[8];
    snprintf(service, sizeof service, "%u", *port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(listen->host, service, &hints, &found);
    if (code != 0) {
        return reason_set(reason, ERR_CONFIG,
                          "broker.listen: cannot listen on %s:%u: %s",
                          listen->host, listen->port, gai_strerror(code));
    }
    bool ok = is_free(found, port);
    freeaddrinfo(found);
    if (ok) {
        return ERR_OK;
    }
    if (errno == EADDRINUSE) {
        return taken(listen, reason);
    }
    return reason_set(reason, ERR_CONFIG,
                      "broker.listen: cannot listen on %s:%u: %s", listen->host,
                      listen->port, strerror(errno));
}
