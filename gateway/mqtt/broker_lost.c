/* SPDX-License-Identifier: Apache-2.0 */
/* Two walks: what messages and clients there are, and then who waits for
 * which. */
#include "gateway/mqtt/broker_lost.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "gateway/identity/rules.h"
#include "gateway/mqtt/broker_chunks.h"
#include "gateway/mqtt/broker_list.h"

enum { SESSIONS_MAX = 32 };

struct stored {
    uint64_t number;
    int64_t ends_s;   /* 0 = never */
    uint32_t hearers; /* a bit for each session whose filter has its topic */
    uint32_t waited;  /* or that waits for it, once */
};

struct search {
    const struct broker_session *sessions;
    size_t session_count;
    int64_t now_s;
    struct stored *stored; /* owned, as the next */
    size_t stored_count;
    size_t stored_room;
    uint64_t *clients; /* of each id its hash */
    size_t client_count;
    size_t client_room;
    uint32_t subscribed; /* a bit for each session: to its topic */
    uint32_t other;      /* to another, too: of the store's former name */
    struct broker_lost lost;
};

static void search_free(struct search *search) {
    free(search->stored);
    free(search->clients);
}

/* Whose it is; `session_count` if not the gateway's. */
static size_t session_of(const struct search *search, struct slice id) {
    size_t i = 0;
    while (i < search->session_count &&
           !slice_eq_str(id, search->sessions[i].client_id)) {
        i++;
    }
    return i;
}

/* --- What there is -------------------------------------------------------- */

static uint32_t hearers(const struct search *search, struct slice topic) {
    char text[65536];
    uint32_t bits = 0;
    if (slice_to_str(topic, text, sizeof text) != ERR_OK) {
        return 0;
    }
    for (size_t i = 0; i < search->session_count; i++) {
        bool hears = topic_filter_covers(search->sessions[i].topic, text);
        bits |= (uint32_t)hears << i;
    }
    return bits;
}

static err_t add_stored(struct search *search,
                        const struct broker_chunk *chunk) {
    void *list = search->stored;
    TRY(broker_list_grow(&list, &search->stored_room, search->stored_count,
                         sizeof *search->stored));
    search->stored = list;
    search->stored[search->stored_count++] =
        (struct stored){.number = chunk->stored,
                        .ends_s = chunk->ends_s,
                        .hearers = hearers(search, chunk->topic)};
    return ERR_OK;
}

static err_t add_client(struct search *search, struct slice id) {
    void *list = search->clients;
    TRY(broker_list_grow(&list, &search->client_room, search->client_count,
                         sizeof *search->clients));
    search->clients = list;
    search->clients[search->client_count++] = XXH3_64bits(id.data, id.len);
    return ERR_OK;
}

static void add_subscription(struct search *search,
                             const struct broker_chunk *chunk) {
    size_t i = session_of(search, chunk->client_id);
    if (i == search->session_count) {
        return;
    }
    if (slice_eq_str(chunk->topic, search->sessions[i].topic)) {
        search->subscribed |= UINT32_C(1) << i;
    } else {
        search->other |= UINT32_C(1) << i;
    }
}

static err_t each_that_is(void *self, const struct broker_chunk *chunk) {
    switch (chunk->type) {
    case BROKER_CHUNK_STORED:
        return add_stored(self, chunk);
    case BROKER_CHUNK_CLIENT:
        return add_client(self, chunk->client_id);
    case BROKER_CHUNK_SUBSCRIPTION:
        add_subscription(self, chunk);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

static void sort(struct search *search) {
    if (search->stored_count > 0) {
        qsort(search->stored, search->stored_count, sizeof *search->stored,
              broker_list_by_number);
    }
    if (search->client_count > 0) {
        qsort(search->clients, search->client_count, sizeof *search->clients,
              broker_list_by_number);
    }
}

/* --- What waits ----------------------------------------------------------- */

static struct stored *find_stored(const struct search *search,
                                  uint64_t number) {
    return search->stored_count == 0
               ? NULL
               : bsearch(&number, search->stored, search->stored_count,
                         sizeof *search->stored, broker_list_by_number);
}

static bool has_client(const struct search *search, struct slice id) {
    uint64_t key = XXH3_64bits(id.data, id.len);
    return search->client_count > 0 &&
           bsearch(&key, search->clients, search->client_count,
                   sizeof *search->clients, broker_list_by_number) != NULL;
}

/* One of QoS 0 may be there, too: it was about to be sent. No time to be
 * delivered in is longer than MQTT can say: else Mosquitto cuts it down. */
static bool may_come(const struct search *search,
                     const struct broker_chunk *chunk, struct stored *stored) {
    if (stored == NULL || !has_client(search, chunk->client_id)) {
        return false;
    }
    size_t session = session_of(search, chunk->client_id);
    if (session == search->session_count) {
        return true;
    }
    uint32_t bit = UINT32_C(1) << session;
    bool other = (search->subscribed & ~search->other & bit) == 0;
    bool hears = other || (stored->hearers & ~stored->waited & bit) != 0;
    stored->waited |= bit;
    return chunk->outgoing && chunk->qos <= 1 && hears &&
           stored->ends_s <= search->now_s + (int64_t)UINT32_MAX;
}

static err_t each_that_waits(void *self, const struct broker_chunk *chunk) {
    struct search *search = self;
    if (chunk->type != BROKER_CHUNK_WAITING) {
        return ERR_OK;
    }
    struct stored *stored = find_stored(search, chunk->stored);
    bool comes = may_come(search, chunk, stored);
    bool ours = session_of(search, chunk->client_id) < search->session_count;
    search->lost.messages += !comes;
    search->lost.expired +=
        comes && ours && stored->ends_s != 0 && stored->ends_s <= search->now_s;
    return ERR_OK;
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

err_t broker_lost_count(const char *db_path,
                        const struct broker_session *sessions, size_t count,
                        int64_t now_s, struct broker_lost *ret) {
    assert(count <= SESSIONS_MAX);
    CLEANUP(close_file) FILE *file = fopen(db_path, "rbe");
    ENSURE(file != NULL, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO);
    CLEANUP(search_free)
    struct search search = {
        .sessions = sessions, .session_count = count, .now_s = now_s};
    TRY(broker_chunks_walk(file, each_that_is, &search));
    sort(&search);
    TRY(broker_chunks_walk(file, each_that_waits, &search));
    *ret = search.lost;
    return ERR_OK;
}
