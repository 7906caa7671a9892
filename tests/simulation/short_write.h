/* SPDX-License-Identifier: Apache-2.0 */
/* Short writes and interrupted calls, beneath the real disk's table. A program
 * with this row is linked with --wrap=pwrite and --wrap=fdatasync. */
#ifndef TESTS_SIMULATION_SHORT_WRITE_H
#define TESTS_SIMULATION_SHORT_WRITE_H

#include "tests/simulation/world.h"

/* Each commit's write is interrupted, then writes n bytes only, for every n of
 * a frame, and at last each byte of one by itself: what is read is what was
 * appended. An interrupted sync is a failed one: not repeated, and final. */
run_function short_write_every_length;

#endif
