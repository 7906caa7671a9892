/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/fake_disk.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/simulation/fake_file.h"

enum {
    PATH_SIZE = 96,
    HANDLES_MAX = 64,
    BAD_BYTES = 4096,
};

struct entry {
    char path[PATH_SIZE];
    struct file *file; /* NULL: a directory */
};

struct entries {
    struct entry *list;
    size_t count;
    size_t cap;
};

/* Something done to a directory and not synced. */
struct move {
    enum fake_call call; /* FAKE_CREATE (or made), FAKE_RENAME, FAKE_UNLINK */
    char path[PATH_SIZE];
    char to[PATH_SIZE];
    struct file *file;
};

struct handle {
    struct file *file;
    bool used;
    char lock[PATH_SIZE]; /* a lock's path; empty for a file */
};

struct fake_disk {
    struct support_random random;
    struct entries seen;
    struct entries medium;
    struct move *moves;
    size_t move_count;
    size_t move_cap;
    struct file **files; /* all that ever were, to be freed */
    size_t file_count;
    size_t file_cap;
    struct handle handles[HANDLES_MAX];
    uint64_t calls;
    uint64_t stop_at;
    bool stopped;
    enum fake_call fail_call;
    uint64_t fail_in;
    err_t fail_err;
    bool failed;
    uint64_t free_bytes;
    int64_t now_us;
};

/* --- Directories --- */

static struct entry *entry_find(const struct entries *entries,
                                const char *path) {
    for (size_t i = 0; i < entries->count; i++) {
        if (strcmp(entries->list[i].path, path) == 0) {
            return &entries->list[i];
        }
    }
    return NULL;
}

static void path_copy(char *ret, const char *path) {
    int len = snprintf(ret, PATH_SIZE, "%s", path);
    assert(len > 0 && len < PATH_SIZE);
}

static struct file *disk_file_new(struct fake_disk *fake) {
    struct file *file = fake_file_new();
    file->changed_us = fake->now_us;
    fake->files = fake_grow(fake->files, fake->file_count, &fake->file_cap,
                            sizeof *fake->files);
    fake->files[fake->file_count++] = file;
    return file;
}

static void entry_set(struct entries *entries, const char *path,
                      struct file *file) {
    struct entry *entry = entry_find(entries, path);
    if (entry == NULL) {
        entries->list = fake_grow(entries->list, entries->count, &entries->cap,
                                  sizeof *entries->list);
        entry = &entries->list[entries->count++];
        path_copy(entry->path, path);
    }
    entry->file = file;
}

static void entry_remove(struct entries *entries, const char *path,
                         const struct file *file) {
    struct entry *entry = entry_find(entries, path);
    if (entry != NULL && entry->file == file) {
        *entry = entries->list[--entries->count];
    }
}

static void entries_copy(struct entries *to, const struct entries *from) {
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        entry_set(to, from->list[i].path, from->list[i].file);
    }
}

static void entries_move(struct entries *entries, const struct move *move) {
    if (move->call == FAKE_UNLINK) {
        entry_remove(entries, move->path, move->file);
    } else if (move->call == FAKE_RENAME) {
        entry_remove(entries, move->path, move->file);
        entry_set(entries, move->to, move->file);
    } else {
        entry_set(entries, move->path, move->file);
    }
}

static bool is_in(const char *path, const char *dir) {
    const char *slash = strrchr(path, '/');
    size_t len = (size_t)(slash - path);
    return strlen(dir) == len && memcmp(path, dir, len) == 0;
}

static void disk_move(struct fake_disk *fake, enum fake_call call,
                      const char *path, const char *to, struct file *file) {
    fake->moves = fake_grow(fake->moves, fake->move_count, &fake->move_cap,
                            sizeof *fake->moves);
    struct move *move = &fake->moves[fake->move_count++];
    *move = (struct move){.call = call, .file = file};
    path_copy(move->path, path);
    if (to != NULL) {
        path_copy(move->to, to);
    }
    entries_move(&fake->seen, move);
}

static void dir_sync(struct fake_disk *fake, const char *dir) {
    size_t kept = 0;
    for (size_t i = 0; i < fake->move_count; i++) {
        if (is_in(fake->moves[i].path, dir)) {
            entries_move(&fake->medium, &fake->moves[i]);
        } else {
            fake->moves[kept++] = fake->moves[i];
        }
    }
    fake->move_count = kept;
}

/* What lay in a directory that was not kept is not there either. */
static void entries_prune(struct entries *entries) {
    for (size_t i = 0; i < entries->count;) {
        char dir[PATH_SIZE];
        path_copy(dir, entries->list[i].path);
        *strrchr(dir, '/') = '\0';
        if (dir[0] != '\0' && entry_find(entries, dir) == NULL) {
            entries->list[i] = entries->list[--entries->count];
            i = 0;
        } else {
            i++;
        }
    }
}

static void moves_power_cut(struct fake_disk *fake, enum fake_fate fate) {
    bool ordered = support_below(&fake->random, 2) == 0;
    size_t kept =
        ordered ? support_below(&fake->random, fake->move_count + 1) : 0;
    for (size_t i = 0; i < fake->move_count; i++) {
        bool keep = fate == FAKE_KEEP;
        if (fate == FAKE_TEAR) {
            keep = ordered ? i < kept : support_below(&fake->random, 2) == 0;
        }
        if (keep) {
            entries_move(&fake->medium, &fake->moves[i]);
        }
    }
    fake->move_count = 0;
    entries_prune(&fake->medium);
    entries_copy(&fake->seen, &fake->medium);
}

/* --- Stopping and failing --- */

enum verdict { GO, STOP, FAIL };

/* What is to become of this call. */
static enum verdict judge(struct fake_disk *fake, enum fake_call call) {
    errno = EIO;
    assert(!fake->stopped);
    if (call == fake->fail_call && --fake->fail_in == 0) {
        fake->fail_call = FAKE_NONE;
        fake->failed = true;
        errno = fake->fail_err == ERR_FULL ? ENOSPC : EIO;
        return FAIL;
    }
    if (call == FAKE_READ || call == FAKE_NAMES) { /* they change nothing */
        return GO;
    }
    fake->calls++;
    if (fake->calls == fake->stop_at) {
        fake->stopped = true;
        return STOP;
    }
    return GO;
}

#define ENSURE_RUNNING(fake)   \
    do {                       \
        if ((fake)->stopped) { \
            errno = EIO;       \
            return ERR_IO;     \
        }                      \
    } while (0)

static err_t judged(const struct fake_disk *fake, enum verdict verdict) {
    if (verdict == GO) {
        return ERR_OK;
    }
    return verdict == FAIL ? fake->fail_err : ERR_IO;
}

/* --- The table --- */

static int handle_new(struct fake_disk *fake) {
    for (int i = 0; i < HANDLES_MAX; i++) {
        if (!fake->handles[i].used) {
            fake->handles[i] = (struct handle){.used = true};
            return i;
        }
    }
    assert(false && "too many open files");
    return -1;
}

static struct file *file_of(struct fake_disk *fake, int fd) {
    assert(fd >= 0 && fd < HANDLES_MAX);
    assert(fake->handles[fd].used && fake->handles[fd].file != NULL);
    return fake->handles[fd].file;
}

static err_t fake_open(void *self, const char *path, enum disk_open how,
                       int *ret_fd) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct entry *entry = entry_find(&fake->seen, path);
    struct file *file = entry != NULL ? entry->file : NULL;
    err_t err = ERR_OK;
    if (how == DISK_CREATE) {
        errno = EEXIST;
        ENSURE(entry == NULL, ERR_BUSY);
        enum verdict verdict = judge(fake, FAKE_CREATE);
        ENSURE(verdict != FAIL, fake->fail_err);
        file = disk_file_new(fake);
        disk_move(fake, FAKE_CREATE, path, NULL, file);
        err = judged(fake, verdict);
    }
    errno = file == NULL ? ENOENT : errno;
    ENSURE(file != NULL, ERR_NOT_FOUND);
    TRY(err);
    *ret_fd = handle_new(fake);
    fake->handles[*ret_fd].file = file;
    return ERR_OK;
}

static void fake_close(void *self, int fd) {
    struct fake_disk *fake = self;
    assert(fd >= 0 && fd < HANDLES_MAX);
    fake->handles[fd] = (struct handle){.used = false};
}

static err_t fake_read(void *self, int fd, uint64_t offset, void *buf,
                       size_t len, size_t *ret_len) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct file *file = file_of(fake, fd);
    const struct image *image = &file->seen;
    TRY(judged(fake, judge(fake, FAKE_READ)));
    errno = EIO;
    ENSURE(!file->bad || offset >= file->bad_at + BAD_BYTES ||
               offset + len <= file->bad_at,
           ERR_IO);
    size_t got = 0;
    if (offset < image->size) {
        uint64_t left = image->size - offset;
        got = left < len ? (size_t)left : len;
        memcpy(buf, image->data + offset, got);
    }
    *ret_len = got;
    return ERR_OK;
}

static err_t fake_write(void *self, int fd, uint64_t offset,
                        struct slice bytes) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    struct file *file = file_of(fake, fd);
    enum verdict verdict = judge(fake, FAKE_WRITE);
    if (verdict != GO) {
        size_t done = support_below(&fake->random, 3) == 0
                          ? support_below(&fake->random, bytes.len + 1)
                          : bytes.len;
        bytes = slice_part(bytes, 0, verdict == STOP ? done : done / 2);
    }
    if (bytes.len > 0) {
        file->changed_us = fake->now_us;
        fake_file_change(file, FAKE_WRITE, offset, bytes);
    }
    return judged(fake, verdict);
}

static err_t fake_sync(void *self, int fd) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    struct file *file = file_of(fake, fd);
    enum verdict verdict = judge(fake, FAKE_SYNC);
    if (verdict == GO) {
        fake_file_sync(file);
    } else if (verdict == FAIL) {
        fake_file_lose(file);
    }
    return judged(fake, verdict);
}

static err_t fake_allocate(void *self, int fd, uint64_t size) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    struct file *file = file_of(fake, fd);
    uint64_t has = file->seen.size;
    errno = ENOSPC;
    ENSURE(size <= has || size - has <= fake->free_bytes, ERR_FULL);
    enum verdict verdict = judge(fake, FAKE_ALLOCATE);
    if (verdict != FAIL) {
        fake_file_change(file, FAKE_ALLOCATE, size, SLICE_EMPTY);
    }
    return judged(fake, verdict);
}

static err_t fake_truncate(void *self, int fd, uint64_t size) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    struct file *file = file_of(fake, fd);
    enum verdict verdict = judge(fake, FAKE_TRUNCATE);
    if (verdict != FAIL) {
        fake_file_change(file, FAKE_TRUNCATE, size, SLICE_EMPTY);
    }
    return judged(fake, verdict);
}

static err_t fake_size(void *self, int fd, uint64_t *ret_size) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    *ret_size = file_of(fake, fd)->seen.size;
    return ERR_OK;
}

static err_t fake_rename(void *self, const char *from, const char *to) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct entry *entry = entry_find(&fake->seen, from);
    errno = ENOENT;
    ENSURE(entry != NULL, ERR_NOT_FOUND);
    enum verdict verdict = judge(fake, FAKE_RENAME);
    if (verdict != FAIL) {
        disk_move(fake, FAKE_RENAME, from, to, entry->file);
    }
    return judged(fake, verdict);
}

static err_t fake_unlink(void *self, const char *path) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct entry *entry = entry_find(&fake->seen, path);
    errno = ENOENT;
    ENSURE(entry != NULL, ERR_NOT_FOUND);
    enum verdict verdict = judge(fake, FAKE_UNLINK);
    if (verdict != FAIL) {
        disk_move(fake, FAKE_UNLINK, path, NULL, entry->file);
    }
    return judged(fake, verdict);
}

static err_t fake_make_dir(void *self, const char *path) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    errno = EEXIST;
    ENSURE(entry_find(&fake->seen, path) == NULL, ERR_BUSY);
    enum verdict verdict = judge(fake, FAKE_MAKE_DIR);
    if (verdict != FAIL) {
        disk_move(fake, FAKE_MAKE_DIR, path, NULL, NULL);
    }
    return judged(fake, verdict);
}

static err_t fake_remove_dir(void *self, const char *path) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct entry *entry = entry_find(&fake->seen, path);
    errno = ENOENT;
    ENSURE(entry != NULL && entry->file == NULL, ERR_NOT_FOUND);
    for (size_t i = 0; i < fake->seen.count; i++) {
        errno = ENOTEMPTY;
        ENSURE(!is_in(fake->seen.list[i].path, path), ERR_IO);
    }
    enum verdict verdict = judge(fake, FAKE_REMOVE_DIR);
    if (verdict != FAIL) {
        disk_move(fake, FAKE_UNLINK, path, NULL, NULL);
    }
    return judged(fake, verdict);
}

/* What a link names is in its directory entry: on the medium with it. */
static err_t fake_make_link(void *self, const char *target, const char *path) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    errno = EEXIST;
    ENSURE(entry_find(&fake->seen, path) == NULL, ERR_BUSY);
    enum verdict verdict = judge(fake, FAKE_MAKE_LINK);
    if (verdict != FAIL) {
        struct file *file = disk_file_new(fake);
        fake_file_put(file, slice_from_str(target));
        file->link = true;
        disk_move(fake, FAKE_MAKE_LINK, path, NULL, file);
    }
    return judged(fake, verdict);
}

static err_t fake_read_link(void *self, const char *path, char *ret,
                            size_t ret_size) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct entry *entry = entry_find(&fake->seen, path);
    errno = ENOENT;
    ENSURE(entry != NULL, ERR_NOT_FOUND);
    TRY(judged(fake, judge(fake, FAKE_READ)));
    ENSURE(entry->file != NULL && entry->file->link, ERR_RANGE);
    const struct image *image = &entry->file->seen;
    err_t err =
        slice_to_str(slice_of(image->data, (size_t)image->size), ret, ret_size);
    return err == ERR_OK ? ERR_OK : ERR_RANGE;
}

static err_t fake_make_private(void *self, const char *path,
                               const char *owned) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct entry *entry = entry_find(&fake->seen, path);
    errno = ENOENT;
    ENSURE(entry != NULL && entry_find(&fake->seen, owned) != NULL,
           ERR_NOT_FOUND);
    enum verdict verdict = judge(fake, FAKE_MAKE_PRIVATE);
    if (verdict != FAIL && entry->file != NULL) {
        entry->file->is_private = true;
    }
    return judged(fake, verdict);
}

static err_t fake_sync_dir(void *self, const char *path) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    enum verdict verdict = judge(fake, FAKE_SYNC_DIR);
    if (verdict == GO) {
        dir_sync(fake, strcmp(path, "/") == 0 ? "" : path);
    }
    return judged(fake, verdict);
}

static err_t fake_list(void *self, const char *path,
                       void (*each)(void *context, const char *name),
                       void *context) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    errno = ENOENT;
    ENSURE(entry_find(&fake->seen, path) != NULL, ERR_NOT_FOUND);
    each(context, ".");
    each(context, "..");
    for (size_t i = 0; i < fake->seen.count; i++) {
        const char *name = fake->seen.list[i].path;
        if (is_in(name, path)) {
            each(context, strrchr(name, '/') + 1);
        }
    }
    return ERR_OK;
}

static err_t fake_lock(void *self, const char *path, int *ret_fd) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    for (int i = 0; i < HANDLES_MAX; i++) {
        errno = EWOULDBLOCK;
        ENSURE(strcmp(fake->handles[i].lock, path) != 0, ERR_BUSY);
    }
    *ret_fd = handle_new(fake);
    path_copy(fake->handles[*ret_fd].lock, path);
    return ERR_OK;
}

static err_t fake_free_space(void *self, const char *path,
                             uint64_t *ret_bytes) {
    const struct fake_disk *fake = self;
    (void)path;
    *ret_bytes = fake->free_bytes;
    return ERR_OK;
}

static err_t fake_changed_us(void *self, const char *path, int64_t *ret_us) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    const struct entry *entry = entry_find(&fake->seen, path);
    errno = ENOENT;
    ENSURE(entry != NULL && entry->file != NULL, ERR_NOT_FOUND);
    *ret_us = entry->file->changed_us;
    return ERR_OK;
}

static err_t fake_names(void *self, const char *path, int fd, bool *ret) {
    struct fake_disk *fake = self;
    ENSURE_RUNNING(fake);
    assert(fd >= 0 && fd < HANDLES_MAX && fake->handles[fd].used);
    TRY(judged(fake, judge(fake, FAKE_NAMES)));
    const struct handle *handle = &fake->handles[fd];
    if (handle->file == NULL) { /* a lock: it is there as long as its folder */
        char dir[PATH_SIZE];
        path_copy(dir, path);
        *strrchr(dir, '/') = '\0';
        *ret = entry_find(&fake->seen, dir) != NULL &&
               strcmp(handle->lock, path) == 0;
        return ERR_OK;
    }
    const struct entry *entry = entry_find(&fake->seen, path);
    *ret = entry != NULL && entry->file == handle->file;
    return ERR_OK;
}

struct disk fake_disk_table(struct fake_disk *fake) {
    return (struct disk){
        .self = fake,
        .open = fake_open,
        .close = fake_close,
        .read = fake_read,
        .write = fake_write,
        .sync = fake_sync,
        .allocate = fake_allocate,
        .truncate = fake_truncate,
        .size = fake_size,
        .rename = fake_rename,
        .unlink = fake_unlink,
        .make_dir = fake_make_dir,
        .remove_dir = fake_remove_dir,
        .make_link = fake_make_link,
        .read_link = fake_read_link,
        .make_private = fake_make_private,
        .sync_dir = fake_sync_dir,
        .list = fake_list,
        .lock = fake_lock,
        .free_space = fake_free_space,
        .changed_us = fake_changed_us,
        .names = fake_names,
    };
}

/* --- The world --- */

struct fake_disk *fake_disk_new(uint64_t seed) {
    struct fake_disk *fake = calloc(1, sizeof *fake);
    assert(fake != NULL);
    fake->random.state = seed;
    fake->free_bytes = UINT64_MAX;
    return fake;
}

void fake_disk_free(struct fake_disk *fake) {
    for (size_t i = 0; i < fake->file_count; i++) {
        fake_file_free(fake->files[i]);
    }
    free(fake->files);
    free(fake->moves);
    free(fake->seen.list);
    free(fake->medium.list);
    free(fake);
}

void fake_disk_set_free(struct fake_disk *fake, uint64_t bytes) {
    fake->free_bytes = bytes;
}

void fake_disk_stop_at(struct fake_disk *fake, uint64_t calls) {
    fake->stop_at = calls == 0 ? 0 : fake->calls + calls;
}

void fake_disk_stop(struct fake_disk *fake) {
    fake->stopped = true;
}

void fake_disk_set_now(struct fake_disk *fake, int64_t us) {
    fake->now_us = us;
}

bool fake_disk_stopped(const struct fake_disk *fake) {
    return fake->stopped;
}

uint64_t fake_disk_calls(const struct fake_disk *fake) {
    return fake->calls;
}

void fake_disk_fail_at(struct fake_disk *fake, enum fake_call call, uint64_t n,
                       err_t err) {
    fake->fail_call = n == 0 ? FAKE_NONE : call;
    fake->fail_in = n;
    fake->fail_err = err;
    fake->failed = false;
}

bool fake_disk_failed(const struct fake_disk *fake) {
    return fake->failed;
}

static void forget_handles(struct fake_disk *fake) {
    memset(fake->handles, 0, sizeof fake->handles);
    fake->stopped = false;
    fake->failed = false;
    fake->stop_at = 0;
}

static bool is_named(const struct entries *entries, const struct file *file) {
    for (size_t i = 0; i < entries->count; i++) {
        if (entries->list[i].file == file) {
            return true;
        }
    }
    return false;
}

void fake_disk_power_cut(struct fake_disk *fake, enum fake_fate fate) {
    size_t sector = support_below(&fake->random, 2) == 0 ? 512 : 4096;
    moves_power_cut(fake, fate);
    size_t kept = 0;
    for (size_t i = 0; i < fake->file_count; i++) {
        struct file *file = fake->files[i];
        if (!is_named(&fake->medium, file)) {
            fake_file_free(file);
            continue;
        }
        fake_file_power_cut(&fake->random, file, fate, sector);
        fake->files[kept++] = file;
    }
    fake->file_count = kept;
    forget_handles(fake);
}

void fake_disk_process_gone(struct fake_disk *fake) {
    forget_handles(fake);
}

uint8_t *fake_disk_bytes(struct fake_disk *fake, const char *path,
                         uint64_t *ret_size) {
    const struct entry *entry = entry_find(&fake->seen, path);
    if (entry == NULL || entry->file == NULL) {
        return NULL;
    }
    *ret_size = entry->file->seen.size;
    return entry->file->seen.data;
}

bool fake_disk_is_private(const struct fake_disk *fake, const char *path) {
    const struct entry *entry = entry_find(&fake->seen, path);
    return entry != NULL && entry->file != NULL && entry->file->is_private;
}

void fake_disk_put(struct fake_disk *fake, const char *path,
                   struct slice bytes) {
    struct entry *entry = entry_find(&fake->seen, path);
    struct file *file = entry != NULL ? entry->file : disk_file_new(fake);
    entry_set(&fake->seen, path, file);
    entry_set(&fake->medium, path, file);
    fake_file_put(file, bytes);
}

void fake_disk_spoil(struct fake_disk *fake, const char *path, uint64_t at) {
    const struct entry *entry = entry_find(&fake->seen, path);
    assert(entry != NULL && entry->file != NULL);
    entry->file->bad = true;
    entry->file->bad_at = at;
}

void fake_disk_flip(struct fake_disk *fake, const char *path, uint64_t bit) {
    const struct entry *entry = entry_find(&fake->seen, path);
    assert(entry != NULL && entry->file != NULL);
    struct file *file = entry->file;
    assert(bit / 8 < file->seen.size && bit / 8 < file->medium.size);
    file->seen.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    file->medium.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
}
