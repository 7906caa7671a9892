/* SPDX-License-Identifier: Apache-2.0 */
/* How a journal is opened. */
#ifndef GATEWAY_JOURNAL_OPTIONS_H
#define GATEWAY_JOURNAL_OPTIONS_H

#include "gateway/base/base.h"

struct journal_options {
    const struct platform *platform; /* outlives the journal */
    const char *dir;   /* created if absent; its parent must exist */
    const char *store; /* written into each segment's header */
    const char *stream;
    uint64_t segment_bytes;    /* preallocated size; 0 = 16 MiB */
    uint32_t batch_events_max; /* records in one frame; 0 = 1024 */
    uint32_t batch_bytes_max;  /* bytes of them; 0 = 4 MiB */
    uint64_t capacity; /* bytes of all segments and spares; 0 = no bound */
    uint32_t reserve;  /* bytes at each segment's end for what is committed with
                          journal_commit_reserved(); 0 = none */
    bool whole; /* nothing was ever trimmed: it begins at 0, or is damaged */
    uint64_t free_floor; /* bytes to leave free on the file system */
    bool quarantine;     /* set damage aside and continue; else ERR_CORRUPT */
    uint64_t known_end;  /* all records before this one once existed; 0 if not
                            known */
    /* Checks only the seals of all sealed segments but the last, so that the
     * time to open depends on the number of segments and not on the number of
     * records. Rot inside them is found by readers, who call
     * journal_note_gap(), or by an opening without this. */
    bool trust_sealed;
};

/* Replaces zeros by the defaults, and rounds `segment_bytes` to whole pages.
 * ERR_RANGE for impossible options. */
err_t journal_options_complete(const struct journal_options *options,
                               struct journal_options *ret,
                               struct reason *reason) MUST_USE;

#endif
