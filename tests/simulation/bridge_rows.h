/* SPDX-License-Identifier: Apache-2.0 */
/* A sender over a journal, on a simulated disk, clock and cloud. */
#ifndef TESTS_SIMULATION_BRIDGE_ROWS_H
#define TESTS_SIMULATION_BRIDGE_ROWS_H

#include "tests/simulation/world.h"

/* Crashes at each step of a life: of the process, and of the power (B7). */
run_function bridge_every_crash;
/* Long lives with every kind of answer, and crashes by chance (B1 to B4). */
run_function bridge_random;
/* Thirty days without a line, or a part of them (B6). */
run_function bridge_offline;

extern const struct control bridge_controls[];

#endif
