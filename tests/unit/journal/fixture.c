/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEED = 5, SEGMENT_BYTES = 8 * JOURNAL_PAGE, IN_A_PAGE = 800 };

int fixture_setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->fake = fake_disk_new(SEED);
    f->platform = platform_real();
    f->platform.disk = fake_disk_table(f->fake);
    struct disk *disk = &f->platform.disk;
    assert_int_equal(disk->make_dir(disk->self, "/data"), ERR_OK);
    assert_int_equal(disk->sync_dir(disk->self, "/"), ERR_OK);
    f->options = (struct journal_options){.platform = &f->platform,
                                          .dir = FIXTURE_DIR,
                                          .store = "store-7",
                                          .stream = "orders",
                                          .segment_bytes = SEGMENT_BYTES};
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    fake_disk_free(f->fake);
    free(f);
    return 0;
}

void fixture_segment(uint64_t first, char ret[FIXTURE_PATH]) {
    snprintf(ret, FIXTURE_PATH, FIXTURE_DIR "/%020" PRIu64 ".seg", first);
}

void fixture_write(struct journal *journal, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        journal_begin(journal);
        support_append(journal, SLICE("record"));
        support_commit(journal);
    }
}

void fixture_kill(struct fixture *f, struct journal *journal) {
    fake_disk_stop(f->fake);
    journal_close(journal);
    fake_disk_power_cut(f->fake, FAKE_DROP);
}

void fixture_life(struct fixture *f, uint64_t count, bool killed) {
    struct journal *journal = support_open(&f->options);
    fixture_write(journal, count);
    if (killed) {
        fixture_kill(f, journal);
    } else {
        journal_close(journal);
    }
}

void fixture_rot(struct fixture *f, uint64_t first, uint64_t page) {
    char path[FIXTURE_PATH];
    fixture_segment(first, path);
    fake_disk_flip(f->fake, path, page * FIXTURE_PAGE_BITS + IN_A_PAGE);
}

struct segment_header fixture_header(struct fixture *f, uint64_t first) {
    char path[FIXTURE_PATH];
    fixture_segment(first, path);
    uint64_t size;
    const uint8_t *bytes = fake_disk_bytes(f->fake, path, &size);
    assert_non_null(bytes);
    struct segment_header header;
    uint16_t version;
    assert_int_equal(
        segment_header_read(slice_of(bytes, JOURNAL_PAGE), &header, &version),
        ERR_OK);
    return header;
}

void fixture_put_header(struct fixture *f, uint64_t first,
                        const struct segment_header *header) {
    char path[FIXTURE_PATH];
    fixture_segment(first, path);
    uint64_t size;
    const uint8_t *bytes = fake_disk_bytes(f->fake, path, &size);
    uint8_t *copy = malloc((size_t)size);
    assert_non_null(copy);
    memcpy(copy, bytes, (size_t)size);
    segment_header_write(header, copy);
    fake_disk_put(f->fake, path, slice_of(copy, (size_t)size));
    free(copy);
}
