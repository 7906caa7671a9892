/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bridge/fake_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ANSWER_MAX = 64 * 1024 };

static void find_seqs(struct fake_network *network) {
    static const char name[] = "\\\"journalsequence\\\":\\\"";
    network->seq_count = 0;
    for (const char *at = strstr(network->body, name); at != NULL;
         at = strstr(at + 1, name)) {
        assert_true(network->seq_count < FAKE_SEQS_MAX);
        network->seqs[network->seq_count++] =
            strtoull(at + sizeof name - 1, NULL, 10);
    }
}

static void fake_send(void *self, struct slice head, struct slice body) {
    struct fake_network *network = self;
    assert_true(network->open);
    assert_false(network->in_flight);
    assert_true(head.len < FAKE_HEAD_MAX && body.len < FAKE_BODY_MAX);
    memcpy(network->head, head.data, head.len);
    network->head[head.len] = '\0';
    memcpy(network->body, body.data, body.len);
    network->body[body.len] = '\0';
    network->body_len = body.len;
    network->in_flight = true;
    network->requests++;
    find_seqs(network);
    if (network->at_once && network->refuses) {
        fake_network_refuse(network);
    } else if (network->at_once) {
        fake_network_take(network);
    }
}

static void fake_close(void *self) {
    struct fake_network *network = self;
    assert_true(network->open);
    network->open = false;
    network->in_flight = false;
}

static err_t fake_open(void *self, const struct endpoint *where,
                       transport_done done, void *context,
                       struct transport *ret) {
    struct fake_network *network = self;
    assert_true(where->host[0] != '\0');
    assert_false(network->open);
    ENSURE(!network->refuse, ERR_MEMORY);
    network->open = true;
    network->done = done;
    network->context = context;
    *ret = (struct transport){network, fake_send, fake_close, NULL};
    return ERR_OK;
}

void fake_network_init(struct fake_network *network) {
    *network = (struct fake_network){.body = malloc(FAKE_BODY_MAX)};
    assert_non_null(network->body);
}

void fake_network_free(struct fake_network *network) {
    assert_false(network->open);
    free(network->body);
}

struct connector fake_network_connector(struct fake_network *network) {
    return (struct connector){network, fake_open};
}

bool fake_network_asks(const struct fake_network *network, const char *call) {
    char line[128];
    snprintf(line, sizeof line, "X-Amz-Target: %s\r\n", call);
    return network->in_flight && strstr(network->head, line) != NULL;
}

void fake_network_answer(struct fake_network *network, uint32_t status,
                         const char *body) {
    assert_true(network->in_flight);
    struct http_response *response = calloc(1, sizeof *response);
    assert_non_null(response);
    response->state = HTTP_DONE;
    response->status = status;
    response->has_age = network->has_age;
    snprintf(response->date, sizeof response->date, "%s",
             network->date != NULL ? network->date : "");
    response->body_len = strlen(body);
    response->body = malloc(response->body_len + 1);
    assert_non_null(response->body);
    memcpy(response->body, body, response->body_len + 1);
    network->in_flight = false;
    network->done(network->context, response, NULL);
    http_response_reset(response);
    free(response);
}

void fake_network_fail(struct fake_network *network, const char *why) {
    assert_true(network->in_flight);
    network->in_flight = false;
    struct transport_error error = {why, false};
    network->done(network->context, NULL, &error);
}

void fake_network_refuse(struct fake_network *network) {
    assert_true(network->in_flight);
    network->in_flight = false;
    struct transport_error error = {"cannot connect: refused", true};
    network->done(network->context, NULL, &error);
}

static uint32_t count_of(const struct fake_network *network, const char *text) {
    uint32_t count = 0;
    for (const char *at = strstr(network->body, text); at != NULL;
         at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static void write_entries(struct writer *writer, uint32_t count,
                          const char *good, uint32_t bad, const char *code) {
    for (uint32_t i = 0; i < count; i++) {
        writer_str(writer, i > 0 ? "," : "");
        if (i == bad) {
            writer_printf(writer, "{\"ErrorCode\":\"%s\"}", code);
        } else {
            writer_str(writer, good);
        }
    }
}

void fake_network_take_but(struct fake_network *network, uint32_t index,
                           const char *code) {
    if (fake_network_asks(network, "AWSEvents.DescribeEventBus")) {
        fake_network_answer(network, 200, "{\"Arn\":\"arn:a-bus\"}");
        return;
    }
    bool kinesis = fake_network_asks(network, "Kinesis_20131202.PutRecords");
    uint32_t count =
        count_of(network, kinesis ? "\"PartitionKey\":" : "\"DetailType\":");
    char memory[ANSWER_MAX];
    struct writer writer = writer_over(memory, sizeof memory - 1);
    writer_printf(&writer, "{\"Failed%sCount\":%d,\"%s\":[",
                  kinesis ? "Record" : "Entry", index < count ? 1 : 0,
                  kinesis ? "Records" : "Entries");
    write_entries(&writer, count,
                  kinesis ? "{\"SequenceNumber\":\"1\",\"ShardId\":\"s\"}"
                          : "{\"EventId\":\"1\"}",
                  index, code);
    writer_str(&writer, "]}");
    assert_false(writer.full);
    memory[writer.len] = '\0';
    fake_network_answer(network, 200, memory);
}

void fake_network_take(struct fake_network *network) {
    fake_network_take_but(network, UINT32_MAX, "");
}
