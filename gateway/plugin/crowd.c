/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plugin/crowd.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
    BOUNDS_MAX = 8, /* as many as there are listeners */
    COUNT_US = 250 * 1000,
    GUESTS_FIRST = 64,
    PORT_MAX = 65535,
};

struct bound {
    uint16_t port;
    uint32_t max;
    uint32_t known, fresh; /* while it is counted */
};

/* A connection that was accepted. */
struct guest {
    ino_t inode;
    int fd;
    struct bound *bound;
    bool known; /* it was there at the last count, and was not too many */
};

struct guests {
    struct guest *list;
    size_t count, room;
};

struct crowd {
    struct bound bounds[BOUNDS_MAX];
    uint32_t bound_count;
    struct guests last; /* by inode */
    crowd_ended *ended;
    void *self;
    int64_t counted_us;
};

static bool guests_add(struct guests *guests, const struct guest *guest) {
    if (guests->count == guests->room) {
        size_t room = guests->room == 0 ? GUESTS_FIRST : 2 * guests->room;
        struct guest *list = realloc(guests->list, room * sizeof *list);
        if (list == NULL) {
            return false;
        }
        guests->list = list;
        guests->room = room;
    }
    guests->list[guests->count++] = *guest;
    return true;
}

/* --- Who is there --------------------------------------------------------- */

static uint16_t port_of(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    }
    if (address->ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    }
    return 0;
}

static struct bound *bound_of(struct crowd *crowd, uint16_t port) {
    for (uint32_t i = 0; i < crowd->bound_count; i++) {
        if (crowd->bounds[i].port == port && port != 0) {
            return &crowd->bounds[i];
        }
    }
    return NULL;
}

static int by_inode(const void *a, const void *b) {
    ino_t one = ((const struct guest *)a)->inode;
    ino_t other = ((const struct guest *)b)->inode;
    return (one > other) - (one < other);
}

static bool was_there(const struct crowd *crowd, const struct guest *guest) {
    return crowd->last.count > 0 &&
           bsearch(guest, crowd->last.list, crowd->last.count,
                   sizeof *crowd->last.list, by_inode) != NULL;
}

/* Is the file a connection to one of the ports? A listener has no peer. */
static bool is_guest(struct crowd *crowd, int fd, struct guest *ret) {
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
    struct sockaddr_storage peer;
    socklen_t own_len = sizeof own;
    socklen_t peer_len = sizeof peer;
    struct stat status;
    if (getsockname(fd, (struct sockaddr *)&own, &own_len) != 0) {
        return false;
    }
    *ret = (struct guest){.fd = fd, .bound = bound_of(crowd, port_of(&own))};
    if (ret->bound == NULL ||
        getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0 ||
        fstat(fd, &status) != 0) {
        return false;
    }
    ret->inode = status.st_ino;
    ret->known = was_there(crowd, ret);
    return true;
}

static void close_folder(DIR **folder) {
    if (*folder != NULL) {
        closedir(*folder);
    }
}

static bool find_guests(struct crowd *crowd, struct guests *ret) {
    CLEANUP(close_folder) DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    if (folder == NULL) {
        return false;
    }
    while ((entry = readdir(folder)) != NULL) {
        struct guest guest;
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (*end == '\0' && end != entry->d_name &&
            is_guest(crowd, (int)fd, &guest) && !guests_add(ret, &guest)) {
            return false;
        }
    }
    return true;
}

/* --- Who is too many ------------------------------------------------------ */

static void end(struct crowd *crowd, const struct guest *guest) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    char text[INET6_ADDRSTRLEN] = "";
    if (getpeername(guest->fd, (struct sockaddr *)&peer, &len) == 0) {
        const void *address =
            peer.ss_family == AF_INET
                ? (const void *)&((struct sockaddr_in *)&peer)->sin_addr
                : (const void *)&((struct sockaddr_in6 *)&peer)->sin6_addr;
        (void)inet_ntop(peer.ss_family, address, text, sizeof text);
    }
    (void)shutdown(guest->fd, SHUT_RDWR);
    crowd->ended(crowd->self, text);
}

/* Who was there has his place; the others have what is left. */
static bool has_place(struct guest *guest) {
    struct bound *bound = guest->bound;
    if (guest->known) {
        return true;
    }
    if (bound->known + bound->fresh >= bound->max) {
        return false;
    }
    bound->fresh++;
    return true;
}

static void count_known(struct crowd *crowd, const struct guests *guests) {
    for (uint32_t i = 0; i < crowd->bound_count; i++) {
        crowd->bounds[i].known = crowd->bounds[i].fresh = 0;
    }
    for (size_t i = 0; i < guests->count; i++) {
        guests->list[i].bound->known += guests->list[i].known ? 1 : 0;
    }
}

static void count(struct crowd *crowd) {
    struct guests now = {.count = 0};
    if (!find_guests(crowd, &now)) {
        free(now.list); /* of memory or files: the next time */
        return;
    }
    count_known(crowd, &now);
    size_t kept = 0;
    for (size_t i = 0; i < now.count; i++) {
        if (has_place(&now.list[i])) {
            now.list[kept++] = now.list[i];
        } else {
            end(crowd, &now.list[i]);
        }
    }
    now.count = kept;
    if (kept > 0) {
        qsort(now.list, kept, sizeof *now.list, by_inode);
    }
    free(crowd->last.list);
    crowd->last = now;
}

void crowd_tick(struct crowd *crowd, int64_t now_us) {
    assert(crowd->ended != NULL);
    if (crowd->bound_count > 0 && now_us - crowd->counted_us >= COUNT_US) {
        crowd->counted_us = now_us;
        count(crowd);
    }
}

/* --- Beginning and end ---------------------------------------------------- */

static bool take_number(const char **text, unsigned long max,
                        unsigned long *ret) {
    char *end;
    *ret = strtoul(*text, &end, 10);
    bool is_one = end != *text && *ret > 0 && *ret <= max;
    *text = end;
    return is_one;
}

static bool take_bound(struct crowd *crowd, const char **text) {
    unsigned long port;
    unsigned long max;
    if (!take_number(text, PORT_MAX, &port) ||
        !take_number(text, UINT32_MAX / BOUNDS_MAX, &max)) {
        return false;
    }
    struct bound *bound = bound_of(crowd, (uint16_t)port);
    if (bound == NULL) {
        if (crowd->bound_count == BOUNDS_MAX) {
            return false;
        }
        bound = &crowd->bounds[crowd->bound_count++];
        *bound = (struct bound){.port = (uint16_t)port};
    }
    bound->max += (uint32_t)max;
    return true;
}

err_t crowd_new(const char *bounds, crowd_ended *ended, void *self,
                struct crowd **ret, struct reason *reason) {
    struct crowd *crowd = calloc(1, sizeof *crowd);
    if (crowd == NULL) {
        return reason_set(reason, ERR_MEMORY, "no memory for the crowd");
    }
    crowd->ended = ended;
    crowd->self = self;
    crowd->counted_us = INT64_MIN / 2;
    while (*bounds != '\0') {
        if (!take_bound(crowd, &bounds)) {
            crowd_free(crowd);
            return reason_set(reason, ERR_CONFIG,
                              "plugin_opt_connections must have a port and "
                              "its connections for each of at most %d "
                              "listeners, such as 1883 1000 8883 1000",
                              BOUNDS_MAX);
        }
    }
    *ret = crowd;
    return ERR_OK;
}

void crowd_free(struct crowd *crowd) {
    if (crowd != NULL) {
        free(crowd->last.list);
        free(crowd);
    }
}
