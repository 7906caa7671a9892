/* SPDX-License-Identifier: Apache-2.0 */
/* What the verdict wants to know of dead letters. */
#ifndef GATEWAY_VERDICT_VERDICT_DEAD_H
#define GATEWAY_VERDICT_VERDICT_DEAD_H

#include <stdbool.h>
#include <stdint.h>

/* Of the box. All zero is well. Strings are borrowed for the call. */
struct verdict_dead_facts {
    uint64_t letters;     /* that wait for a person */
    uint64_t ageing;      /* of those: that go soon because of their age */
    int64_t oldest_age_s; /* of those */
    uint64_t lost;        /* records that the disk has lost */
    const char *full;     /* why none can be written; NULL or empty: one can */
};

/* Of a stream: why what the cloud refuses is held, though it might be a letter:
 * it looks like a mistake at the service. */
enum verdict_refusals {
    VERDICT_REFUSALS_FINE,
    VERDICT_REFUSALS_DENIED, /* everything is */
    VERDICT_REFUSALS_MANY,
};

#endif
