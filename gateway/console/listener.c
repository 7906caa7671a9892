/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A full backlog drops a connection's SYN, which comes again only a second
 * later; it costs nothing to let more wait. */
enum { BACKLOG = 64, SOCKET_MODE = 0660, ACCEPTS_A_TURN = 8 };

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un file;
};

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Gives the descriptor away, so that leaving the scope keeps it open. */
static int take_fd(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}

static err_t loopback_address(const struct config_address *from,
                              union address *ret, socklen_t *ret_len,
                              struct reason *reason) {
    if (!config_host_is_loopback(from->host)) {
        return reason_set(reason, ERR_RANGE,
                          "console.listen is %s, which is not loopback, and "
                          "this version has no token to protect the page from "
                          "other machines; write 127.0.0.1:%u",
                          from->host, from->port);
    }
    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET6, from->host, &ret->six.sin6_addr) == 1) {
        ret->six.sin6_family = AF_INET6;
        ret->six.sin6_port = htons(from->port);
        *ret_len = sizeof ret->six;
        return ERR_OK;
    }
    ret->four.sin_family = AF_INET;
    ret->four.sin_port = htons(from->port);
    ret->four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* What is not an address here is `localhost`. */
    (void)inet_pton(AF_INET, from->host, &ret->four.sin_addr);
    *ret_len = sizeof ret->four;
    return ERR_OK;
}

static err_t bind_failed(const struct config_address *address,
                         struct reason *reason) {
    if (errno == EADDRINUSE) {
        return reason_set(reason, ERR_BUSY,
                          "another program uses port %u of %s; stop it or set "
                          "console.listen to a free port",
                          address->port, address->host);
    }
    return reason_set(reason, ERR_IO, "cannot listen on %s port %u: %s",
                      address->host, address->port, strerror(errno));
}

err_t listener_open_tcp(const struct config_address *address, int *ret_fd,
                        uint16_t *ret_port, struct reason *reason) {
    union address bound;
    socklen_t len;
    TRY(loopback_address(address, &bound, &len, reason));
    CLEANUP(close_fd)
    int fd = socket(bound.any.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, &bound.any, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &bound.any, &len) != 0) {
        return bind_failed(address, reason);
    }
    /* sin_port and sin6_port stand at the same place. */
    *ret_port = ntohs(bound.four.sin_port);
    *ret_fd = take_fd(&fd);
    return ERR_OK;
}

/* Does somebody listen there? A crash leaves a file that refuses. */
static bool is_served(const union address *address) {
    CLEANUP(close_fd)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd >= 0 && (connect(fd, &address->any, sizeof address->file) == 0 ||
                       errno == EAGAIN);
}

static err_t clear_path(const union address *address, struct reason *reason) {
    const char *path = address->file.sun_path;
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? ERR_OK
                               : disk_failed(reason, ERR_IO, "look at", path);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return reason_set(reason, ERR_BUSY,
                          "%s already exists and is not a socket; move it away "
                          "or set another control_socket",
                          path);
    }
    if (is_served(address)) {
        return reason_set(reason, ERR_BUSY,
                          "another gateway answers on %s; stop it, or give "
                          "each its own data directory",
                          path);
    }
    if (unlink(path) != 0) {
        return disk_failed(reason, ERR_IO, "remove the stale", path);
    }
    return ERR_OK;
}

err_t listener_open_unix(const char *path, int *ret_fd, struct reason *reason) {
    union address address;
    memset(&address, 0, sizeof address);
    address.file.sun_family = AF_UNIX;
    if (slice_to_str(slice_from_str(path), address.file.sun_path,
                     sizeof address.file.sun_path) != ERR_OK) {
        return reason_set(reason, ERR_RANGE,
                          "the control socket's path is longer than %zu "
                          "bytes; set a shorter control_socket",
                          sizeof address.file.sun_path - 1);
    }
    TRY(clear_path(&address, reason));
    CLEANUP(close_fd)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The file takes the socket's mode (less the umask) when it is bound, so it
     * is never open to all; chmod then undoes the umask. */
    if (fd < 0 || fchmod(fd, SOCKET_MODE) != 0 ||
        bind(fd, &address.any, sizeof address.file) != 0 ||
        chmod(path, SOCKET_MODE) != 0 || listen(fd, BACKLOG) != 0) {
        return disk_failed(reason, ERR_IO, "listen on", path);
    }
    *ret_fd = take_fd(&fd);
    return ERR_OK;
}

/* An answer is written as a head and a body: without this the body waits until
 * the peer acknowledges the head, which it puts off by 40 ms. A unix socket has
 * no such option, and needs none. */
static void send_at_once(int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* A few a turn, so that a flood of connections never starves the loop. */
static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct listener *listener = poll->data;
    for (int i = 0; status == 0 && i < ACCEPTS_A_TURN; i++) {
        int fd =
            accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        send_at_once(fd);
        listener->accepted(listener->context, listener, fd);
    }
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

err_t listener_start(struct listener *listener, uv_loop_t *loop, int fd,
                     struct reason *reason) {
    uv_poll_t *poll = malloc(sizeof *poll);
    int failed = poll == NULL ? UV_ENOMEM : uv_poll_init(loop, poll, fd);
    if (failed != 0) {
        close(fd);
        free(poll);
        return reason_set(reason, ERR_IO, "cannot watch a socket: %s",
                          uv_strerror(failed));
    }
    poll->data = listener;
    /* On an open handle and with valid events this cannot fail. */
    failed = uv_poll_start(poll, UV_READABLE, on_readable);
    assert(failed == 0);
    listener->poll = poll;
    listener->fd = fd;
    return ERR_OK;
}

void listener_stop(struct listener *listener) {
    if (listener->fd < 0) {
        return;
    }
    uv_poll_stop(listener->poll);
    uv_close((uv_handle_t *)listener->poll, free_handle);
    close(listener->fd);
    listener->fd = -1;
    listener->poll = NULL;
}
