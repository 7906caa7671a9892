/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/sync_own.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/bridge.h"
#include "gateway/commands/journals.h"
#include "gateway/jobs/jobs.h"
#include "gateway/journal/identity.h"
#include "gateway/journal/inspect.h"
#include "gateway/journal/owner.h"
#include "gateway/stream/stream.h"

/* One stream, opened in one of the two ways. */
struct taken {
    struct stream *stream; /* recovered; NULL: only read, by the rest */
    char dir[JOURNALS_DIR_MAX];
    uint8_t journal_id[JOURNAL_ID_SIZE];
    struct journal_position position;
    int lock_fd; /* -1: there is no lock, or it cannot be taken there */
};

struct sync_own {
    struct platform platform;
    struct config config;
    const char *cursor;
    int cursor_lock_fd;
    struct taken taken[CONFIG_STREAMS_MAX];
    struct bridge_options options;
    struct bridge *bridge;
};

static const char ELSEWHERE[] =
    "; to send without changing anything there, give --data DIR --cursor FILE, "
    "with the FILE on another disk";

/* --- as the gateway would ------------------------------------------------ */

/* A start commits what it has to say itself; no job comes of it. */
static void submit(void *self, struct job *job) {
    (void)self;
    (void)job;
    assert(false && "a start gives no job away");
}

static void on_durable(void *self) {
    (void)self;
}

static void on_failed(void *self, const struct reason *reason) {
    (void)self;
    (void)reason;
}

/* What root would write the gateway could not read. */
static err_t check_user(const char *data, struct reason *reason) {
    struct stat status;
    if (stat(data, &status) != 0 || status.st_uid == geteuid()) {
        return ERR_OK; /* what is not there is said later */
    }
    return reason_set(reason, ERR_REFUSED,
                      "%s belongs to another user (number %u): run this as "
                      "that user%s",
                      data, (unsigned)status.st_uid, ELSEWHERE);
}

static err_t recover(struct sync_own *own, const struct config_stream *config,
                     struct taken *ret, struct reason *reason) {
    struct journals_cursor cursor;
    TRY(journals_cursor_of(&own->platform.disk, &own->config, config, &cursor,
                           reason));
    const struct stream_options options = {
        .platform = &own->platform,
        .config = &own->config,
        .stream = config,
        .known_end = cursor.seq,
        .cursor_known = cursor.known,
        .commit = {NULL, submit},
        .shared = {NULL, submit},
        .durable = on_durable,
        .failed = on_failed,
    };
    struct reason why = {""};
    err_t err = stream_open(&options, &ret->stream, &why);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    bool elsewhere = err == ERR_FULL || err == ERR_IO;
    return reason_set(reason, err, "%s%s", why.text,
                      elsewhere ? ELSEWHERE : "");
}

/* --- only read ----------------------------------------------------------- */

struct extent {
    uint64_t first;
    uint64_t end;
    bool any;
    struct reason damage;
};

static void on_segment(void *self, const struct inspected *segment) {
    struct extent *extent = self;
    extent->first = extent->any ? extent->first : segment->first_seq;
    extent->end =
        segment->end_seq > extent->end ? segment->end_seq : extent->end;
    extent->any = true;
    if (segment->damage.text[0] != '\0') {
        extent->damage = segment->damage;
    }
}

static void on_gap(void *self, const struct journal_gap *gap) {
    struct extent *extent = self;
    extent->end = gap->end > extent->end ? gap->end : extent->end;
}

/* The lock is taken where there is one: no gateway may begin meanwhile. On a
 * medium that cannot be written it cannot be, and none does. */
static err_t lock(struct sync_own *own, struct taken *taken,
                  struct reason *reason) {
    const struct disk *disk = &own->platform.disk;
    char path[sizeof taken->dir + sizeof "/lock"];
    int fd;
    snprintf(path, sizeof path, "%s/lock", taken->dir);
    if (disk->open(disk->self, path, DISK_READ, &fd) != ERR_OK) {
        return ERR_OK;
    }
    disk->close(disk->self, fd);
    if (disk->lock(disk->self, path, &taken->lock_fd) != ERR_BUSY) {
        return ERR_OK;
    }
    taken->lock_fd = -1;
    return reason_set(reason, ERR_BUSY,
                      "another process has the journal in %s open: is a "
                      "gateway running?",
                      taken->dir);
}

static err_t find_extent(struct sync_own *own,
                         const struct config_stream *config,
                         struct taken *taken, struct reason *reason) {
    struct extent extent = {.any = false};
    const struct inspection inspection = {&extent, on_segment, on_gap};
    TRY(journal_inspect(&own->platform.disk, taken->dir, false, &inspection,
                        reason));
    if (extent.damage.text[0] != '\0' && config->on_rot == CONFIG_ROT_STOP) {
        return reason_set(reason, ERR_CORRUPT,
                          "%s is damaged (%s), and `on_rot: stop` says to "
                          "stop: see shopme-edge journal verify; with "
                          "`quarantine` the rest is sent",
                          taken->dir, extent.damage.text);
    }
    assert(extent.first <= extent.end);
    atomic_store(&taken->position.start, extent.first);
    atomic_store(&taken->position.end, extent.end);
    return ERR_OK;
}

static err_t only_read(struct sync_own *own, const struct config_stream *config,
                       struct taken *ret, struct reason *reason) {
    const struct journal_options whose = {
        .platform = &own->platform,
        .dir = ret->dir,
        .store = own->config.store,
        .stream = config->name,
    };
    TRY(lock(own, ret, reason));
    TRY(owner_look(&whose, reason));
    TRY(find_extent(own, config, ret, reason));
    return journal_identity(&own->platform.disk, ret->dir, ret->journal_id,
                            reason);
}

/* Two of us on one file would overtake each other. */
static err_t lock_cursor(struct sync_own *own, struct reason *reason) {
    const struct disk *disk = &own->platform.disk;
    err_t err = disk->lock(disk->self, own->cursor, &own->cursor_lock_fd);
    if (err == ERR_OK) { /* which makes it, if need be */
        err = disk_sync_parent(disk, own->cursor);
    } else {
        own->cursor_lock_fd = -1;
    }
    if (err == ERR_OK) {
        return ERR_OK;
    }
    return err == ERR_BUSY
               ? reason_set(reason, ERR_REFUSED,
                            "another sync works with %s: wait for it",
                            own->cursor)
               : disk_failed(reason, err, "open", own->cursor);
}

/* --- both ---------------------------------------------------------------- */

static void unlock(const struct sync_own *own, int fd) {
    if (fd >= 0) {
        own->platform.disk.close(own->platform.disk.self, fd);
    }
}

static void ignore_name(void *context, const char *name) {
    (void)context;
    (void)name;
}

static void hand_to_bridge(struct sync_own *own,
                           const struct config_stream *config,
                           const struct taken *taken) {
    struct bridge_options *options = &own->options;
    assert(options->stream_count < CONFIG_STREAMS_MAX);
    assert(own->cursor == NULL || taken->stream == NULL);
    bool recovered = taken->stream != NULL;
    options->streams[options->stream_count++] = (struct bridge_stream_options){
        .config = config,
        .dir = recovered ? stream_dir(taken->stream) : taken->dir,
        .journal_id =
            recovered ? stream_journal_id(taken->stream) : taken->journal_id,
        .cursor_apart = own->cursor,
        .position =
            recovered ? stream_position(taken->stream) : &taken->position,
    };
}

/* No journal is made where there is none. */
static err_t take_stream(struct sync_own *own,
                         const struct config_stream *config,
                         struct reason *reason) {
    const struct disk *disk = &own->platform.disk;
    struct taken *taken = &own->taken[own->options.stream_count];
    snprintf(taken->dir, sizeof taken->dir, "%s/%s", own->config.data,
             config->name);
    err_t err = disk->list(disk->self, taken->dir, ignore_name, NULL);
    if (err == ERR_OK) {
        err = own->cursor != NULL ? only_read(own, config, taken, reason)
                                  : recover(own, config, taken, reason);
    } else if (err != ERR_NOT_FOUND) {
        return disk_failed(reason, err, "list", taken->dir);
    }
    if (err == ERR_NOT_FOUND) {
        unlock(own, taken->lock_fd);
        taken->lock_fd = -1;
        fprintf(stderr, "%s holds no journal of %s: nothing to send of it\n",
                own->config.data, config->name);
        return ERR_OK;
    }
    TRY(err);
    hand_to_bridge(own, config, taken);
    return ERR_OK;
}

/* No dead letter can be written where nothing is. Those that are there stay
 * that, and are passed. */
static void hold_refused(struct sync_own *own) {
    own->options.only_read = true;
    for (uint32_t i = 0; i < own->config.stream_count; i++) {
        own->config.streams[i].on_refused = CONFIG_REFUSED_HOLD;
    }
}

static err_t take_all(struct sync_own *own, struct reason *reason) {
    struct config *config = &own->config;
    if (own->cursor == NULL) {
        TRY(check_user(config->data, reason));
    } else {
        hold_refused(own);
        TRY(lock_cursor(own, reason));
    }
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (config->streams[i].sink != CONFIG_SINK_NONE) {
            TRY(take_stream(own, &config->streams[i], reason));
        }
    }
    if (own->options.stream_count == 0) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "%s holds no journal of a stream with a sink: give "
                          "a box's data folder, and the configuration that it "
                          "had",
                          config->data);
    }
    return ERR_OK;
}

static err_t start(struct sync_own *own, struct reason *reason) {
    struct reason why = {""};
    TRY(take_all(own, reason));
    err_t err = bridge_start(&own->options, &own->bridge, &why);
    if (err == ERR_OK) {
        return ERR_OK;
    }
    bool elsewhere = own->cursor == NULL && (err == ERR_FULL || err == ERR_IO);
    return reason_set(reason, err, "%s%s", why.text,
                      elsewhere ? ELSEWHERE : "");
}

err_t sync_own_start(const struct config *config, const char *cursor,
                     struct sync_own **ret, struct reason *reason) {
    struct sync_own *own = calloc(1, sizeof *own);
    ENSURE(own != NULL, ERR_MEMORY);
    job_pool_size();
    own->platform = platform_real();
    own->config = *config;
    own->cursor = cursor;
    own->cursor_lock_fd = -1;
    own->options.platform = &own->platform;
    own->options.config = &own->config;
    for (uint32_t i = 0; i < CONFIG_STREAMS_MAX; i++) {
        own->taken[i].lock_fd = -1;
    }
    err_t err = start(own, reason);
    if (err != ERR_OK) {
        sync_own_stop(own);
        return err;
    }
    *ret = own;
    return ERR_OK;
}

void sync_own_look(struct sync_own *own, struct sync_view *ret) {
    struct bridge_status status;
    assert(own->bridge != NULL);
    bridge_status(own->bridge, &status);
    sync_view_of_bridge(&status, ret);
}

void sync_own_stop(struct sync_own *own) {
    if (own == NULL) {
        return;
    }
    bridge_stop(own->bridge);
    for (uint32_t i = 0; i < CONFIG_STREAMS_MAX; i++) {
        stream_close(own->taken[i].stream);
        unlock(own, own->taken[i].lock_fd);
    }
    unlock(own, own->cursor_lock_fd);
    free(own);
}
