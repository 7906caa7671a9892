/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/socket.h"

#include <assert.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

enum { UNSENT_MAX = 128 * 1024 };

/* None can fail on a connected socket. If one did, the connection would only be
 * slower to send or to give up (RFC 5482), or a slow line would be noticed
 * later: what is not sent yet is kept small, so that it shows. */
void socket_tune(uv_tcp_t *tcp, unsigned unseen_ms) {
    uv_os_fd_t fd;
    int unsent = UNSENT_MAX;
    assert(unseen_ms > 0);
    uv_tcp_nodelay(tcp, 1);
    if (uv_fileno((const uv_handle_t *)tcp, &fd) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unseen_ms,
                   sizeof unseen_ms);
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    }
}

int socket_unsent(const uv_tcp_t *tcp) {
    uv_os_fd_t fd;
    int bytes = 0;
    if (uv_fileno((const uv_handle_t *)tcp, &fd) != 0 ||
        ioctl(fd, SIOCOUTQNSD, &bytes) != 0) {
        return 0;
    }
    return bytes;
}
