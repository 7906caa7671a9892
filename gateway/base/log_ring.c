/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/log_ring.h"

#include <assert.h>

static_assert(LOG_RING_LINE_MAX <= LOG_RING_TAKE_MAX, "a line is taken whole");

static void copy_in(struct log_ring *ring, const void *data, size_t len) {
    assert(len <= LOG_RING_BYTES - ring->len);
    size_t end = (ring->at + ring->len) % LOG_RING_BYTES;
    size_t first = LOG_RING_BYTES - end < len ? LOG_RING_BYTES - end : len;
    memcpy(ring->bytes + end, data, first);
    memcpy(ring->bytes, (const char *)data + first, len - first);
    ring->len += len;
}

static bool has_room(const struct log_ring *ring, size_t len) {
    return len <= LOG_RING_BYTES - ring->len;
}

void log_ring_say_dropped(struct log_ring *ring,
                          size_t (*notice)(uint64_t lines, char *ret)) {
    if (ring->unsaid == 0 || !has_room(ring, LOG_RING_LINE_MAX)) {
        return;
    }
    char text[LOG_RING_LINE_MAX];
    size_t len = notice(ring->unsaid, text);
    assert(len > 0 && len <= sizeof text && text[len - 1] == '\n');
    copy_in(ring, text, len);
    ring->unsaid = 0;
}

/* While lines are missing none may follow without saying so. */
void log_ring_put(struct log_ring *ring, struct slice line,
                  size_t (*notice)(uint64_t lines, char *ret)) {
    assert(line.len > 0 && line.len <= LOG_RING_LINE_MAX);
    assert(line.data[line.len - 1] == '\n');
    log_ring_say_dropped(ring, notice);
    if (ring->unsaid > 0 || !has_room(ring, line.len)) {
        ring->dropped++;
        ring->unsaid++;
        return;
    }
    copy_in(ring, line.data, line.len);
}

size_t log_ring_take(struct log_ring *ring, char ret[LOG_RING_TAKE_MAX]) {
    size_t len = ring->len < LOG_RING_TAKE_MAX ? ring->len : LOG_RING_TAKE_MAX;
    for (size_t i = 0; i < len; i++) {
        ret[i] = ring->bytes[(ring->at + i) % LOG_RING_BYTES];
    }
    while (len > 0 && ret[len - 1] != '\n') {
        len--;
    }
    assert((len > 0) == (ring->len > 0));
    ring->len -= len;
    /* An empty one begins anew, so that a quiet log takes a page of memory. */
    ring->at = ring->len > 0 ? (ring->at + len) % LOG_RING_BYTES : 0;
    return len;
}
