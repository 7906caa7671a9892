/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/damage.h"
#include "tests/simulation/power.h"
#include "tests/simulation/snapshots.h"

const struct control journal_controls[] = {
    {"SKIP_SYNC", "a commit is not synced", power_random},
    {"ACK_EARLY", "a commit is acknowledged before its sync", power_random},
    {"SKIP_DIR_SYNC", "a segment's name is not synced", power_random},
    {"REUSE_EARLY", "a file is reused before its trim is synced", power_random},
    {"KEEP_TAIL", "an unsealed segment is gone on with", power_random},
    {"UNALIGNED", "frames begin at 64 bytes, not at pages", power_random},
    {"RETRY_FSYNC", "a failed sync is repeated and believed",
     power_every_fault},
    {"NO_HEAD_CHECKSUM", "checksums cover the body only", damage_heads},
    {"NO_SALT", "checksums of frames have no salt", damage_forged},
    {"REUSE_INCARNATION", "a start does not take the next incarnation",
     damage_stale},
    {"SNAPSHOT_AHEAD", "a snapshot may be ahead of the journal",
     snapshots_random},
    {NULL, NULL, NULL},
};
