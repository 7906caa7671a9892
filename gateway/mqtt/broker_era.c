/* SPDX-License-Identifier: Apache-2.0 */
/* Three walks over the old file: which sessions stay, which messages they and
 * what stays retained still need, and then the copy. */
#include "gateway/mqtt/broker_era.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/disk.h"
#include "gateway/mqtt/broker_chunks.h"
#include "gateway/mqtt/broker_list.h"
#include "gateway/mqtt/set_aside.h"

enum { PATH_SIZE = 1200, LINE_SIZE = 2048, COPY_SIZE = 64 * 1024 };

static const char plugin_line[] = "plugin ";

/* --- Lists ---------------------------------------------------------------- */

struct numbers {
    uint64_t *list; /* owned; in order once numbers_sort() was called */
    size_t count;
    size_t room;
};

struct client {
    char *id; /* owned */
    bool stays;
};

struct work {
    const struct broker_era *era;
    struct client *clients; /* owned; by id after the first walk */
    size_t client_count;
    size_t client_room;
    struct numbers shop;   /* messages on a topic below shopme/ */
    struct numbers hidden; /* that no device may read without an account */
    struct numbers needed; /* messages of what stays */
    struct broker_era_left left;
    FILE *from;
    FILE *to;
};

static void work_free(struct work *work) {
    for (size_t i = 0; i < work->client_count; i++) {
        free(work->clients[i].id);
    }
    free(work->clients);
    free(work->shop.list);
    free(work->hidden.list);
    free(work->needed.list);
    if (work->from != NULL) {
        (void)fclose(work->from);
    }
    if (work->to != NULL) {
        (void)fclose(work->to);
    }
}

static err_t numbers_add(struct numbers *numbers, uint64_t number) {
    void *list = numbers->list;
    TRY(broker_list_grow(&list, &numbers->room, numbers->count, sizeof number));
    numbers->list = list;
    numbers->list[numbers->count++] = number;
    return ERR_OK;
}

static void numbers_sort(struct numbers *numbers) {
    if (numbers->count > 0) {
        qsort(numbers->list, numbers->count, sizeof *numbers->list,
              broker_list_by_number);
    }
}

static bool numbers_has(const struct numbers *numbers, uint64_t number) {
    return numbers->count > 0 &&
           bsearch(&number, numbers->list, numbers->count,
                   sizeof *numbers->list, broker_list_by_number) != NULL;
}

static int by_id(const void *a, const void *b) {
    const struct client *x = a;
    const struct client *y = b;
    return strcmp(x->id, y->id);
}

static struct client *find_client(const struct work *work, const char *id) {
    const struct client key = {.id = (char *)(uintptr_t)id};
    return work->client_count == 0
               ? NULL
               : bsearch(&key, work->clients, work->client_count,
                         sizeof *work->clients, by_id);
}

/* Does the session stay? One of no client in the file is of no use. */
static bool stays(const struct work *work, struct slice id) {
    char text[65536];
    if (slice_to_str(id, text, sizeof text) != ERR_OK) {
        return false;
    }
    const struct client *client = find_client(work, text);
    return client != NULL && client->stays;
}

/* --- The walks ------------------------------------------------------------ */

static bool is_ours(const struct work *work, struct slice id) {
    for (size_t i = 0; i < work->era->session_count; i++) {
        if (slice_eq_str(id, work->era->sessions[i].client_id)) {
            return true;
        }
    }
    return false;
}

static err_t add_client(struct work *work, struct slice id) {
    void *list = work->clients;
    TRY(broker_list_grow(&list, &work->client_room, work->client_count,
                         sizeof *work->clients));
    work->clients = list;
    char *copy = calloc(1, id.len + 1);
    ENSURE(copy != NULL, ERR_MEMORY);
    memcpy(copy, id.data, id.len);
    bool may_stay = work->era->rules->anonymous || is_ours(work, id);
    work->clients[work->client_count++] = (struct client){copy, may_stay};
    return ERR_OK;
}

static bool is_allowed(const struct work *work, enum rules_action action,
                       struct slice topic) {
    char text[65536];
    return slice_to_str(topic, text, sizeof text) == ERR_OK &&
           rules_check(work->era->rules, RULES_ANONYMOUS, NULL, action, text,
                       false) == REFUSAL_NONE;
}

static err_t add_stored(struct work *work, const struct broker_chunk *chunk) {
    if (slice_starts_with(chunk->topic, "shopme/") ||
        slice_eq_str(chunk->topic, "shopme")) {
        TRY(numbers_add(&work->shop, chunk->stored));
    }
    return is_allowed(work, RULES_READ, chunk->topic)
               ? ERR_OK
               : numbers_add(&work->hidden, chunk->stored);
}

static err_t each_of_clients(void *self, const struct broker_chunk *chunk) {
    struct work *work = self;
    if (chunk->type == BROKER_CHUNK_CLIENT) {
        return add_client(work, chunk->client_id);
    }
    return chunk->type == BROKER_CHUNK_STORED ? add_stored(work, chunk)
                                              : ERR_OK;
}

/* A session that hears what its device may not hear any more goes; also one for
 * which that only waits: Mosquitto does not save shared subscriptions. */
static err_t each_of_what_is_heard(void *self,
                                   const struct broker_chunk *chunk) {
    struct work *work = self;
    bool heard = (chunk->type == BROKER_CHUNK_SUBSCRIPTION &&
                  !is_allowed(work, RULES_SUBSCRIBE, chunk->topic)) ||
                 (chunk->type == BROKER_CHUNK_WAITING && chunk->outgoing &&
                  numbers_has(&work->hidden, chunk->stored));
    char id[65536];
    if (!heard || is_ours(work, chunk->client_id) ||
        slice_to_str(chunk->client_id, id, sizeof id) != ERR_OK) {
        return ERR_OK;
    }
    struct client *client = find_client(work, id);
    if (client != NULL) {
        client->stays = false;
    }
    return ERR_OK;
}

static bool is_dropped(const struct work *work,
                       const struct broker_chunk *chunk) {
    switch (chunk->type) {
    case BROKER_CHUNK_CLIENT:
    case BROKER_CHUNK_WAITING:
    case BROKER_CHUNK_SUBSCRIPTION:
        return !stays(work, chunk->client_id);
    case BROKER_CHUNK_RETAINED:
        return numbers_has(&work->shop, chunk->stored);
    default:
        return false;
    }
}

static err_t each_of_what_stays(void *self, const struct broker_chunk *chunk) {
    struct work *work = self;
    bool dropped = is_dropped(work, chunk);
    work->left.sessions += dropped && chunk->type == BROKER_CHUNK_CLIENT;
    work->left.messages += dropped && chunk->type == BROKER_CHUNK_WAITING;
    work->left.retained += dropped && chunk->type == BROKER_CHUNK_RETAINED;
    bool needs = chunk->type == BROKER_CHUNK_WAITING ||
                 chunk->type == BROKER_CHUNK_RETAINED;
    return needs && !dropped ? numbers_add(&work->needed, chunk->stored)
                             : ERR_OK;
}

/* The walk has a place of its own in the file, to which it goes back. */
static err_t copy(struct work *work, uint64_t at, uint64_t len) {
    uint8_t buf[COPY_SIZE];
    assert(len > 0 && work->to != NULL);
    off_t back = ftello(work->from);
    ENSURE(back >= 0 && fseeko(work->from, (off_t)at, SEEK_SET) == 0, ERR_IO);
    while (len > 0) {
        size_t part = len < sizeof buf ? (size_t)len : sizeof buf;
        ENSURE(fread(buf, 1, part, work->from) == part, ERR_IO);
        ENSURE(fwrite(buf, 1, part, work->to) == part, ERR_FULL);
        len -= part;
    }
    ENSURE(fseeko(work->from, back, SEEK_SET) == 0, ERR_IO);
    return ERR_OK;
}

static err_t each_of_copied(void *self, const struct broker_chunk *chunk) {
    struct work *work = self;
    bool unneeded = chunk->type == BROKER_CHUNK_STORED &&
                    !numbers_has(&work->needed, chunk->stored);
    if (unneeded || is_dropped(work, chunk)) {
        return ERR_OK;
    }
    return copy(work, chunk->at, chunk->len);
}

static err_t sort_out(struct work *work) {
    TRY(broker_chunks_walk(work->from, each_of_clients, work));
    numbers_sort(&work->shop);
    numbers_sort(&work->hidden);
    if (work->client_count > 0) {
        qsort(work->clients, work->client_count, sizeof *work->clients, by_id);
    }
    TRY(broker_chunks_walk(work->from, each_of_what_is_heard, work));
    TRY(broker_chunks_walk(work->from, each_of_what_stays, work));
    numbers_sort(&work->needed);
    return ERR_OK;
}

/* --- Files ---------------------------------------------------------------- */

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* Only a broker that this program started with a plugin has none of it. */
static bool had_plugin(const char *conf_path) {
    CLEANUP(close_file) FILE *file = fopen(conf_path, "re");
    char line[LINE_SIZE];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, plugin_line, sizeof plugin_line - 1) == 0) {
            return true;
        }
    }
    return false;
}

static err_t write_new(struct work *work, const char *path) {
    (void)unlink(path);
    work->to = fopen(path, "wxe");
    ENSURE(work->to != NULL, ERR_IO);
    TRY(copy(work, 0, BROKER_CHUNKS_HEADER));
    TRY(broker_chunks_walk(work->from, each_of_copied, work));
    ENSURE(fflush(work->to) == 0 && fsync(fileno(work->to)) == 0, ERR_IO);
    return ERR_OK;
}

static err_t replace(struct work *work, struct reason *reason) {
    const char *db = work->era->db_path;
    char making[PATH_SIZE];
    char kept[PATH_SIZE];
    snprintf(making, sizeof making, "%s.era", db);
    err_t err = write_new(work, making);
    if (err != ERR_OK) {
        (void)disk_failed(reason, err, "write", making);
        (void)unlink(making);
        return err;
    }
    TRY(set_aside_copy(db, kept, sizeof kept, reason));
    if (rename(making, db) != 0) {
        return disk_failed(reason, ERR_IO, "rename", making);
    }
    const struct platform platform = platform_real();
    TRY(disk_sync_parent(&platform.disk, db));
    log_line(LOG_WARN, "broker",
             "anonymous_era retained=%u sessions=%u messages=%llu file=%s; "
             "they were anybody's, and are set aside; the gateway's own "
             "sessions are whole",
             work->left.retained, work->left.sessions,
             (unsigned long long)work->left.messages, kept);
    return ERR_OK;
}

err_t broker_era_end(const struct broker_era *era, struct broker_era_left *ret,
                     struct reason *reason) {
    assert(era->rules != NULL && era->session_count > 0);
    *ret = (struct broker_era_left){0};
    if (had_plugin(era->conf_path)) {
        return ERR_OK;
    }
    CLEANUP(work_free) struct work work = {.era = era};
    work.from = fopen(era->db_path, "rbe");
    if (work.from == NULL) {
        return errno == ENOENT
                   ? ERR_OK
                   : disk_failed(reason, ERR_IO, "read", era->db_path);
    }
    err_t err = sort_out(&work);
    if (err != ERR_OK) {
        return disk_failed(reason, err, "sort out", era->db_path);
    }
    if (work.left.retained > 0 || work.left.sessions > 0) {
        TRY(replace(&work, reason));
    }
    *ret = work.left;
    return ERR_OK;
}
