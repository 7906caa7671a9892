/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that makes something of its journal's records, keeps snapshots of
 * it, and trims what they cover. */
#ifndef TESTS_SIMULATION_SNAPSHOTS_H
#define TESTS_SIMULATION_SNAPSHOTS_H

#include "tests/simulation/world.h"

/* One life of a disk, as power_random; after every start the snapshot that is
 * loaded, and the records that follow it, must give what the list of all
 * records gives. Now and then a snapshot is asked for of records that are not
 * durable yet, which must be refused. */
run_function snapshots_random;

#endif
