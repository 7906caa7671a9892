/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory that can lose its power. Each file has what is on the medium
 * and what a process sees, and between them a list of what was not synced yet;
 * directory entries likewise. When the power goes, each of those is kept,
 * dropped, or torn by sectors, some of which hold noise; when only the process
 * goes, all that it saw stays, synced or not.
 *
 * Calls that change anything or sync are counted, so that a test can stop the
 * world at each of them; the call that is stopped may have happened in part. */
#ifndef TESTS_SIMULATION_FAKE_DISK_H
#define TESTS_SIMULATION_FAKE_DISK_H

#include "gateway/base/base.h"
#include "tests/simulation/fake_fault.h"
#include "tests/simulation/support.h"

struct fake_disk;

/* `seed` decides everything that is left to chance. */
struct fake_disk *fake_disk_new(uint64_t seed);
void fake_disk_free(struct fake_disk *fake);
/* Valid as long as the fake is. */
struct disk fake_disk_table(struct fake_disk *fake);

/* What the table says is free, and the most that one allocation may add to a
 * file; without bound at first. It stays as it is set. */
void fake_disk_set_free(struct fake_disk *fake, uint64_t bytes);

/* When files that are written from now on were changed. */
void fake_disk_set_now(struct fake_disk *fake, int64_t us);

/* The world stops in the n-th counted call from now; 0: never. From then on
 * every call fails, until one of the two restarts. */
void fake_disk_stop_at(struct fake_disk *fake, uint64_t calls);
void fake_disk_stop(struct fake_disk *fake); /* here and now */
bool fake_disk_stopped(const struct fake_disk *fake);
uint64_t fake_disk_calls(const struct fake_disk *fake); /* counted so far */

/* Once, the n-th call of a kind from now (1 is the next, 0 none) fails with
 * `err`, be it before or after a restart. A
 * failed write may have written a part. A failed sync throws away the data that
 * it should have brought to the medium, while a process goes on seeing it, and
 * the next sync succeeds. */
void fake_disk_fail_at(struct fake_disk *fake, enum fake_call call, uint64_t n,
                       err_t err);
bool fake_disk_failed(const struct fake_disk *fake); /* since a restart */

/* The two ways to go on; nothing may be open any more but for a process that is
 * to be thought of as gone. */
void fake_disk_power_cut(struct fake_disk *fake, enum fake_fate fate);
void fake_disk_process_gone(struct fake_disk *fake);

/* The bytes of a file, as a process sees them and as they are on the medium:
 * for a test that damages both. NULL if there is none. */
uint8_t *fake_disk_bytes(struct fake_disk *fake, const char *path,
                         uint64_t *ret_size);
/* Was the file that is there now made private? */
bool fake_disk_is_private(const struct fake_disk *fake, const char *path);
/* Sets bytes and size of a file, synced, whatever was there. */
void fake_disk_put(struct fake_disk *fake, const char *path,
                   struct slice bytes);
void fake_disk_flip(struct fake_disk *fake, const char *path, uint64_t bit);
/* From now on no read of the 4096 bytes at `at` succeeds; one place a file. */
void fake_disk_spoil(struct fake_disk *fake, const char *path, uint64_t at);

#endif
