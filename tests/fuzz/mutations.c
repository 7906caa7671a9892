/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/mutations.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "gateway/journal/segment.h"

enum {
    PATH_SIZE = 96,
    SALT_AT = 8,
    PAGE_SUM_AT = JOURNAL_PAGE - 8,
    FRAME_FRONT_LEN = 38,
    FRAME_SUM_AT = 39,
    FRAME_BODY_AT = 47,
    FRAME_EVENTS_LEN_AT = 48,
    FRAME_EVENTS_AT = 52,
    SEAL_MARK_AT = 9,
};

/* The checksums are worked out here again, from the format's drawing in
 * journal.h, and not by the code that is tested. */

static uint64_t get(const uint8_t *at, size_t width) {
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void put(uint8_t *at, size_t width, uint64_t value) {
    for (size_t i = width; i > 0; i--) {
        at[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

/* --- Taking --- */

static void add_file(void *context, const char *name) {
    struct mutated *mutated = context;
    uint64_t first;
    if (segment_name_read(name, SEGMENT_SUFFIX, &first)) {
        assert(mutated->file_count < MUTATED_FILES_MAX);
        mutated->files[mutated->file_count++].was = first;
    }
}

static int file_compare(const void *left, const void *right) {
    const struct mutated_file *a = left;
    const struct mutated_file *b = right;
    return (a->was > b->was) - (a->was < b->was);
}

static void file_path(uint64_t name, char ret[PATH_SIZE]) {
    snprintf(ret, PATH_SIZE, MACHINE_DIR "/%020" PRIu64 ".seg", name);
}

struct mutated *mutated_take(struct machine *machine) {
    struct mutated *mutated = calloc(1, sizeof *mutated);
    assert(mutated != NULL);
    const struct disk *disk = &machine->platform.disk;
    err_t err = disk->list(disk->self, MACHINE_DIR, add_file, mutated);
    assert(err == ERR_OK);
    qsort(mutated->files, mutated->file_count, sizeof *mutated->files,
          file_compare);
    for (size_t i = 0; i < mutated->file_count; i++) {
        struct mutated_file *file = &mutated->files[i];
        char path[PATH_SIZE];
        file_path(file->was, path);
        uint64_t len = 0;
        const uint8_t *bytes = fake_disk_bytes(machine->fake, path, &len);
        assert(bytes != NULL && len <= sizeof file->bytes);
        memcpy(file->original, bytes, (size_t)len);
        memcpy(file->bytes, bytes, (size_t)len);
        file->name = file->was;
        file->original_len = (size_t)len;
        file->len = (size_t)len;
    }
    return mutated;
}

/* --- Checksums --- */

static uint64_t salt_of(const struct mutated_file *file) {
    return get(file->bytes + SALT_AT, 8);
}

/* Bytes of the frame at `at` by what its head says; 0 if there is none. */
static size_t frame_len(const struct mutated_file *file, size_t at) {
    const uint8_t *frame = file->bytes + at;
    if (at + JOURNAL_PAGE > file->len || frame[0] != 0x88) {
        return 0;
    }
    uint64_t used = FRAME_EVENTS_AT + get(frame + FRAME_EVENTS_LEN_AT, 4) + 5;
    uint64_t len = (used + JOURNAL_PAGE - 1) / JOURNAL_PAGE * JOURNAL_PAGE;
    return len <= file->len - at ? (size_t)len : 0;
}

static uint64_t frame_sum(const struct mutated_file *file, size_t at,
                          size_t len) {
    const uint8_t *frame = file->bytes + at;
    uint64_t seed = XXH3_64bits_withSeed(frame, FRAME_FRONT_LEN, salt_of(file));
    return XXH3_64bits_withSeed(frame + FRAME_BODY_AT, len - FRAME_BODY_AT,
                                seed);
}

static bool is_seal(const struct mutated_file *file, size_t at) {
    return memcmp(file->bytes + at + SEAL_MARK_AT, "ShopmeEdge seal\n", 16) ==
           0;
}

/* The checksum of whatever this page begins. */
static void fix_checksum(struct mutated_file *file, size_t page) {
    size_t at = page * JOURNAL_PAGE;
    if (at + JOURNAL_PAGE > file->len) {
        return;
    }
    uint8_t *bytes = file->bytes + at;
    size_t len = frame_len(file, at);
    if (page == 0 || is_seal(file, at)) {
        put(bytes + PAGE_SUM_AT, 8,
            XXH3_64bits_withSeed(bytes, PAGE_SUM_AT, salt_of(file)));
    } else if (len > 0) {
        put(bytes + FRAME_SUM_AT, 8, frame_sum(file, at, len));
    }
}

/* What follows a frame's records, so that a changed length is one that fits. */
static void fix_padding(struct mutated_file *file, size_t page) {
    size_t at = page * JOURNAL_PAGE;
    size_t len = frame_len(file, at);
    if (len > 0) {
        uint8_t *frame = file->bytes + at;
        size_t end =
            FRAME_EVENTS_AT + (size_t)get(frame + FRAME_EVENTS_LEN_AT, 4);
        frame[end] = 0x5a;
        put(frame + end + 1, 4, len - end - 5);
    }
}

/* --- Changes --- */

struct change {
    struct mutated *mutated;
    struct mutated_file *file;
    size_t page; /* one that the file has, if it has any */
    struct cursor *input;
};

typedef void change_function(struct change *change);

/* Near the old one, near the highest, or any. */
static uint64_t next_value(struct cursor *input, uint64_t old) {
    switch (fuzz_u8(input) % 4) {
    case 0:
        return old + fuzz_u8(input);
    case 1:
        return old - fuzz_u8(input);
    case 2:
        return UINT64_MAX - fuzz_u8(input);
    default:
        return fuzz_u64(input);
    }
}

static void change_bytes(struct change *change) {
    struct mutated_file *file = change->file;
    size_t at = change->page * JOURNAL_PAGE;
    at += (size_t)fuzz_u8(change->input) << 8 | fuzz_u8(change->input);
    size_t count = 1 + fuzz_u8(change->input) % 16;
    for (size_t i = at; i < at + count && i < file->len; i++) {
        file->bytes[i] = fuzz_u8(change->input);
    }
}

/* An integer of a header, a frame or a seal. */
static void change_field(struct change *change) {
    static const struct {
        uint8_t at;
        uint8_t width;
    } fields[] = {
        {5, 2},  {8, 8},  {18, 1}, {51, 8}, {60, 4}, {65, 1},
        {66, 1}, {2, 4},  {7, 8},  {16, 4}, {21, 8}, {30, 8},
        {39, 8}, {48, 4}, {53, 4}, {25, 8}, {33, 1},
    };
    struct mutated_file *file = change->file;
    size_t field = fuzz_u8(change->input) % (sizeof fields / sizeof *fields);
    size_t at = change->page * JOURNAL_PAGE + fields[field].at;
    size_t width = fields[field].width;
    if (at + width <= file->len) {
        uint8_t *bytes = file->bytes + at;
        put(bytes, width, next_value(change->input, get(bytes, width)));
    }
}

static void change_len(struct change *change) {
    size_t len = (size_t)fuzz_u8(change->input) << 8;
    len |= fuzz_u8(change->input);
    change->file->len = len % (change->file->len + 1);
}

static void change_gone(struct change *change) {
    change->file->gone = true;
}

static void change_name(struct change *change) {
    struct mutated_file *file = change->file;
    file->name = next_value(change->input, file->name);
    put(file->bytes + 51, 8, file->name);
}

static void change_copy(struct change *change) {
    struct mutated *mutated = change->mutated;
    const struct mutated_file *from =
        &mutated->files[fuzz_u8(change->input) % mutated->file_count];
    size_t page = fuzz_u8(change->input) % MUTATED_PAGES_MAX;
    if ((page + 1) * JOURNAL_PAGE <= from->len &&
        (change->page + 1) * JOURNAL_PAGE <= change->file->len) {
        memmove(change->file->bytes + change->page * JOURNAL_PAGE,
                from->bytes + page * JOURNAL_PAGE, JOURNAL_PAGE);
    }
}

static void change_spoil(struct change *change) {
    change->file->spoiled = true;
    change->file->spoiled_at = change->page * JOURNAL_PAGE;
    change->mutated->spoiled = true;
}

static void change_grow(struct change *change) {
    struct mutated_file *file = change->file;
    size_t len =
        file->len + (size_t)(fuzz_u8(change->input) % 4) * JOURNAL_PAGE;
    if (len <= sizeof file->bytes && len > file->len) {
        memset(file->bytes + file->len, 0, len - file->len);
        file->len = len;
    }
}

static void change_zero(struct change *change) {
    struct mutated_file *file = change->file;
    if ((change->page + 1) * JOURNAL_PAGE <= file->len) {
        memset(file->bytes + change->page * JOURNAL_PAGE, 0, JOURNAL_PAGE);
    }
}

/* The file that names what damage took; sometimes it verifies not. */
static void change_damage(struct change *change) {
    struct mutated *mutated = change->mutated;
    struct cursor *input = change->input;
    struct writer writer = writer_over(mutated->damage, sizeof mutated->damage);
    uint8_t how = fuzz_u8(input);
    uint32_t count = how % (MUTATED_GAPS_MAX + 1);
    writer_str(&writer, "SEDGEROT");
    writer_u32(&writer, how & 0x80 ? fuzz_u8(input) : 1);
    writer_u32(&writer, (uint32_t)next_value(input, 0));
    writer_u32(&writer, how & 0x40 ? fuzz_u8(input) : count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t first = next_value(input, 0);
        writer_u64(&writer, first);
        writer_u64(&writer, next_value(input, first));
        writer_u64(&writer, next_value(input, first));
    }
    uint64_t sum = XXH3_64bits(writer.data, writer.len);
    writer_u64(&writer, how & 0x20 ? ~sum : sum);
    mutated->damage_len = writer.len;
}

static void change_nothing(struct change *change) {
    (void)change; /* but fixes what others did */
}

void mutated_change(struct mutated *mutated, struct cursor *input) {
    static change_function *const changes[] = {
        change_bytes, change_field, change_field,  change_len,
        change_gone,  change_name,  change_copy,   change_spoil,
        change_grow,  change_zero,  change_damage, change_nothing,
    };
    enum { MEND = 0x80, MEND_PADDING = 0x40 };
    uint8_t what = fuzz_u8(input);
    struct change change = {
        .mutated = mutated,
        .file = &mutated->files[fuzz_u8(input) % mutated->file_count],
        .page = fuzz_u8(input) % MUTATED_PAGES_MAX,
        .input = input,
    };
    size_t pages = change.file->len / JOURNAL_PAGE;
    change.page = pages == 0 ? 0 : change.page % pages;
    changes[what % 0x40 % (sizeof changes / sizeof *changes)](&change);
    if (what & MEND_PADDING) {
        fix_padding(change.file, change.page);
    }
    if (what & MEND) {
        fix_checksum(change.file, change.page);
    }
}

/* --- Putting --- */

/* A frame that verifies and was not written there so. */
static bool is_forged(const struct mutated_file *file, size_t at) {
    size_t len = frame_len(file, at);
    const uint8_t *frame = file->bytes + at;
    if (len == 0 || get(frame + FRAME_SUM_AT, 8) != frame_sum(file, at, len)) {
        return false;
    }
    return at + len > file->original_len ||
           memcmp(frame, file->original + at, len) != 0;
}

static void find_claims(struct mutated *mutated,
                        const struct mutated_file *file) {
    for (size_t at = JOURNAL_PAGE; at < file->len; at += JOURNAL_PAGE) {
        if (is_forged(file, at)) {
            mutated->claims[mutated->claim_count++] = (struct mutated_claim){
                .first = get(file->bytes + at + 7, 8),
                .count = get(file->bytes + at + 16, 4),
            };
        }
    }
}

static void put_file(const struct mutated_file *file, struct fake_disk *fake) {
    char path[PATH_SIZE];
    file_path(file->name, path);
    fake_disk_put(fake, path, slice_of(file->bytes, file->len));
    if (file->spoiled) {
        fake_disk_spoil(fake, path, file->spoiled_at);
    }
}

static void remove_old(const struct mutated *mutated, struct disk *disk) {
    for (size_t i = 0; i < mutated->file_count; i++) {
        char path[PATH_SIZE];
        file_path(mutated->files[i].was, path);
        err_t err = disk->unlink(disk->self, path);
        assert(err == ERR_OK);
    }
    err_t err = disk->sync_dir(disk->self, MACHINE_DIR);
    assert(err == ERR_OK);
}

void mutated_put(struct mutated *mutated, struct machine *machine) {
    remove_old(mutated, &machine->platform.disk);
    for (size_t i = 0; i < mutated->file_count; i++) {
        const struct mutated_file *file = &mutated->files[i];
        if (!file->gone) {
            put_file(file, machine->fake);
            find_claims(mutated, file);
        }
    }
    if (mutated->damage_len > 0) {
        fake_disk_put(machine->fake, MACHINE_DIR "/damage",
                      slice_of(mutated->damage, mutated->damage_len));
    }
}

bool mutated_claims(const struct mutated *mutated, uint64_t seq) {
    for (size_t i = 0; i < mutated->claim_count; i++) {
        const struct mutated_claim *claim = &mutated->claims[i];
        if (seq >= claim->first && seq - claim->first < claim->count) {
            return true;
        }
    }
    return false;
}
