/* SPDX-License-Identifier: Apache-2.0 */
/* What can happen to the fake disk. */
#ifndef TESTS_SIMULATION_FAKE_FAULT_H
#define TESTS_SIMULATION_FAKE_FAULT_H

enum fake_call {
    FAKE_NONE,
    FAKE_CREATE,
    FAKE_WRITE,
    FAKE_SYNC,
    FAKE_ALLOCATE,
    FAKE_TRUNCATE,
    FAKE_RENAME,
    FAKE_UNLINK,
    FAKE_MAKE_DIR,
    FAKE_REMOVE_DIR,
    FAKE_MAKE_LINK,
    FAKE_MAKE_PRIVATE,
    FAKE_SYNC_DIR,
    FAKE_READ,
    FAKE_NAMES,
    FAKE_CALLS,
};

/* What is unsynced when the power goes. */
enum fake_fate {
    FAKE_KEEP, /* all of it reached the medium */
    FAKE_DROP, /* none of it */
    FAKE_TEAR, /* by chance: each sector, each entry */
};

#endif
