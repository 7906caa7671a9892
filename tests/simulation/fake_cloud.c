/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/fake_cloud.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static bool chance(struct fake_cloud *cloud, uint32_t of_100) {
    return support_below(&cloud->random, 100) < of_100;
}

bool fake_cloud_is_poison(const struct fake_cloud *cloud, uint64_t seq) {
    return cloud->poison > 0 && seq % cloud->poison == cloud->poison - 1;
}

/* --- what arrives ------------------------------------------------------- */

static void take(struct fake_cloud *cloud, uint64_t seq) {
    assert(seq < CLOUD_EVENTS_MAX);
    if (cloud->taken[seq]) {
        cloud->again++;
        return;
    }
    for (uint64_t before = seq % cloud->keys; before < seq;
         before += cloud->keys) {
        if (!cloud->taken[before] && !cloud->dead[before]) {
            cloud->out_of_order++;
            break;
        }
    }
    cloud->taken[seq] = true;
    cloud->taken_us[seq] = cloud->now_us;
    cloud->taken_count++;
}

static void answer(struct cloud_line *line, uint32_t status, const char *body) {
    line->status = status;
    snprintf(line->body, sizeof line->body, "%s", body);
}

/* Each entry succeeds, or does not; `skipped` of them are not in the answer. */
static void answer_entries(struct cloud_line *line, uint32_t fails,
                           uint32_t skipped, bool takes) {
    struct fake_cloud *cloud = line->cloud;
    char list[1536];
    struct writer writer = writer_over(list, sizeof list - 1);
    uint32_t failed = 0;
    for (uint32_t i = 0; i + skipped < line->count; i++) {
        bool bad = chance(cloud, fails);
        writer_str(&writer, i > 0 ? "," : "");
        if (bad) {
            failed++;
            writer_str(&writer,
                       chance(cloud, 50)
                           ? "{\"ErrorCode\":\"InternalFailure\"}"
                           : "{\"ErrorCode\":\"ThrottlingException\"}");
        } else {
            writer_printf(&writer, "{\"EventId\":\"%u\"}", i + 1);
            if (takes) {
                take(cloud, line->seqs[i]);
            }
        }
    }
    assert(!writer.full);
    list[writer.len] = '\0';
    line->status = 200;
    snprintf(line->body, sizeof line->body,
             "{\"FailedEntryCount\":%u,\"Entries\":[%s]}", failed, list);
}

static bool has_poison(const struct cloud_line *line) {
    for (uint32_t i = 0; i < line->count; i++) {
        if (fake_cloud_is_poison(line->cloud, line->seqs[i])) {
            return true;
        }
    }
    return false;
}

static void fail(struct cloud_line *line) {
    line->cloud->faults++;
    switch (support_below(&line->cloud->random, 8)) {
    case 0: /* taken, and the answer is lost */
        answer_entries(line, 0, 0, true);
        line->status = 0;
        return;
    case 1:
        line->status = 0;
        return;
    case 2:
        answer(line, 500, "{\"__type\":\"InternalException\"}");
        return;
    case 3:
        answer(line, 400, "{\"__type\":\"ThrottlingException\"}");
        return;
    case 4: /* somebody else answers, one entry too few */
        answer_entries(line, 0, 1, false);
        return;
    case 5:
        answer(line, 200, "<html>Welcome to the hotel</html>");
        return;
    case 6:
        answer(line, 413, "too large");
        return;
    default:
        answer_entries(line, 40, 0, true);
        return;
    }
}

static void arrive(struct cloud_line *line) {
    if (line->probe) {
        answer(line, 200, "{\"Arn\":\"arn:a-bus\"}");
    } else if (chance(line->cloud, line->cloud->fails)) {
        fail(line);
    } else if (has_poison(line)) {
        answer(line, 400, "{\"__type\":\"ValidationException\"}");
    } else {
        answer_entries(line, 0, 0, true);
    }
}

/* --- the network -------------------------------------------------------- */

static void find_seqs(struct cloud_line *line, struct slice body) {
    static const char name[] = "\\\"journalsequence\\\":\\\"";
    char *text = malloc(body.len + 1);
    assert(text != NULL);
    memcpy(text, body.data, body.len);
    text[body.len] = '\0';
    line->count = 0;
    for (const char *at = strstr(text, name); at != NULL;
         at = strstr(at + 1, name)) {
        assert(line->count < CLOUD_ENTRIES_MAX);
        line->seqs[line->count++] = strtoull(at + sizeof name - 1, NULL, 10);
    }
    free(text);
}

static bool share_a_key(const struct cloud_line *a, const struct cloud_line *b,
                        uint32_t keys) {
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            if ((a != b || i < j) && a->seqs[i] % keys == b->seqs[j] % keys) {
                return true;
            }
        }
    }
    return false;
}

/* By the keys as the rows write them. */
uint32_t fake_cloud_lane(const struct fake_cloud *cloud, uint64_t seq) {
    char key[32];
    int len = snprintf(key, sizeof key, "k%" PRIu64, seq % cloud->keys);
    return (uint32_t)(XXH3_64bits(key, (size_t)len) % cloud->lanes);
}

static uint64_t lanes_of(const struct cloud_line *line) {
    uint64_t lanes = 0;
    for (uint32_t i = 0; i < line->count; i++) {
        lanes |= (uint64_t)1 << fake_cloud_lane(line->cloud, line->seqs[i]);
    }
    return lanes;
}

static void count_together(const struct cloud_line *line) {
    struct fake_cloud *cloud = line->cloud;
    for (uint32_t i = 0; i < CLOUD_LINES_MAX; i++) {
        const struct cloud_line *other = &cloud->lines[i];
        if (other != line && other->open && other->busy &&
            (lanes_of(line) & lanes_of(other)) != 0) {
            cloud->beside++;
        }
        if (other->open && other->busy &&
            share_a_key(line, other, cloud->keys)) {
            cloud->together++;
        }
    }
}

static int64_t half_a_trip(struct fake_cloud *cloud) {
    uint64_t half = (uint64_t)cloud->trip_us / 2;
    return (int64_t)(half / 2 + support_below(&cloud->random, half + 1));
}

static void line_send(void *self, struct slice head, struct slice body) {
    struct cloud_line *line = self;
    struct fake_cloud *cloud = line->cloud;
    assert(line->open && !line->busy && head.len > 0);
    find_seqs(line, body);
    line->probe = line->count == 0;
    line->busy = true;
    line->arrived = false;
    line->due_us = cloud->now_us + half_a_trip(cloud);
    cloud->requests++;
    count_together(line);
}

static void line_close(void *self) {
    struct cloud_line *line = self;
    line->open = false;
    line->busy = false;
}

static err_t line_open(void *self, const struct endpoint *where,
                       transport_done done, void *context,
                       struct transport *ret) {
    struct fake_cloud *cloud = self;
    (void)where;
    for (uint32_t i = 0; i < CLOUD_LINES_MAX; i++) {
        struct cloud_line *line = &cloud->lines[i];
        if (!line->open) {
            *line = (struct cloud_line){
                .cloud = cloud, .done = done, .context = context, .open = true};
            *ret = (struct transport){line, line_send, line_close, NULL};
            return ERR_OK;
        }
    }
    return ERR_MEMORY;
}

struct connector fake_cloud_connector(struct fake_cloud *cloud) {
    return (struct connector){cloud, line_open};
}

static struct cloud_line *next_line(const struct fake_cloud *cloud) {
    const struct cloud_line *next = NULL;
    for (uint32_t i = 0; i < CLOUD_LINES_MAX; i++) {
        const struct cloud_line *line = &cloud->lines[i];
        if (line->open && line->busy &&
            (next == NULL || line->due_us < next->due_us)) {
            next = line;
        }
    }
    return next == NULL ? NULL : &next->cloud->lines[next - cloud->lines];
}

int64_t fake_cloud_due_us(const struct fake_cloud *cloud) {
    const struct cloud_line *line = next_line(cloud);
    return line != NULL ? line->due_us : INT64_MAX;
}

static void say_response(struct cloud_line *line) {
    struct http_response *response = calloc(1, sizeof *response);
    assert(response != NULL);
    response->state = HTTP_DONE;
    response->status = line->status;
    response->body_len = strlen(line->body);
    response->body = malloc(response->body_len + 1);
    assert(response->body != NULL);
    memcpy(response->body, line->body, response->body_len + 1);
    line->done(line->context, response, NULL);
    http_response_reset(response);
    free(response);
}

bool fake_cloud_step(struct fake_cloud *cloud) {
    struct cloud_line *line = next_line(cloud);
    if (line == NULL || line->due_us > cloud->now_us) {
        return false;
    }
    if (!line->arrived && !cloud->away) {
        arrive(line);
        line->arrived = true;
        line->due_us = cloud->now_us + half_a_trip(cloud);
        return true;
    }
    line->busy = false;
    if (line->arrived && line->status != 0) {
        say_response(line);
        return true;
    }
    struct transport_error error = {"the connection broke", cloud->away};
    line->done(line->context, NULL, &error);
    return true;
}

void fake_cloud_cut(struct fake_cloud *cloud) {
    for (uint32_t i = 0; i < CLOUD_LINES_MAX; i++) {
        struct cloud_line *line = &cloud->lines[i];
        if (line->open && line->busy && !line->arrived && !cloud->away &&
            chance(cloud, 50)) {
            arrive(line);
        }
    }
}
