/* SPDX-License-Identifier: Apache-2.0 */
/* A power cut at every byte of a commit. */
#ifndef TESTS_SIMULATION_BYTES_H
#define TESTS_SIMULATION_BYTES_H

#include "tests/simulation/world.h"

/* Batches of 1 to 64 records at a segment's start, in its middle, and up to its
 * very end; of each frame, the first n bytes reach the disk, for every n that
 * makes a difference (what ends a frame is zeros, as the space it is written
 * to). The journal has the batch whole or not at all, and a second cut, right
 * after the recovery, changes nothing. */
run_function bytes_every_byte;

#endif
