/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sending.h"

/* Some of the request waits to be sent, and the line does carry something: one
 * that carries nothing is no reason for others to stand back. */
static bool is_stalled(struct sending *sending, uint64_t now_ms,
                       const uv_tcp_t *tcp) {
    int bytes = socket_unsent(tcp);
    if (bytes != sending->unsent) {
        sending->unsent = bytes;
        sending->moved_ms = now_ms;
    }
    return bytes > 0 && now_ms - sending->written_ms >= SENDING_STALLED_MS &&
           now_ms - sending->moved_ms < SENDING_HUNG_MS;
}

void sending_look(struct sending *sending, uint64_t now_ms, const uv_tcp_t *tcp,
                  struct transport_line *ret) {
    uint64_t taken_ms = sending->taken_ms;
    *ret = (struct transport_line){
        .sending_us = taken_ms > sending->begun_ms
                          ? (int64_t)(taken_ms - sending->begun_ms) * 1000
                          : 0,
        .stalled = tcp != NULL && is_stalled(sending, now_ms, tcp),
    };
}
