/* SPDX-License-Identifier: Apache-2.0 */
/* Figures from which on something is worth a reason. */
#ifndef GATEWAY_VERDICT_VERDICT_LIMITS_H
#define GATEWAY_VERDICT_VERDICT_LIMITS_H

#include <stdint.h>

/* A commit in flight this long: the disk hangs. */
#define VERDICT_HANGS_US ((int64_t)10 * 1000 * 1000)
/* A backlog older, or room for less, than this is worth a look. */
#define VERDICT_DAY_S ((int64_t)24 * 60 * 60)
/* No clock of a box that runs this program is right before 2025. */
#define VERDICT_CLOCK_MIN_US ((int64_t)1735689600 * 1000 * 1000)
/* AWS refuses a signature that is 5 minutes off; raised there, and cleared only
 * below the second figure. */
#define VERDICT_CLOCK_OFF_MS ((int64_t)300 * 1000)
#define VERDICT_CLOCK_NEAR_MS ((int64_t)240 * 1000)

#endif
