/* SPDX-License-Identifier: Apache-2.0 */
/* How large a request may be, and how long it may take. Pure.
 *
 * The first is small. Each that is answered allows one twice as large, unless
 * the network took more than half a second to take it; one that took more than
 * two seconds was too large.
 *
 * A request that was not answered may have been too large for the line, or for
 * a proxy that hangs up after some seconds: the next ones are half as large.
 * They grow again with each answer: twofold up to half of what failed last,
 * by a sixteenth from there on, so that few requests are lost to find the limit
 * once more. What was refused as too large (413) is not tried again for ten
 * minutes. */
#ifndef BRIDGE_REQUEST_SIZE_H
#define BRIDGE_REQUEST_SIZE_H

#include <stddef.h>
#include <stdint.h>

enum {
    REQUEST_SIZE_MIN = 4 * 1024,
    REQUEST_SIZE_FIRST = 256 * 1024,
    REQUEST_SIZE_SURE = 64 * 1024, /* up to here it always doubles */
};

#define REQUEST_SOON_US ((int64_t)500 * 1000)
#define REQUEST_LATE_US ((int64_t)2 * 1000 * 1000)
#define REQUEST_TOO_LARGE_US ((int64_t)10 * 60 * 1000 * 1000)

struct request_size {
    uint64_t now; /* bytes, as the sink measures them */
    uint64_t max;
    uint64_t doubles_to;
    uint64_t ceiling; /* while it counts: too large is one byte more */
    int64_t ceiling_until_us;
};

void request_size_init(struct request_size *size, uint64_t max);
/* A request of `bytes`, which the network took in so long, was answered; was
 * not answered; was refused as too large. */
void request_size_answered(struct request_size *size, uint64_t bytes,
                           int64_t sending_us, int64_t now_us);
void request_size_failed(struct request_size *size, uint64_t bytes);
void request_size_refused(struct request_size *size, uint64_t bytes,
                          int64_t now_us);

/* The time from a request's first byte to the last of its answer: enough for a
 * line of 4 KiB/s for each connection, and for a service that is slow. */
enum {
    REQUEST_DEADLINE_MS = 60 * 1000,
    REQUEST_BYTES_A_MS = 4,
};

static inline uint64_t request_deadline_ms(size_t bytes) {
    return REQUEST_DEADLINE_MS + (uint64_t)bytes / REQUEST_BYTES_A_MS;
}

#endif
