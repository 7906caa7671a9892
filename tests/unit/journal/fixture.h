/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal's unit tests share: a journal on a simulated disk that can
 * lose its power, and files that can be damaged. */
#ifndef TESTS_UNIT_JOURNAL_FIXTURE_H
#define TESTS_UNIT_JOURNAL_FIXTURE_H

#include "gateway/journal/page.h"
#include "tests/simulation/fake_disk.h"
#include "tests/simulation/support.h"

#define FIXTURE_DIR "/data/orders"
#define FIXTURE_FIRST FIXTURE_DIR "/00000000000000000000.seg"

enum { FIXTURE_PATH = 64, FIXTURE_PAGE_BITS = JOURNAL_PAGE * 8 };

struct fixture {
    struct fake_disk *fake;
    struct platform platform; /* its disk is the fake */
    struct journal_options options;
};

/* For cmocka. The journal is not opened; a test may change its options. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The path of the segment that begins with this record. */
void fixture_segment(uint64_t first, char ret[FIXTURE_PATH]);
/* Appends so many records, each a frame of a page and a commit. */
void fixture_write(struct journal *journal, uint64_t count);
/* The process is gone, and what was not synced with it. */
void fixture_kill(struct fixture *f, struct journal *journal);
/* One run of the program that appends so many, and ends in order or is killed.
 */
void fixture_life(struct fixture *f, uint64_t count, bool killed);
/* Flips a bit in the frame at this page of the segment. */
void fixture_rot(struct fixture *f, uint64_t first, uint64_t page);
/* The segment's header, which must verify; and another in its place. */
struct segment_header fixture_header(struct fixture *f, uint64_t first);
void fixture_put_header(struct fixture *f, uint64_t first,
                        const struct segment_header *header);

#endif
