/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/fake_cloud.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "gateway/event/base64.h"

static bool chance(struct fake_cloud *cloud, uint32_t of_100) {
    return support_below(&cloud->random, 100) < of_100;
}

bool fake_cloud_is_poison(const struct fake_cloud *cloud, uint64_t seq) {
    return cloud->poison > 0 && seq % cloud->poison == cloud->poison - 1;
}

/* By the keys as the rows write them. */
uint32_t fake_cloud_lane(const struct fake_cloud *cloud, uint64_t seq) {
    char key[32];
    int len = snprintf(key, sizeof key, "k%" PRIu64, seq % cloud->keys);
    return (uint32_t)(XXH3_64bits(key, (size_t)len) % cloud->lanes);
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

static bool has_poison(const struct cloud_line *line,
                       const struct cloud_record *record) {
    for (uint32_t i = record->first; i < record->end; i++) {
        if (fake_cloud_is_poison(line->cloud, line->seqs[i])) {
            return true;
        }
    }
    return false;
}

/* What becomes of a record: a code, or NULL if it is taken. */
static const char *refusal(const struct cloud_line *line,
                           const struct cloud_record *record, uint32_t fails) {
    struct fake_cloud *cloud = line->cloud;
    if (chance(cloud, fails)) {
        return chance(cloud, 50)   ? "InternalFailure"
               : cloud->aggregated ? "ProvisionedThroughputExceededException"
                                   : "ThrottlingException";
    }
    return cloud->aggregated && has_poison(line, record)
               ? "InvalidArgumentException"
               : NULL;
}

/* Each record succeeds, or does not; `skipped` of them are not in the answer.
 */
static void answer_records(struct cloud_line *line, uint32_t fails,
                           uint32_t skipped, bool takes) {
    struct fake_cloud *cloud = line->cloud;
    char list[1536];
    struct writer writer = writer_over(list, sizeof list - 1);
    uint32_t failed = 0;
    for (uint32_t i = 0; i + skipped < line->record_count; i++) {
        const struct cloud_record *record = &line->records[i];
        const char *code = refusal(line, record, fails);
        failed += code != NULL ? 1 : 0;
        writer_str(&writer, i > 0 ? "," : "");
        writer_printf(&writer, "{\"%s\":\"%s\"}",
                      code != NULL        ? "ErrorCode"
                      : cloud->aggregated ? "SequenceNumber"
                                          : "EventId",
                      code != NULL ? code : "1");
        for (uint32_t j = record->first;
             j < record->end && code == NULL && takes; j++) {
            take(cloud, line->seqs[j]);
        }
    }
    assert(!writer.full);
    list[writer.len] = '\0';
    line->status = 200;
    snprintf(line->body, sizeof line->body, "{\"%s\":%u,\"%s\":[%s]}",
             cloud->aggregated ? "FailedRecordCount" : "FailedEntryCount",
             failed, cloud->aggregated ? "Records" : "Entries", list);
}

static void fail(struct cloud_line *line) {
    line->cloud->faults++;
    switch (support_below(&line->cloud->random, 8)) {
    case 0: /* taken, and the answer is lost */
        answer_records(line, 0, 0, true);
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
        answer_records(line, 0, 1, false);
        return;
    case 5:
        answer(line, 200, "<html>Welcome to the hotel</html>");
        return;
    case 6:
        answer(line, 413, "too large");
        return;
    default:
        answer_records(line, 40, 0, true);
        return;
    }
}

static bool any_poison(const struct cloud_line *line) {
    const struct cloud_record all = {0, line->count};
    return has_poison(line, &all);
}

static void arrive(struct cloud_line *line) {
    if (line->probe) {
        answer(line, 200, "{\"Arn\":\"arn:a-bus\"}");
    } else if (chance(line->cloud, line->cloud->fails)) {
        fail(line);
    } else if (any_poison(line) &&
               (!line->cloud->aggregated || chance(line->cloud, 50))) {
        answer(line, 400, "{\"__type\":\"ValidationException\"}");
    } else {
        answer_records(line, 0, 0, true);
    }
}

/* --- the network -------------------------------------------------------- */

/* All numbers in a text that is not ended. */
static void find_seqs(struct cloud_line *line, struct slice text,
                      const char *name) {
    size_t len = strlen(name);
    const uint8_t *end = text.data + text.len;
    const uint8_t *at = memmem(text.data, text.len, name, len);
    while (at != NULL) {
        assert(line->count < CLOUD_EVENTS_MAX);
        at += len;
        line->seqs[line->count++] = strtoull((const char *)at, NULL, 10);
        at = memmem(at, (size_t)(end - at), name, len);
    }
}

static void end_record(struct cloud_line *line, uint32_t first, uint32_t end) {
    assert(line->record_count < CLOUD_RECORDS_MAX);
    line->records[line->record_count++] = (struct cloud_record){first, end};
}

static void read_entries(struct cloud_line *line, struct slice body) {
    find_seqs(line, body, "\\\"journalsequence\\\":\\\"");
    for (uint32_t i = 0; i < line->count; i++) {
        end_record(line, i, i + 1);
    }
}

/* The lanes of its events; one, if all is well. */
static uint64_t record_lanes(const struct cloud_line *line,
                             const struct cloud_record *record) {
    uint64_t lanes = 0;
    for (uint32_t i = record->first; i < record->end; i++) {
        lanes |= (uint64_t)1 << fake_cloud_lane(line->cloud, line->seqs[i]);
    }
    return lanes;
}

static void count_mixed(struct cloud_line *line) {
    uint64_t all = 0;
    for (uint32_t i = 0; i < line->record_count; i++) {
        uint64_t lanes = record_lanes(line, &line->records[i]);
        bool one = (lanes & (lanes - 1)) == 0 && (lanes & all) == 0;
        line->cloud->mixed += one ? 0 : 1;
        all |= lanes;
    }
}

static void read_aggregates(struct cloud_line *line, struct slice body) {
    static const char name[] = "{\"Data\":\"";
    uint8_t *data = malloc(body.len);
    assert(data != NULL);
    const uint8_t *end = body.data + body.len;
    const uint8_t *at = memmem(body.data, body.len, name, sizeof name - 1);
    while (at != NULL) {
        at += sizeof name - 1;
        const uint8_t *quote = memchr(at, '"', (size_t)(end - at));
        assert(quote != NULL);
        size_t len;
        err_t err =
            event_base64_read(slice_of(at, (size_t)(quote - at)), data, &len);
        assert(err == ERR_OK);
        uint32_t first = line->count;
        find_seqs(line, slice_of(data, len), "\"journalsequence\":\"");
        end_record(line, first, line->count);
        at = memmem(quote, (size_t)(end - quote), name, sizeof name - 1);
    }
    free(data);
    count_mixed(line);
}

static void read_body(struct cloud_line *line, struct slice body) {
    line->count = 0;
    line->record_count = 0;
    if (line->cloud->aggregated) {
        read_aggregates(line, body);
    } else {
        read_entries(line, body);
    }
}

static bool share_a_key(const struct cloud_line *a, const struct cloud_line *b,
                        uint32_t keys) {
    for (uint32_t i = 0; i < a->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            /* In one request only aggregates may. */
            bool apart = a != b || (i < j && !a->cloud->aggregated);
            if (apart && a->seqs[i] % keys == b->seqs[j] % keys) {
                return true;
            }
        }
    }
    return false;
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
    read_body(line, body);
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
