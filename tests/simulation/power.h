/* SPDX-License-Identifier: Apache-2.0 */
/* Stops, power cuts, kills and faults of a machine with a journal. */
#ifndef TESTS_SIMULATION_POWER_H
#define TESTS_SIMULATION_POWER_H

#include "tests/simulation/world.h"

/* A script of three processes, with rolls, a clean and an unclean end, stopped
 * at every single disk call, and then at every call of the recovery from that;
 * the seed decides what became of unsynced things. */
run_function power_every_call;
/* The script stopped somewhere, then the recovery, then the recovery from that,
 * four deep. */
run_function power_nested;
/* One life of a disk: a dozen processes one after the other, each ended by
 * chance. */
run_function power_random;
/* The script, in which the n-th call of a kind fails, for every n and every
 * kind, with an I/O error or because the disk is full, and the process ends at
 * that. A sync that failed has thrown its data away. */
run_function power_every_fault;

#endif
