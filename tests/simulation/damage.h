/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on the disk that are not what the journal wrote there. */
#ifndef TESTS_SIMULATION_DAMAGE_H
#define TESTS_SIMULATION_DAMAGE_H

#include "tests/simulation/world.h"

/* Each bit of the head of each frame of a closed journal is flipped: it is
 * refused, and a reader gives no record that differs in any field. */
run_function damage_heads;
/* A record carries a frame at each place where recovery looks, forged by one
 * who knows everything of the journal but its salt. Whichever page of that
 * record's own frame a power cut takes away, what is left is a torn end. */
run_function damage_forged;
/* The space that a segment is given shows the blocks of one that was removed:
 * under the new header lie frames, and a seal, of an earlier start. Once with
 * salts as they are, once with a random source that gives the same numbers at
 * each start (a snapshot that was restored), where only the incarnation tells
 * the starts apart. */
run_function damage_stale;

#endif
