/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ITEM_HEAD_MAX = STORE_NAME_MAX + 40,
    ITEMS_FIRST = 8,
};

static const char heading[] = "shopme-edge change 1\n";
static const char change_name[] = "change";
static const char folder_name[] = "issued";

/* --- A change in memory ----------------------------------------------------
 */

void store_change_free(struct store_change *change) {
    for (uint32_t i = 0; i < change->count; i++) {
        octets_free(&change->items[i].bytes);
    }
    free(change->items);
    *change = (struct store_change){0};
}

static err_t add(struct store_change *change, const char *name,
                 struct store_item **ret) {
    if (change->count == change->room) {
        uint32_t room = change->room == 0 ? ITEMS_FIRST : change->room * 2;
        struct store_item *items =
            realloc(change->items, room * sizeof *change->items);
        ENSURE(items != NULL, ERR_MEMORY);
        change->items = items;
        change->room = room;
    }
    assert(change->count < change->room);
    struct store_item *item = &change->items[change->count];
    *item = (struct store_item){.removed = false};
    TRY(slice_to_str(slice_from_str(name), item->name, sizeof item->name));
    change->count++;
    *ret = item;
    return ERR_OK;
}

err_t store_put(struct store_change *change, const char *name,
                struct slice bytes) {
    struct store_item *item;
    TRY(add(change, name, &item));
    return octets_copy(bytes, &item->bytes);
}

err_t store_remove(struct store_change *change, const char *name) {
    struct store_item *item;
    TRY(add(change, name, &item));
    item->removed = true;
    return ERR_OK;
}

/* --- A change as bytes -----------------------------------------------------
 */

static void write_item(struct writer *out, const struct store_item *item) {
    if (item->removed) {
        writer_printf(out, "remove %s\n", item->name);
        return;
    }
    writer_printf(out, "put %s %zu\n", item->name, item->bytes.len);
    writer_slice_add(out, octets_slice(&item->bytes));
    writer_str(out, "\n");
}

static err_t write_change(const struct store_change *change,
                          struct octets *ret) {
    size_t cap = sizeof heading + ITEM_HEAD_MAX;
    for (uint32_t i = 0; i < change->count; i++) {
        cap += ITEM_HEAD_MAX + change->items[i].bytes.len;
    }
    ENSURE(cap <= STORE_BYTES_MAX, ERR_FULL);
    uint8_t *data = malloc(cap);
    ENSURE(data != NULL, ERR_MEMORY);
    struct writer out = writer_over(data, cap);
    writer_str(&out, heading);
    for (uint32_t i = 0; i < change->count; i++) {
        write_item(&out, &change->items[i]);
    }
    writer_printf(&out, "end %" PRIu32 "\n", change->count);
    assert(!out.full);
    *ret = (struct octets){data, out.len};
    return ERR_OK;
}

/* What stands in a change, one file after another. */
struct item {
    struct slice name;
    bool removed;
    struct slice bytes;
};

static err_t take_line(struct cursor *cursor, struct slice *ret) {
    struct slice left =
        slice_part(cursor->all, cursor->at, cursor_left(cursor));
    const uint8_t *end =
        left.len == 0 ? NULL : memchr(left.data, '\n', left.len);
    ENSURE(end != NULL, ERR_CORRUPT);
    *ret = slice_part(left, 0, (size_t)(end - left.data));
    cursor->at += ret->len + 1;
    return ERR_OK;
}

/* A name that stays inside the folder: [A-Za-z0-9._-], perhaps in issued/. */
static bool is_name(struct slice name) {
    if (slice_starts_with(name, "issued/")) {
        name = slice_part(name, 7, name.len - 7);
    }
    bool good = name.len > 0 && name.len < STORE_NAME_MAX - 7 &&
                !slice_eq_str(name, ".") && !slice_eq_str(name, "..");
    for (size_t i = 0; good && i < name.len; i++) {
        uint8_t c = name.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    }
    return good;
}

static err_t size_of(struct slice text, size_t *ret) {
    size_t value = 0;
    ENSURE(text.len > 0 && text.len <= 10, ERR_CORRUPT);
    for (size_t i = 0; i < text.len; i++) {
        ENSURE(text.data[i] >= '0' && text.data[i] <= '9', ERR_CORRUPT);
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    *ret = value;
    return ERR_OK;
}

static err_t take_put(struct cursor *cursor, struct slice words,
                      struct item *ret) {
    const uint8_t *blank =
        words.len == 0 ? NULL : memchr(words.data, ' ', words.len);
    ENSURE(blank != NULL, ERR_CORRUPT);
    size_t at = (size_t)(blank - words.data);
    size_t len;
    uint8_t end;
    TRY(size_of(slice_part(words, at + 1, words.len - at - 1), &len));
    *ret = (struct item){.name = slice_part(words, 0, at)};
    ENSURE(cursor_take(cursor, len, &ret->bytes) == ERR_OK &&
               cursor_u8(cursor, &end) == ERR_OK && end == '\n',
           ERR_CORRUPT);
    return ERR_OK;
}

/* The next one; ERR_END behind the last, ERR_CORRUPT. */
static err_t next_item(struct cursor *cursor, uint32_t *count,
                       struct item *ret) {
    struct slice line;
    TRY(take_line(cursor, &line));
    if (slice_starts_with(line, "end ")) {
        size_t said;
        TRY(size_of(slice_part(line, 4, line.len - 4), &said));
        ENSURE(said == *count && cursor_left(cursor) == 0, ERR_CORRUPT);
        return ERR_END;
    }
    if (slice_starts_with(line, "remove ")) {
        *ret = (struct item){.name = slice_part(line, 7, line.len - 7),
                             .removed = true};
    } else {
        ENSURE(slice_starts_with(line, "put "), ERR_CORRUPT);
        TRY(take_put(cursor, slice_part(line, 4, line.len - 4), ret));
    }
    ENSURE(is_name(ret->name), ERR_CORRUPT);
    ++*count;
    return ERR_OK;
}

/* Calls `each` for every file of a change, once all of it was seen to be whole.
 */
static err_t each_item(struct slice change,
                       err_t (*each)(void *self, const struct item *item),
                       void *self) {
    ENSURE(slice_starts_with(change, heading), ERR_CORRUPT);
    for (int round = 0; round < 2; round++) {
        struct cursor cursor = cursor_over(change);
        cursor.at = strlen(heading);
        uint32_t count = 0;
        struct item item;
        err_t err;
        while ((err = next_item(&cursor, &count, &item)) == ERR_OK) {
            if (round == 1) {
                TRY(each(self, &item));
            }
        }
        ENSURE(err == ERR_END, err);
    }
    return ERR_OK;
}

struct search {
    const char *name;
    bool found;
    struct item item;
};

static err_t compare(void *self, const struct item *item) {
    struct search *search = self;
    if (slice_eq_str(item->name, search->name)) {
        search->found = true;
        search->item = *item;
    }
    return ERR_OK;
}

err_t store_find(struct slice change, const char *name, struct slice *ret) {
    struct search search = {.name = name};
    TRY(each_item(change, compare, &search));
    ENSURE(search.found, ERR_NOT_FOUND);
    ENSURE(!search.item.removed, ERR_END);
    *ret = search.item.bytes;
    return ERR_OK;
}

/* --- The folder ------------------------------------------------------------
 */

static void path_of(const char *dir, const char *name,
                    char ret[static STORE_PATH_MAX]) {
    int len = snprintf(ret, STORE_PATH_MAX, "%s/%s", dir, name);
    assert(len > 0 && len < STORE_PATH_MAX);
}

static err_t read_file(const struct disk *disk, const char *path, size_t max,
                       struct octets *ret, struct reason *reason) {
    int fd;
    uint64_t size = 0;
    err_t err = disk->open(disk->self, path, DISK_READ, &fd);
    ENSURE(err != ERR_NOT_FOUND, err);
    if (err == ERR_OK) {
        err = disk->size(disk->self, fd, &size);
        disk->close(disk->self, fd);
    }
    if (err == ERR_OK && size > max) {
        return reason_set(reason, ERR_RANGE,
                          "%s has %" PRIu64 " bytes, more than any such file",
                          path, size);
    }
    if (err == ERR_OK) {
        err = disk_read_whole(disk, path, &ret->data, &ret->len);
    }
    return err == ERR_OK || err == ERR_NOT_FOUND
               ? err
               : disk_failed(reason, err, "read", path);
}

static err_t change_damaged(const char *dir, struct reason *reason) {
    return reason_set(reason, ERR_CORRUPT,
                      "%s/change is damaged: check the disk; move the file "
                      "away, then look with `openssl` which of the files "
                      "beside it belong together",
                      dir);
}

err_t store_read(const struct disk *disk, const char *dir, const char *name,
                 size_t max, struct octets *ret, struct reason *reason) {
    char path[STORE_PATH_MAX];
    CLEANUP(octets_free) struct octets change = {NULL, 0};
    ENSURE(strlen(dir) < STORE_DIR_MAX, ERR_NOT_FOUND);
    path_of(dir, change_name, path);
    err_t err = read_file(disk, path, STORE_BYTES_MAX, &change, reason);
    struct slice found;
    if (err == ERR_OK) {
        err = store_find(octets_slice(&change), name, &found);
        if (err == ERR_OK) {
            return octets_copy(found, ret);
        }
        ENSURE(err != ERR_END, ERR_NOT_FOUND);
        if (err == ERR_CORRUPT) {
            return change_damaged(dir, reason);
        }
    }
    ENSURE(err == ERR_NOT_FOUND, err);
    path_of(dir, name, path);
    return read_file(disk, path, max, ret, reason);
}

/* Bytes come after the file is private, so nobody else ever reads them. */
static err_t fill(const struct disk *disk, const char *dir, const char *path,
                  struct slice bytes) {
    int fd;
    err_t err = disk->unlink(disk->self, path);
    ENSURE(err == ERR_OK || err == ERR_NOT_FOUND, err);
    TRY(disk->open(disk->self, path, DISK_CREATE, &fd));
    err = disk->make_private(disk->self, path, dir);
    if (err == ERR_OK) {
        err = disk->write(disk->self, fd, 0, bytes);
    }
    if (err == ERR_OK) {
        err = disk->sync(disk->self, fd);
    }
    disk->close(disk->self, fd);
    return err;
}

/* Its folder has still to be synced. */
static err_t replace(const struct store *store, const char *name,
                     struct slice bytes, struct reason *reason) {
    const struct disk *disk = store->disk;
    char path[STORE_PATH_MAX];
    char making[STORE_PATH_MAX];
    bool below = slice_starts_with(slice_from_str(name), "issued/");
    path_of(store->dir, name, path);
    path_of(store->dir, below ? "issued/.new" : ".new", making);
    err_t err = fill(disk, store->dir, making, bytes);
    if (err == ERR_OK) {
        err = disk->rename(disk->self, making, path);
    }
    if (err != ERR_OK) {
        (void)disk_failed(reason, err, "write", path);
        (void)disk->unlink(disk->self, making);
    }
    return err;
}

struct applying {
    const struct store *store;
    struct reason *reason;
};

static err_t apply(void *self, const struct item *item) {
    const struct applying *applying = self;
    const struct store *store = applying->store;
    char name[STORE_NAME_MAX];
    char path[STORE_PATH_MAX];
    assert(is_name(item->name));
    TRY(slice_to_str(item->name, name, sizeof name));
    if (!item->removed) {
        return replace(store, name, item->bytes, applying->reason);
    }
    path_of(store->dir, name, path);
    err_t err = store->disk->unlink(store->disk->self, path);
    return err == ERR_OK || err == ERR_NOT_FOUND
               ? ERR_OK
               : disk_failed(applying->reason, err, "remove", path);
}

static err_t sync_folder(const struct store *store, const char *path,
                         struct reason *reason) {
    err_t err = store->disk->sync_dir(store->disk->self, path);
    return err == ERR_OK ? err : disk_failed(reason, err, "sync", path);
}

/* What was renamed and removed lasts from here on. */
static err_t sync_folders(const struct store *store, struct reason *reason) {
    char path[STORE_PATH_MAX];
    path_of(store->dir, folder_name, path);
    TRY(sync_folder(store, path, reason));
    return sync_folder(store, store->dir, reason);
}

static err_t finish(const struct store *store, struct slice change,
                    struct reason *reason) {
    assert(store->lock_fd >= 0);
    struct applying applying = {store, reason};
    char path[STORE_PATH_MAX];
    err_t err = each_item(change, apply, &applying);
    if (err == ERR_CORRUPT) {
        return change_damaged(store->dir, reason);
    }
    TRY(err);
    TRY(sync_folders(store, reason));
    path_of(store->dir, change_name, path);
    err = store->disk->unlink(store->disk->self, path);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return disk_failed(reason, err, "remove", path);
    }
    return sync_folder(store, store->dir, reason);
}

err_t store_commit(struct store *store, const struct store_change *change,
                   struct reason *reason) {
    CLEANUP(octets_free) struct octets bytes = {NULL, 0};
    assert(store->lock_fd >= 0);
    err_t err = write_change(change, &bytes);
    if (err != ERR_OK) {
        return reason_set(reason, err, "too much at once: %s", err_name(err));
    }
#ifndef EDGE_CONTROL_NO_CHANGE_FILE
    TRY(replace(store, change_name, octets_slice(&bytes), reason));
    TRY(sync_folder(store, store->dir, reason));
#endif
    return finish(store, octets_slice(&bytes), reason);
}

/* `owned`: whoever owns that owns it. One that is there already may not have
 * been synced. */
static err_t make_folder(const struct disk *disk, const char *path,
                         const char *owned, struct reason *reason) {
    err_t err = disk->make_dir(disk->self, path);
    if (err == ERR_OK) {
        err = disk->make_private(disk->self, path, owned);
    }
    if (err == ERR_OK || err == ERR_BUSY) {
        err = disk_sync_parent(disk, path);
    }
    return err == ERR_OK ? err
                         : disk_failed(reason, err, "make the folder", path);
}

/* The folder around it: what comes before its last slash. */
static void parent_of(const char *dir, char ret[static STORE_PATH_MAX]) {
    const char *slash = strrchr(dir, '/');
    int len = slash == NULL ? 1 : slash == dir ? 1 : (int)(slash - dir);
    snprintf(ret, STORE_PATH_MAX, "%.*s", len, slash == NULL ? "." : dir);
}

static err_t make_dir(const struct store *store, struct reason *reason) {
    char parent[STORE_PATH_MAX];
    parent_of(store->dir, parent);
    return make_folder(store->disk, store->dir, parent, reason);
}

/* Made before it is locked, so that it is never root's in another's folder. */
static err_t make_lock(const struct store *store, const char *path) {
    const struct disk *disk = store->disk;
    int fd;
    err_t err = disk->open(disk->self, path, DISK_CREATE, &fd);
    if (err == ERR_OK) {
        disk->close(disk->self, fd);
    }
    ENSURE(err == ERR_OK || err == ERR_BUSY, err);
    return disk->make_private(disk->self, path, store->dir);
}

static err_t lock(struct store *store, struct reason *reason) {
    char path[STORE_PATH_MAX];
    path_of(store->dir, "lock", path);
    err_t err = make_lock(store, path);
    if (err == ERR_NOT_FOUND) {
        return reason_set(reason, err,
                          "there is no CA in %s: make one with `shopme-edge "
                          "pki init`, or say where it is with --dir",
                          store->dir);
    }
    if (err != ERR_OK) {
        return disk_failed(reason, err, "lock", path);
    }
    err = store->disk->lock(store->disk->self, path, &store->lock_fd);
    if (err == ERR_BUSY) {
        return reason_set(reason, err,
                          "another command is at work in %s: wait for it, then "
                          "try again",
                          store->dir);
    }
    return err == ERR_OK ? err : disk_failed(reason, err, "lock", path);
}

static err_t recover(struct store *store, struct reason *reason) {
    char path[STORE_PATH_MAX];
    CLEANUP(octets_free) struct octets change = {NULL, 0};
    path_of(store->dir, change_name, path);
    err_t err = read_file(store->disk, path, STORE_BYTES_MAX, &change, reason);
    ENSURE(err != ERR_NOT_FOUND, ERR_OK);
    TRY(err);
    return finish(store, octets_slice(&change), reason);
}

err_t store_open(struct store *store, const struct disk *disk, const char *dir,
                 bool create, struct reason *reason) {
    *store = (struct store){.disk = disk, .lock_fd = -1};
    char issued[STORE_PATH_MAX];
    if (slice_to_str(slice_from_str(dir), store->dir, sizeof store->dir) !=
            ERR_OK ||
        dir[0] == '\0') {
        return reason_set(reason, ERR_RANGE,
                          "the CA's folder has an impossible name");
    }
    for (size_t len = strlen(store->dir); len > 1 && store->dir[len - 1] == '/';
         len--) {
        store->dir[len - 1] = '\0';
    }
    path_of(store->dir, folder_name, issued);
    if (create) {
        TRY(make_dir(store, reason));
    }
    err_t err = lock(store, reason);
    if (err == ERR_OK) {
        err = make_folder(disk, issued, store->dir, reason);
    }
    if (err == ERR_OK) {
        err = recover(store, reason);
    }
    if (err != ERR_OK) {
        store_close(store);
    }
    return err;
}

void store_close(struct store *store) {
    if (store->lock_fd >= 0) {
        store->disk->close(store->disk->self, store->lock_fd);
        store->lock_fd = -1;
    }
}
