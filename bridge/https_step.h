/* SPDX-License-Identifier: Apache-2.0 */
/* How far an HTTPS connection is. */
#ifndef BRIDGE_HTTPS_STEP_H
#define BRIDGE_HTTPS_STEP_H

/* A connection goes down this list step by step, and from any step back to
 * CLOSED. SENDING and ANSWER differ only in what is left to write. */
enum step {
    STEP_CLOSED,
    STEP_RESOLVING,
    STEP_CONNECTING,
    STEP_TUNNEL, /* only by a proxy */
    STEP_HANDSHAKE,
    STEP_IDLE,
    STEP_SENDING,
    STEP_ANSWER,
};

/* What is said of one that took too long; "" where time is no fault. */
const char *https_step_late(enum step step);

#endif
