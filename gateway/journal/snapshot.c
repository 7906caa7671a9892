/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/snapshot.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "gateway/journal/fixed.h"
#include "gateway/journal/segment.h"

enum {
    FORMAT = 1,
    JOURNAL_ID_AT = 8,
    FILES_MAX = 64, /* so that one directory is searched at a time */
    CONTENT_AT = 42,
    CHECKSUM_SIZE = 9,
};

#define SUFFIX ".snap"
#define SUFFIX_COPY ".copy" /* release 0.1.0 passes over it */
#define SUFFIX_BAD ".bad"
#define TEMPORARY "snapshot.tmp"

struct path {
    char text[SEGMENT_PATH_SIZE + sizeof SUFFIX];
};

static struct path path_of(const char *dir, uint64_t seq, const char *suffix) {
    struct path path;
    int len = snprintf(path.text, sizeof path.text, "%s/%020" PRIu64 "%s", dir,
                       seq, suffix);
    assert(len > 0 && (size_t)len < sizeof path.text);
    return path;
}

static struct path path_temporary(const char *dir) {
    struct path path;
    int len = snprintf(path.text, sizeof path.text, "%s/" TEMPORARY, dir);
    assert(len > 0 && (size_t)len < sizeof path.text);
    return path;
}

/* --- The existing files -------------------------------------------------- */

struct file {
    uint64_t seq;
    bool copy;
};

struct files {
    struct file list[FILES_MAX]; /* the newest ones, newest first */
    size_t count;
};

static const char *suffix_of(struct file file) {
    return file.copy ? SUFFIX_COPY : SUFFIX;
}

static struct path path_of_file(const char *dir, struct file file) {
    return path_of(dir, file.seq, suffix_of(file));
}

static bool name_read(const char *name, struct file *ret) {
    *ret = (struct file){.copy = false};
    if (segment_name_read(name, SUFFIX, &ret->seq)) {
        return true;
    }
    ret->copy = true;
    return segment_name_read(name, SUFFIX_COPY, &ret->seq);
}

/* A copy counts as the one before it. */
static bool is_newer(struct file a, struct file b) {
    return a.seq > b.seq || (a.seq == b.seq && !a.copy && b.copy);
}

static void files_each(void *context, const char *name) {
    struct files *files = context;
    struct file file;
    if (!name_read(name, &file) || file.seq > JOURNAL_END_MAX) {
        return;
    }
    size_t at = files->count < FILES_MAX ? files->count++ : FILES_MAX - 1;
    while (at > 0 && is_newer(file, files->list[at - 1])) {
        files->list[at] = files->list[at - 1];
        at--;
    }
    files->list[at] = file;
}

static err_t list(const struct disk *disk, const char *dir, struct files *ret) {
    *ret = (struct files){.count = 0};
    return disk->list(disk->self, dir, files_each, ret);
}

static err_t remove_file(const struct disk *disk, const char *dir,
                         struct file file) {
    struct path path = path_of_file(dir, file);
    err_t err = disk->unlink(disk->self, path.text);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void was_taken_each(void *context, const char *name) {
    bool *taken = context;
    struct file file;
    *taken = *taken || name_read(name, &file) ||
             segment_name_read(name, SUFFIX_BAD, &file.seq);
}

err_t snapshot_was_taken(const struct disk *disk, const char *dir, bool *ret) {
    *ret = false;
    return disk->list(disk->self, dir, was_taken_each, ret);
}

err_t snapshot_list(const struct disk *disk, const char *dir,
                    uint64_t ret_seqs[SNAPSHOTS_KEPT], size_t *ret_count) {
    struct files files;
    TRY(list(disk, dir, &files));
    size_t count = 0;
    for (size_t i = 0; i < files.count && count < SNAPSHOTS_KEPT; i++) {
        if (count == 0 || ret_seqs[count - 1] != files.list[i].seq) {
            ret_seqs[count++] = files.list[i].seq;
        }
    }
    *ret_count = count;
    return ERR_OK;
}

err_t snapshot_covered(const struct disk *disk, const char *dir,
                       uint64_t *ret_seq) {
    struct files files;
    TRY(list(disk, dir, &files));
    *ret_seq =
        files.count < SNAPSHOTS_KEPT ? 0 : files.list[SNAPSHOTS_KEPT - 1].seq;
    return ERR_OK;
}

/* --- Writing ------------------------------------------------------------- */

static void write_head(const struct snapshot_about *about, size_t content_len,
                       struct writer *to) {
    writer_slice_add(to, SLICE("\xd9\xd9\xf7")); /* tag 55799 */
    writer_u8(to, FIXED_ARRAY_5);
    fixed_put_u16(to, FIXED_U16, FORMAT);
    writer_u8(to, FIXED_BYTES_16);
    writer_slice_add(to, slice_of(about->journal_id, JOURNAL_ID_SIZE));
    fixed_put_u64(to, FIXED_U64, about->seq);
    fixed_put_u64(to, FIXED_BYTES_U64, content_len);
    assert(!to->full && to->len == CONTENT_AT);
}

static uint64_t checksum(struct slice head, struct slice content) {
    XXH3_state_t *state = XXH3_createState();
    assert(state != NULL);
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, head.data, head.len);
    XXH3_64bits_update(state, content.data, content.len);
    uint64_t sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return sum;
}

/* Head, content and checksum, in one file. */
static err_t write_file(const struct disk *disk, const char *dir,
                        const struct snapshot_about *about, bool copy,
                        struct slice content, struct reason *reason) {
    uint8_t head_bytes[CONTENT_AT];
    uint8_t tail_bytes[CHECKSUM_SIZE];
    struct writer head = writer_over(head_bytes, sizeof head_bytes);
    struct writer tail = writer_over(tail_bytes, sizeof tail_bytes);
    write_head(about, content.len, &head);
    fixed_put_u64(&tail, FIXED_U64, checksum(writer_slice(&head), content));
    const struct slice parts[] = {writer_slice(&head), content,
                                  writer_slice(&tail)};
    struct path making = path_temporary(dir);
    struct path path = path_of_file(dir, (struct file){about->seq, copy});
    err_t err = disk_replace(disk, dir, making.text, path.text, parts, 3);
    return err == ERR_OK ? ERR_OK
                         : disk_failed(reason, err, "write", path.text);
}

static err_t remove_older(const struct disk *disk, const char *dir) {
    struct files files;
    TRY(list(disk, dir, &files));
    for (size_t i = SNAPSHOTS_KEPT; i < files.count; i++) {
        TRY(remove_file(disk, dir, files.list[i]));
    }
    return ERR_OK;
}

static err_t is_durable(const struct snapshot_about *about,
                        uint64_t durable_end, struct reason *reason) {
#ifndef EDGE_CONTROL_SNAPSHOT_AHEAD
    if (about->seq > durable_end) {
        return reason_set(reason, ERR_RANGE,
                          "a snapshot of records up to %" PRIu64
                          " would be ahead of the journal, durable to %" PRIu64,
                          about->seq, durable_end);
    }
#else
    (void)about;
    (void)durable_end;
    (void)reason;
#endif
    return ERR_OK;
}

err_t snapshot_write(const struct disk *disk, const char *dir,
                     const struct snapshot_about *about, uint64_t durable_end,
                     struct slice content, struct reason *reason) {
    TRY(is_durable(about, durable_end, reason));
    TRY(write_file(disk, dir, about, false, content, reason));
    return remove_older(disk, dir);
}

err_t snapshot_write_twice(const struct disk *disk, const char *dir,
                           const struct snapshot_about *about,
                           uint64_t durable_end, struct slice content,
                           struct reason *reason) {
    TRY(is_durable(about, durable_end, reason));
    TRY(write_file(disk, dir, about, false, content, reason));
    TRY(write_file(disk, dir, about, true, content, reason));
    return remove_older(disk, dir);
}

err_t snapshot_remove_others(const struct disk *disk, const char *dir,
                             uint64_t kept, struct reason *reason) {
    struct files files;
    struct path path = path_of(dir, kept, SUFFIX);
    err_t err = list(disk, dir, &files);
    for (size_t i = 0; err == ERR_OK && i < files.count; i++) {
        if (files.list[i].seq != kept || files.list[i].copy) {
            path = path_of_file(dir, files.list[i]);
            err = remove_file(disk, dir, files.list[i]);
        }
    }
    if (err == ERR_OK) {
        err = disk->sync_dir(disk->self, dir);
    }
    return err == ERR_OK ? ERR_OK
                         : disk_failed(reason, err, "remove", path.text);
}

/* --- Loading ------------------------------------------------------------- */

static bool verifies(struct slice file) {
    uint64_t sum;
    if (file.len < CONTENT_AT + CHECKSUM_SIZE) {
        return false;
    }
    size_t tail_at = file.len - CHECKSUM_SIZE;
    struct cursor tail = cursor_over(slice_part(file, tail_at, CHECKSUM_SIZE));
    return fixed_u64(&tail, FIXED_U64, &sum) == ERR_OK &&
           sum == checksum(slice_part(file, 0, CONTENT_AT),
                           slice_part(file, CONTENT_AT, tail_at - CONTENT_AT));
}

/* The parts of a file; ERR_CORRUPT, ERR_UNSUPPORTED. */
static err_t parse(struct slice file, const uint8_t *journal_id, uint64_t seq,
                   struct slice *ret_content, struct reason *reason) {
    ENSURE(verifies(file), ERR_CORRUPT);
    struct slice head = slice_part(file, 0, CONTENT_AT);
    struct slice content =
        slice_part(file, CONTENT_AT, file.len - CONTENT_AT - CHECKSUM_SIZE);
    struct cursor version = cursor_over(slice_part(head, 4, 3));
    uint16_t format;
    ENSURE(fixed_u16(&version, FIXED_U16, &format) == ERR_OK, ERR_CORRUPT);
    if (format != FORMAT) {
        return reason_set(reason, ERR_UNSUPPORTED,
                          "%020" PRIu64 SUFFIX
                          " has snapshot format %u, and this program knows %d: "
                          "run a newer version",
                          seq, format, FORMAT);
    }
    uint8_t expected[CONTENT_AT];
    struct writer writer = writer_over(expected, sizeof expected);
    const struct snapshot_about about = {journal_id, seq};
    write_head(&about, content.len, &writer);
    ENSURE(slice_eq(head, writer_slice(&writer)), ERR_CORRUPT);
    *ret_content = content;
    return ERR_OK;
}

struct loading {
    const struct disk *disk;
    const char *dir;
    const uint8_t *journal_id;
    uint64_t durable_end;
    err_t (*take)(void *context, uint64_t seq, struct slice content);
    void *context;
};

/* The content is in `*ret_memory`, which the caller frees. */
static err_t read_one(const struct loading *loading, struct file file,
                      uint8_t **ret_memory, struct slice *ret_content,
                      struct reason *reason) {
#ifndef EDGE_CONTROL_SNAPSHOT_AHEAD
    ENSURE(file.seq <= loading->durable_end, ERR_CORRUPT);
#endif
    struct path path = path_of_file(loading->dir, file);
    uint8_t *memory;
    size_t len;
    err_t err = disk_read_whole(loading->disk, path.text, &memory, &len);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "read", path.text);
    }
    err = parse(slice_of(memory, len), loading->journal_id, file.seq,
                ret_content, reason);
    if (err != ERR_OK) {
        free(memory);
        return err;
    }
    *ret_memory = memory;
    return ERR_OK;
}

static err_t load_one(const struct loading *loading, struct file file,
                      struct reason *reason) {
    uint8_t *memory;
    struct slice content;
    TRY(read_one(loading, file, &memory, &content, reason));
    err_t err = loading->take(loading->context, file.seq, content);
    free(memory);
    return err;
}

/* `take` may be called once: it may have begun with what it does not like. */
err_t snapshot_read(const struct disk *disk, const char *dir,
                    const uint8_t *journal_id, uint64_t seq,
                    err_t (*take)(void *context, uint64_t seq,
                                  struct slice content),
                    void *context, struct reason *reason) {
    const struct loading loading = {disk,       dir,  journal_id,
                                    UINT64_MAX, take, context};
    struct reason why = {""};
    uint8_t *memory;
    struct slice content;
    err_t err =
        read_one(&loading, (struct file){seq, false}, &memory, &content, &why);
    if (err != ERR_OK && read_one(&loading, (struct file){seq, true}, &memory,
                                  &content, NULL) != ERR_OK) {
        return why.text[0] == '\0' ? err
                                   : reason_set(reason, err, "%s", why.text);
    }
    err = take(context, seq, content);
    free(memory);
    return err;
}

static err_t set_aside(const struct loading *loading, struct file file) {
    const struct disk *disk = loading->disk;
    struct path path = path_of_file(loading->dir, file);
    struct path bad = path_of(loading->dir, file.seq, SUFFIX_BAD);
    log_line(LOG_WARN, "journal",
             "snapshot_set_aside file=%s reason=\"damaged, of another journal, "
             "or past its end\"",
             bad.text);
    TRY(disk->rename(disk->self, path.text, bad.text));
    return disk->sync_dir(disk->self, loading->dir);
}

err_t snapshot_load(const struct disk *disk, const char *dir,
                    const uint8_t *journal_id, uint64_t durable_end,
                    err_t (*take)(void *context, uint64_t seq,
                                  struct slice content),
                    void *context, struct reason *reason) {
    const struct loading loading = {disk,        dir,  journal_id,
                                    durable_end, take, context};
    struct files files;
    TRY(list(disk, dir, &files));
    for (size_t i = 0; i < files.count; i++) {
        err_t err = load_one(&loading, files.list[i], reason);
        if (err == ERR_CORRUPT) {
            TRY(set_aside(&loading, files.list[i]));
        } else if (err == ERR_IO) {
            log_line(LOG_ERROR, "journal", "snapshot_unreadable file=%s",
                     path_of_file(dir, files.list[i]).text);
        } else {
            return err;
        }
    }
    return ERR_NOT_FOUND;
}

/* --- The end that a name tells ---------------------------------------------
 */

/* A file that the disk cannot read is not. */
static bool is_foreign(const struct disk *disk, const char *dir,
                       const uint8_t *journal_id, struct file file) {
    struct path path = path_of_file(dir, file);
    uint8_t *bytes;
    size_t len;
    if (disk_read_whole(disk, path.text, &bytes, &len) != ERR_OK) {
        return false;
    }
    bool foreign =
        verifies(slice_of(bytes, len)) &&
        memcmp(bytes + JOURNAL_ID_AT, journal_id, JOURNAL_ID_SIZE) != 0;
    free(bytes);
    return foreign;
}

err_t snapshot_known_end(const struct disk *disk, const char *dir,
                         const uint8_t *journal_id, uint64_t *ret) {
    struct files files;
    *ret = 0;
    TRY(list(disk, dir, &files));
    size_t count = files.count < SNAPSHOTS_KEPT ? files.count : SNAPSHOTS_KEPT;
    for (size_t i = 0; i < count && *ret == 0; i++) {
        if (journal_id == NULL ||
            !is_foreign(disk, dir, journal_id, files.list[i])) {
            *ret = files.list[i].seq;
        }
    }
    return ERR_OK;
}
