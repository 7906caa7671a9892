/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/mend.h"

#include "gateway/journal/listing.h"

/* Where the header's fields are (page.h). */
enum {
    SALT_AT = 8,
    JOURNAL_ID_AT = 17,
    BOOT_ID_AT = 34,
    INCARNATION_AT = 60,
    NAMES_AT = 64,
    FIELDS_END = NAMES_AT + 2 * (2 + JOURNAL_NAME_MAX), /* at most */
    CHECKSUM_AT = JOURNAL_PAGE - 8,
};

struct mend {
    const struct disk *disk;
    const char *dir;
    uint64_t first_seq;
    struct mend_owner owner;
    uint8_t page[JOURNAL_PAGE]; /* as the disk has it */
    struct segment segment;     /* open */
    struct segment_buffer buffer;
    /* The nearest segments on both sides that have their header. */
    struct segment_header beside[2];
    size_t beside_count;
};

static void mend_free(struct mend *mend) {
    segment_close(&mend->segment);
    segment_buffer_free(&mend->buffer);
}

/* --- One bit -------------------------------------------------------------- */

static bool verifies(const struct mend *mend, struct segment_header *ret) {
    uint16_t version;
    return segment_header_read(slice_of(mend->page, JOURNAL_PAGE), ret,
                               &version) == ERR_OK &&
           ret->first_seq == mend->first_seq;
}

/* In the fields: each is tried. */
static bool by_one_bit(struct mend *mend, struct segment_header *ret) {
    for (size_t bit = 8 * SALT_AT; bit < 8 * FIELDS_END; bit++) {
        uint8_t mask = (uint8_t)(1 << bit % 8);
        mend->page[bit / 8] ^= mask;
        if (verifies(mend, ret)) {
            return true;
        }
        mend->page[bit / 8] ^= mask;
    }
    return false;
}

/* --- What is known from elsewhere ----------------------------------------- */

static void look_beside(struct mend *mend, const struct listing *listing,
                        size_t from, int step) {
    const struct mend_owner *owner = &mend->owner;
    for (size_t i = from; i < listing->segment_count; i += (size_t)step) {
        struct segment segment;
        if (segment_open(mend->disk, mend->dir, listing->segments[i], DISK_READ,
                         &segment, NULL) != ERR_OK) {
            continue;
        }
        const struct segment_header header = segment.header;
        segment_close(&segment);
        if (owner->store == NULL ||
            (strcmp(header.store, owner->store) == 0 &&
             strcmp(header.stream, owner->stream) == 0)) {
            mend->beside[mend->beside_count++] = header;
            return;
        }
    }
}

static err_t find_beside(struct mend *mend) {
    CLEANUP(listing_free) struct listing listing = {0};
    TRY(listing_load(mend->disk, mend->dir, &listing, NULL));
    size_t here = 0;
    while (here < listing.segment_count &&
           listing.segments[here] < mend->first_seq) {
        here++;
    }
    look_beside(mend, &listing, here - 1, -1); /* ends below 0, which wraps */
    look_beside(mend, &listing, here + 1, 1);
    return ERR_OK;
}

/* The incarnation in the first frame that verifies under the page's salt. False
 * if none does. */
static err_t find_frame(struct mend *mend, bool *ret) {
    struct segment *segment = &mend->segment;
    uint64_t size;
    TRY(mend->disk->size(mend->disk->self, segment->fd, &size));
    *ret = false;
    for (uint64_t at = JOURNAL_PAGE; at < size && !*ret; at += FRAME_ALIGN) {
        size_t len;
        struct frame_head head;
        struct segment_item item;
        err_t err = mend->disk->read(mend->disk->self, segment->fd, at,
                                     mend->buffer.data, JOURNAL_PAGE, &len);
        if (err != ERR_OK ||
            frame_parse(slice_of(mend->buffer.data, len), &head) != ERR_OK) {
            continue;
        }
        segment->header.incarnation = head.incarnation;
        err = segment_read(segment, at, &mend->buffer, &item);
        ENSURE(err == ERR_OK || err == ERR_IO, err);
        *ret = err == ERR_OK && item.type == SEGMENT_FRAME;
    }
    return ERR_OK;
}

/* The page's own, if they can be read. */
static bool take_page_names(const struct mend *mend,
                            struct segment_header *header) {
    char *const names[] = {header->store, header->stream};
    struct cursor cursor = cursor_over(slice_of(mend->page, JOURNAL_PAGE));
    cursor.at = NAMES_AT;
    for (size_t i = 0; i < 2; i++) {
        uint8_t kind;
        uint8_t len;
        struct slice name;
        if (cursor_u8(&cursor, &kind) != ERR_OK ||
            cursor_u8(&cursor, &len) != ERR_OK || len == 0 ||
            cursor_take(&cursor, len, &name) != ERR_OK ||
            slice_to_str(name, names[i], JOURNAL_NAME_MAX + 1) != ERR_OK ||
            names[i][0] == '\0') {
            return false;
        }
    }
    return true;
}

static void take_names(const struct mend *mend, struct segment_header *header) {
    const struct mend_owner *owner = &mend->owner;
    if (owner->store != NULL) {
        strcpy(header->store, owner->store);
        strcpy(header->stream, owner->stream);
    } else if (mend->beside_count > 0) {
        memcpy(header->store, mend->beside[0].store, sizeof header->store);
        memcpy(header->stream, mend->beside[0].stream, sizeof header->stream);
    } else if (!take_page_names(mend, header)) {
        strcpy(header->store, "unknown"); /* readers do not ask */
        strcpy(header->stream, "unknown");
    }
}

/* --- Field by field ------------------------------------------------------- */

/* Does the page have this header's checksum, but for `bits` bits of it? */
static bool has_its_checksum(const struct mend *mend,
                             const struct segment_header *header, int bits) {
    uint8_t page[JOURNAL_PAGE];
    segment_header_write(header, page);
    int differ = 0;
    for (size_t i = CHECKSUM_AT; i < JOURNAL_PAGE; i++) {
        differ += __builtin_popcount(page[i] ^ mend->page[i]);
    }
    return differ <= bits;
}

/* All fields are as the page has them: the bit is between, behind, or in the
 * checksum. */
static bool by_own_fields(const struct mend *mend, struct segment_header *ret) {
    struct segment_header header = {.first_seq = mend->first_seq};
    struct cursor cursor = cursor_over(slice_of(mend->page, JOURNAL_PAGE));
    memcpy(header.journal_id, mend->page + JOURNAL_ID_AT, JOURNAL_ID_SIZE);
    memcpy(header.boot_id, mend->page + BOOT_ID_AT, JOURNAL_ID_SIZE);
    cursor.at = SALT_AT;
    err_t err = cursor_u64(&cursor, &header.salt);
    cursor.at = INCARNATION_AT;
    if (err != ERR_OK || cursor_u32(&cursor, &header.incarnation) != ERR_OK ||
        !take_page_names(mend, &header) ||
        !has_its_checksum(mend, &header, 1)) {
        return false;
    }
    *ret = header;
    return true;
}

/* With either id as the page has it, or as one of the neighbours does. */
static bool by_fields(const struct mend *mend, struct segment_header *header) {
    size_t ways = mend->beside_count + 1;
    for (size_t way = 0; way < ways * ways; way++) {
        const uint8_t *id = mend->page + JOURNAL_ID_AT;
        const uint8_t *life = mend->page + BOOT_ID_AT;
        if (way % ways > 0) {
            id = mend->beside[way % ways - 1].journal_id;
        }
        if (way / ways > 0) {
            life = mend->beside[way / ways - 1].boot_id;
        }
        memcpy(header->journal_id, id, JOURNAL_ID_SIZE);
        memcpy(header->boot_id, life, JOURNAL_ID_SIZE);
        if (has_its_checksum(mend, header, 0)) {
            return true;
        }
    }
    return false;
}

static void by_salt(const struct mend *mend, struct segment_header *header) {
    memcpy(header->journal_id, mend->page + JOURNAL_ID_AT, JOURNAL_ID_SIZE);
    memcpy(header->boot_id, mend->page + BOOT_ID_AT, JOURNAL_ID_SIZE);
    for (size_t i = 0; i < mend->beside_count; i++) {
        const struct segment_header *beside = &mend->beside[i];
        memcpy(header->journal_id, beside->journal_id, JOURNAL_ID_SIZE);
        if (beside->incarnation == header->incarnation) {
            memcpy(header->boot_id, beside->boot_id, JOURNAL_ID_SIZE);
        }
    }
}

static err_t find_header(struct mend *mend) {
    struct segment_header *header = &mend->segment.header;
    struct segment_header found;
    uint16_t version;
    ENSURE(segment_header_read(slice_of(mend->page, JOURNAL_PAGE), &found,
                               &version) == ERR_CORRUPT,
           ERR_CORRUPT); /* it is whole: a renamed file's */
    if (by_own_fields(mend, &found) || by_one_bit(mend, &found)) {
        *header = found;
        return ERR_OK;
    }
    struct cursor salt = cursor_over(slice_of(mend->page, JOURNAL_PAGE));
    salt.at = SALT_AT;
    TRY(cursor_u64(&salt, &header->salt));
    header->first_seq = mend->first_seq;
    bool proved;
    TRY(find_frame(mend, &proved));
    ENSURE(proved && header->incarnation > 0, ERR_CORRUPT);
    TRY(find_beside(mend));
    take_names(mend, header);
    if (!by_fields(mend, header)) {
        by_salt(mend, header);
    }
    return ERR_OK;
}

static err_t mend_steps(struct mend *mend) {
    char path[SEGMENT_PATH_SIZE];
    size_t len;
    segment_path(mend->dir, mend->first_seq, SEGMENT_SUFFIX, path);
    TRY(segment_buffer_init(&mend->buffer));
    TRY(mend->disk->open(mend->disk->self, path, DISK_READ, &mend->segment.fd));
    mend->segment.disk = mend->disk;
    TRY(mend->disk->read(mend->disk->self, mend->segment.fd, 0, mend->page,
                         JOURNAL_PAGE, &len));
    ENSURE(len == JOURNAL_PAGE, ERR_CORRUPT);
    return find_header(mend);
}

err_t mend_open(const struct disk *disk, const char *dir, uint64_t first_seq,
                struct mend_owner owner, struct segment *ret) {
    CLEANUP(mend_free)
    struct mend mend = {
        .disk = disk, .dir = dir, .first_seq = first_seq, .owner = owner};
    TRY(mend_steps(&mend));
    *ret = mend.segment;
    mend.segment.disk = NULL; /* it is the caller's now */
    return ERR_OK;
}
