/* SPDX-License-Identifier: Apache-2.0 */
/* When a lost connection is opened again. Computes only; the link has the
 * timer.
 *
 * Usually after 0.1 s to 5 s, doubling; a connection that was accepted starts
 * again at 0.1 s, unless several ended soon one after the other.
 *
 * Another client of the same id takes the session over: two boxes of one image,
 * or a copied data folder. Coming back at once would take it over from the
 * other, which comes back at once; so the wait doubles from 1 s to 5 minutes.
 * It is over when nobody came for 10 minutes, more than the other can be
 * waiting. A broker may say so (MQTT 5, reason 0x8E); Mosquitto 2.0.11 closes
 * without a word. Then it is taken for one if another connection to the same
 * broker stayed, and this one was short. All waits are jittered: half of it is
 * random.
 */
#ifndef GATEWAY_MQTT_LINK_RETRY_H
#define GATEWAY_MQTT_LINK_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LINK_RETRY_MS_MIN = 100,
    LINK_RETRY_MS_MAX = 5000,
    LINK_RETRY_TAKEN_MS_MIN = 1000,
    LINK_RETRY_TAKEN_MS_MAX = 300000,
    LINK_RETRY_CALM_MS = 600000, /* up so long: nobody takes it over */
    LINK_RETRY_SHORT_MS = 10000, /* a connection that ends sooner is short */
    LINK_RETRY_SHORT_MAX = 5,
};

/* Zeroed is ready. */
struct link_retry {
    uint32_t lost;        /* in a row, without a connection that was accepted */
    uint32_t short_lived; /* connections in a row */
    uint32_t taken_in_a_row;
    uint64_t takeovers; /* in all */
    bool up;
    uint64_t up_ms;   /* since when */
    uint64_t life_ms; /* of the last one */
};

/* The broker accepted the connection. */
void link_retry_up(struct link_retry *retry, uint64_t now_ms);
/* The connection is lost, or could not be made. How many milliseconds to wait;
 * `random` is any number. */
uint32_t link_retry_lost(struct link_retry *retry, uint64_t now_ms,
                         uint32_t random);
/* And another client took the session over, as the broker said (`told`) or as
 * it seems. How long to wait; 0: it was no take-over. */
uint32_t link_retry_taken(struct link_retry *retry, bool told, uint32_t random);
/* A new broker, or a new address: nothing of the old one counts but the sum. */
void link_retry_reset(struct link_retry *retry);
/* Somebody else uses this client id: it was taken over three times or more.
 * Call it now and then: it also notices that it is over. */
bool link_retry_is_contended(struct link_retry *retry, uint64_t now_ms);

#endif
