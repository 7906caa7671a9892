/* SPDX-License-Identifier: Apache-2.0 */
/* Rot, and what a start makes of it. */
#ifndef TESTS_SIMULATION_ROT_H
#define TESTS_SIMULATION_ROT_H

#include "tests/simulation/world.h"

/* Each page of each segment of a journal, sealed and not, is flipped, zeroed,
 * filled with noise, made unreadable, or goes with its whole file; with and
 * without a cursor that knows the journal's end. After the start everything
 * outside the lost range is there, the range is exact and announced once, and
 * the damaged file is kept as it was; with `stop` it is refused and nothing is
 * changed. The power is cut at each disk call of the way there. This is the
 * decision table of gateway/journal/recovery.c over all its inputs. */
run_function rot_each_page;

#endif
