/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_unnamed.h"

#include <assert.h>
#include <stdio.h>

#include "gateway/mqtt/broker_chunks.h"
#include "gateway/mqtt/broker_conf.h"

/* The plugin's (door.c). Older brokers saved none. */
static const char unnamed[] = "anonymous";

struct search {
    struct rules *rules;
    int64_t now_s;
};

static bool is_text(struct slice id) {
    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] < ' ' || id.data[i] == 0x7f) {
            return false;
        }
    }
    return id.len > 0 && slice_is_utf8(id);
}

static bool is_gateways(const struct rules *rules, struct slice id) {
    for (uint32_t i = 0; i < rules->gateway_id_count; i++) {
        if (slice_eq_str(id, rules->gateway_ids[i])) {
            return true;
        }
    }
    return false;
}

/* At the latest when the broker forgets any. */
static int64_t ends_s(const struct broker_chunk *chunk, int64_t now_s) {
    int64_t last_s = now_s + (int64_t)BROKER_EXPIRATION_DAYS * 24 * 3600;
    int64_t end_s =
        chunk->ends_s != 0 ? chunk->ends_s : now_s + chunk->expiry_s;
    return end_s < last_s ? end_s : last_s;
}

static err_t each(void *self, const struct broker_chunk *chunk) {
    const struct search *search = self;
    struct rules *rules = search->rules;
    bool is_one =
        chunk->type == BROKER_CHUNK_CLIENT &&
        (chunk->user.len == 0 || slice_eq_str(chunk->user, unnamed)) &&
        is_text(chunk->client_id) && !is_gateways(rules, chunk->client_id);
    if (!is_one || rules->session_count == RULES_SESSIONS_MAX) {
        return ERR_OK;
    }
    struct rules_session *session = &rules->sessions[rules->session_count];
    session->ends_s = ends_s(chunk, search->now_s);
    bool fits = slice_to_str(chunk->client_id, session->client_id,
                             sizeof session->client_id) == ERR_OK;
    rules->session_count += fits && session->ends_s > search->now_s;
    return ERR_OK;
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

void broker_unnamed_find(const char *db_path, int64_t now_s,
                         struct rules *rules) {
    struct search search = {rules, now_s};
    CLEANUP(close_file) FILE *file = fopen(db_path, "rbe");
    rules->session_count = 0;
    err_t err = file == NULL ? ERR_OK : broker_chunks_walk(file, each, &search);
    if (err != ERR_OK) {
        log_line(LOG_WARN, "broker", "sessions_unknown file=%s error=%s",
                 db_path, err_name(err));
    }
    assert(rules->session_count <= RULES_SESSIONS_MAX);
}
