/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says which sink gets the answer, the second its status and how
 * many entries were asked about; the rest is the body.
 *
 * Whatever comes: CBOR that is taken is JSON, of at most six bytes a byte, and
 * reads the same over any room; an answer says for each entry what became of
 * it, in words that may be logged, and one that is cut confirms nothing. */
#include <stdlib.h>

#include "bridge/cbor_json.h"
#include "bridge/sink.h"
#include "gateway/event/json.h"
#include "tests/fuzz/fuzz.h"

enum { GROWTH = 6, ENTRIES = 4 };

static const struct sink *const sinks[] = {&sink_kinesis_cbor, &sink_kinesis,
                                           &sink_eventbridge};
static const uint32_t statuses[] = {200, 400, 500, 403};

static void convert(struct slice body) {
    size_t cap = GROWTH * body.len + 1;
    uint8_t *memory = malloc(cap);
    fuzz_must(memory != NULL, "there is no memory");
    struct writer writer = writer_over(memory, cap);
    err_t err = cbor_to_json(body, &writer);
    fuzz_must(err == ERR_OK || err == ERR_PARSE, "six times is not enough");
    if (err == ERR_OK) {
        fuzz_must(writer.len < cap, "six times is not enough");
        fuzz_must(json_check(writer_slice(&writer), NULL) == ERR_OK,
                  "what was taken is not JSON");
    }
    free(memory);
}

static void check_words(const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        fuzz_must(*c >= ' ' && *c <= '~', "a word is not for a log");
    }
}

static struct answer read_it(const struct sink *sink, uint32_t status,
                             uint32_t count, struct slice body) {
    static struct answer answer;
    struct sink_buffer buffer = {0};
    struct answer_raw raw = {status, "",
                             sink_answer(sink, status, body, &buffer)};
    answer_read(&sink->shape, &raw, count, &answer);
    sink_buffer_free(&buffer);
    return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cursor input = cursor_over(slice_of(data, size));
    const struct sink *sink = sinks[fuzz_u8(&input) % 3];
    uint8_t how = fuzz_u8(&input);
    uint32_t status = statuses[how % 4];
    uint32_t count = 1 + how / 4 % ENTRIES;
    struct slice body = slice_part(input.all, input.at, cursor_left(&input));
    convert(body);
    struct answer answer = read_it(sink, status, count, body);
    check_words(answer.text);
    bool good = answer.call == CALL_ANSWERED;
    fuzz_must(!good || status == 200, "an error is an answer");
    fuzz_must(good || answer.text[0] != '\0', "a failure has no words");
    if (good && body.len > 0) {
        body.len--;
        answer = read_it(sink, status, count, body);
        fuzz_must(answer.call != CALL_ANSWERED || !sink->cbor,
                  "an answer that is cut confirms");
    }
    return 0;
}
