/* SPDX-License-Identifier: Apache-2.0 */
/* What answers mean: a table of what services say, and what must never be taken
 * for success. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/sink.h"
#include "tests/unit/bridge/dice.h"

struct error_case {
    uint32_t status;
    const char *error_type;
    const char *body;
    enum forwarder_call call;
    const char *words; /* part of the text */
};

static const struct error_case ERRORS[] = {
    /* The service's own errors, in each of the forms a code comes in. */
    {400, "", "{\"__type\":\"ThrottlingException\",\"message\":\"Rate\"}",
     CALL_THROTTLED, "ThrottlingException: Rate"},
    {400, "", "{\"__type\":\"a.b#ProvisionedThroughputExceededException\"}",
     CALL_THROTTLED, "ProvisionedThroughputExceededException"},
    {400, "KMSThrottlingException:http://x/", "{}", CALL_THROTTLED, "KMS"},
    {429, "", "{\"__type\":\"Unknown\"}", CALL_THROTTLED, "Unknown"},
    {400, "", "{\"__type\":\"UnrecognizedClientException\",\"Message\":\"No\"}",
     CALL_REFUSED, "UnrecognizedClientException: No"},
    {403, "InvalidSignatureException", "", CALL_REFUSED, "InvalidSignature"},
    {400, "", "{\"__type\":\"ExpiredTokenException\"}", CALL_REFUSED,
     "Expired"},
    {400, "", "{\"__type\":\"AccessDeniedException\"}", CALL_REFUSED, "Access"},
    {400, "", "{\"__type\":\"ResourceNotFoundException\"}", CALL_REFUSED,
     "ResourceNotFound"},
    {400, "", "{\"__type\":\"ValidationException\",\"message\":\"1 error\"}",
     CALL_INVALID, "Validation"},
    {400, "",
     "{\"__type\":\"ValidationException\",\"message\":\"Total size of the "
     "entries in the request is over the limit.\"}",
     CALL_TOO_LARGE, "Total size"},
    {400, "", "{\"__type\":\"SerializationException\"}", CALL_INVALID, ""},
    {500, "", "{\"__type\":\"InternalException\"}", CALL_FAILED, "Internal"},
    {500, "", "{\"__type\":\"Whatever\"}", CALL_FAILED, "Whatever"},
    {400, "", "{\"__type\":\"RequestTimeoutException\"}", CALL_FAILED, ""},
    {503, "SlowDown", "", CALL_THROTTLED, "SlowDown"},
    /* In XML, as a front of AWS writes them. */
    {403, "",
     "<AccessDeniedException>\n  <Message>Unable to determine "
     "service</Message>\n</AccessDeniedException>\n",
     CALL_REFUSED, "AccessDeniedException: Unable to determine service"},
    {403, "",
     "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"x\"><Error><Type>Sender"
     "</Type><Code>SignatureDoesNotMatch</Code><Message>The\n request"
     "</Message></Error></ErrorResponse>",
     CALL_REFUSED, "SignatureDoesNotMatch: The request"},
    {400, "", "<Error><Code>ExpiredToken</Code></Error>", CALL_REFUSED,
     "ExpiredToken"},
    {503, "", "<Error><Code>SlowDown</Code><Message/></Error>", CALL_THROTTLED,
     "SlowDown"},
    {403, "", "<Error><Code>a b</Code></Error>", CALL_FAILED, "HTTP 403"},
    {403, "", "<Error><Code></Code></Error>", CALL_FAILED, "HTTP 403"},
    {403, "", "<Error><Code", CALL_FAILED, "HTTP 403"},
    {403, "", "<?xml", CALL_FAILED, "HTTP 403"},
    {403, "", "<", CALL_FAILED, "HTTP 403"},
    {403, "", "<html><code>AccessDenied</code></html>", CALL_FAILED,
     "captive portal"},
    /* A page says who it is of. */
    {403, "", "<!DOCTYPE html><HTML><head><TITLE>\n Guest \x01 Wifi\n</title>",
     CALL_FAILED,
     "HTTP 403: not an answer from the service, but a page "
     "\"Guest ? Wifi\" (of a proxy or a captive portal?)"},
    {302, "", "<title x=y>Login", CALL_FAILED, "page \"Login\""},
    {403, "", "<title></title>", CALL_FAILED, "(a proxy or a captive portal?)"},
    {503, "", "<title>busy</title>", CALL_FAILED, "HTTP 503"},
    /* Not the service. */
    {503, "", "<html>busy</html>", CALL_FAILED, "HTTP 503"},
    {502, "", "", CALL_FAILED, "HTTP 502"},
    {429, "", "", CALL_THROTTLED, "HTTP 429"},
    {413, "", "<html>", CALL_TOO_LARGE, "HTTP 413"},
    {403, "", "<html>", CALL_FAILED, "captive portal"},
    {404, "", "{}", CALL_FAILED, "captive portal"},
    {407, "", "", CALL_FAILED, "proxy"},
    {511, "", "", CALL_FAILED, "HTTP 511"},
    {302, "", "", CALL_FAILED, "HTTP 302"},
    {204, "", "", CALL_FAILED, "HTTP 204"},
    {201, "", "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"1\"}]}",
     CALL_FAILED, "HTTP 201"},
    {400, "", "{\"__type\":\"\"}", CALL_FAILED, "HTTP 400"},
    {400, "", "{\"__type\":7}", CALL_FAILED, "HTTP 400"},
    {400, "", "{\"__type\":\"#:\"}", CALL_FAILED, "HTTP 400"},
};

static struct answer read_body(const struct sink *sink, uint32_t status,
                               const char *error_type, const char *body,
                               uint32_t count) {
    static struct answer answer;
    struct answer_raw raw = {status, error_type, slice_from_str(body)};
    answer_read(&sink->shape, &raw, count, &answer);
    return answer;
}

/* Goal: each error is understood as the table says, by both sinks. */
static void test_errors_of_whole_calls(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        const struct error_case *one = &ERRORS[i];
        struct answer answer = read_body(&sink_kinesis, one->status,
                                         one->error_type, one->body, 1);
        if (answer.call != one->call ||
            strstr(answer.text, one->words) == NULL) {
            fail_msg("%u %s: call %d, \"%s\"", one->status, one->body,
                     answer.call, answer.text);
        }
        assert_true(answer.text[0] != '\0');
    }
    struct answer answer =
        read_body(&sink_eventbridge, 400, "",
                  "{\"__type\":\"ResourceNotFoundException\"}", 1);
    assert_true(answer.not_found);
    answer = read_body(&sink_eventbridge, 400, "",
                       "{\"__type\":\"AccessDeniedException\"}", 1);
    assert_true(answer.not_ours);
    assert_false(answer.expired);
    answer = read_body(&sink_kinesis, 400, "",
                       "{\"__type\":\"ExpiredTokenException\"}", 1);
    assert_true(answer.expired);
    answer = read_body(&sink_eventbridge, 403, "ExpiredToken", "", 1);
    assert_true(answer.expired);
}

/* Goal: nothing but a result for each entry, each with its sign of success or
 * its code, is an answer. */
static void test_what_is_not_an_answer(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html>Please sign in</html>",
        "{}",
        "[]",
        "null",
        "{\"FailedEntryCount\":0}",
        "{\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":\"b\"}]}",
        "{\"FailedEntryCount\":0,\"Entries\":{}}",
        "{\"FailedEntryCount\":0,\"Entries\":[]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"}]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":"
        "\"b\"},{\"EventId\":\"c\"}]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},{}]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},\"b\"]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":"
        "\"\"}]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":"
        "null}]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":"
        "7}]}",
        "{\"FailedEntryCount\":1,\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":"
        "\"b\"}]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},"
        "{\"ErrorCode\":\"InternalFailure\"}]}",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":"
        "\"b\"}]",
        "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"a\"},{\"EventId\":"
        "\"b\"}]}x",
        "{\"FailedRecordCount\":0,\"Records\":[{\"SequenceNumber\":\"1\"},"
        "{\"SequenceNumber\":\"2\"}]}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct answer answer =
            read_body(&sink_eventbridge, 200, "", bodies[i], 2);
        if (answer.call != CALL_FAILED) {
            fail_msg("taken for an answer: %s", bodies[i]);
        }
        assert_non_null(strstr(answer.text, "not an answer from the service"));
    }
}

/* Goal: results by entries: success by its sign, codes by their table, the
 * words of a refusal before those of a failure. */
static void test_results_by_entries(void **state) {
    (void)state;
    struct answer answer = read_body(
        &sink_eventbridge, 200, "",
        "{\"FailedEntryCount\":5,\"Entries\":[{\"EventId\":\"a\"},"
        "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"later\"},"
        "{\"ErrorCode\":\"ThrottlingException\"},"
        "{\"ErrorCode\":\"MalformedDetail\",\"ErrorMessage\":\"Detail is "
        "malformed.\"},{\"ErrorCode\":\"AccessDeniedException\"},"
        "{\"ErrorCode\":\"SomethingNew\"}]}",
        6);
    static const enum forwarder_outcome expected[] = {
        ENTRY_CONFIRMED, ENTRY_FAILED,  ENTRY_THROTTLED,
        ENTRY_REFUSED,   ENTRY_REFUSED, ENTRY_REFUSED};
    assert_int_equal(answer.call, CALL_ANSWERED);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(answer.outcomes[i], expected[i]);
    }
    assert_string_equal(answer.text, "an event was refused: MalformedDetail: "
                                     "Detail is malformed.");
    static const char *const passing[] = {"InternalException",
                                          "ServiceUnavailable",
                                          "ServiceUnavailableException"};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        char body[200];
        snprintf(body, sizeof body,
                 "{\"FailedEntryCount\":1,\"Entries\":[{\"ErrorCode\":\"%s\"}]"
                 "}",
                 passing[i]);
        answer = read_body(&sink_eventbridge, 200, "", body, 1);
        assert_int_equal(answer.outcomes[0], ENTRY_FAILED);
    }
    static const char *const final[] = {"InvalidAccountIdException",
                                        "InvalidArgument",
                                        "MalformedDetail",
                                        "RedactionFailure",
                                        "NotAuthorizedForSourceException",
                                        "AccessDeniedException",
                                        "NotAuthorizedForDetailTypeException"};
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++) {
        char body[200];
        snprintf(body, sizeof body,
                 "{\"FailedEntryCount\":1,\"Entries\":[{\"ErrorCode\":\"%s\"}]"
                 "}",
                 final[i]);
        answer = read_body(&sink_eventbridge, 200, "", body, 1);
        assert_int_equal(answer.outcomes[0], ENTRY_REFUSED);
    }
}

/* Goal: Kinesis' results, with the nulls that emulators write. */
static void test_results_of_kinesis(void **state) {
    (void)state;
    struct answer answer = read_body(
        &sink_kinesis, 200, "",
        "{\"FailedRecordCount\":2,\"EncryptionType\":\"NONE\",\"Records\":["
        "{\"SequenceNumber\":\"4960\",\"ShardId\":\"shardId-000000000000\","
        "\"ErrorCode\":null,\"ErrorMessage\":null},"
        "{\"ErrorCode\":\"ProvisionedThroughputExceededException\"},"
        "{\"ErrorCode\":\"InternalFailure\"}]}",
        3);
    assert_int_equal(answer.call, CALL_ANSWERED);
    assert_int_equal(answer.outcomes[0], ENTRY_CONFIRMED);
    assert_int_equal(answer.outcomes[1], ENTRY_THROTTLED);
    assert_int_equal(answer.outcomes[2], ENTRY_FAILED);
}

/* Goal: the probe's answer: there, not there, not allowed to ask, not ours. */
static void test_probes(void **state) {
    (void)state;
    static const struct {
        uint32_t status;
        const char *body;
        enum forwarder_call call;
        bool not_found, not_ours;
    } cases[] = {
        {200, "{\"Arn\":\"arn:aws:events\",\"Name\":\"b\"}", CALL_ANSWERED,
         false, false},
        {200, "{\"Name\":\"b\"}", CALL_FAILED, false, false},
        {200, "<html>", CALL_FAILED, false, false},
        {400, "{\"__type\":\"ResourceNotFoundException\"}", CALL_REFUSED, true,
         false},
        {400, "{\"__type\":\"AccessDeniedException\"}", CALL_REFUSED, false,
         true},
        {404, "{\"__type\":\"UnknownOperationException\"}", CALL_REFUSED, false,
         true},
        {400, "{\"__type\":\"ThrottlingException\"}", CALL_THROTTLED, false,
         false},
        {413, "<html>", CALL_REFUSED, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct answer answer;
        struct answer_raw raw = {cases[i].status, "",
                                 slice_from_str(cases[i].body)};
        answer_read_probe(&raw, "Arn", &answer);
        assert_int_equal(answer.call, cases[i].call);
        assert_int_equal(answer.not_found, cases[i].not_found);
        assert_int_equal(answer.not_ours, cases[i].not_ours);
    }
}

/* Goal: a service's words are cut, and hold nothing that a log line or a page
 * could trip over. */
static void test_words_are_printable(void **state) {
    (void)state;
    char body[2048] = "{\"__type\":\"X\",\"message\":\"\\u0000\\n\\u001b[31m"
                      "\xc3\xa9";
    memset(body + strlen(body), 'a', 900);
    strcat(body, "\"}");
    struct answer answer = read_body(&sink_kinesis, 400, "", body, 1);
    assert_int_equal(answer.call, CALL_REFUSED);
    assert_true(strlen(answer.text) < sizeof answer.text);
    for (const char *c = answer.text; *c != '\0'; c++) {
        assert_in_range(*c, ' ', '~');
    }
}

/* Goal: damage to a good answer never makes a failed entry a success. */
static void test_damage_never_confirms(void **state) {
    (void)state;
    static const char good[] =
        "{\"FailedEntryCount\":1,\"Entries\":[{\"EventId\":\"a\"},"
        "{\"ErrorCode\":\"InternalFailure\"}]}";
    struct dice dice = {20261123};
    print_message("seed %llu\n", (unsigned long long)dice.state);
    uint32_t answered = 0;
    for (int round = 0; round < 20000; round++) {
        char body[sizeof good];
        memcpy(body, good, sizeof good);
        body[dice_below(&dice, sizeof good - 1)] =
            (char)(1 + dice_below(&dice, 255));
        struct answer answer = read_body(&sink_eventbridge, 200, "", body, 2);
        answered += answer.call == CALL_ANSWERED;
        assert_true(answer.call != CALL_ANSWERED ||
                    answer.outcomes[1] != ENTRY_CONFIRMED);
    }
    assert_true(answered > 0 && answered < 10000);
}

/* Goal: whatever a page consists of, its words are bounded and printable, and
 * it is never a success. */
static void test_markup_of_anything(void **state) {
    (void)state;
    static const char *const parts[] = {
        "<",         ">",      "</",       "<title>",     "<code>",
        "Exception", "<?xml ", "<html",    "<message>",   " ",
        "\n",        "a",      "\xff\x01", "AccessDenied"};
    struct dice dice = {20261129};
    for (int round = 0; round < 100000; round++) {
        char body[600] = "<";
        for (uint32_t i = dice_below(&dice, 40); i > 0; i--) {
            strcat(body, parts[dice_below(&dice, 14)]);
        }
        struct answer answer = read_body(&sink_eventbridge, 403, "", body, 1);
        assert_true(answer.call != CALL_ANSWERED);
        for (const char *c = answer.text; *c != '\0'; c++) {
            assert_true(*c >= ' ' && *c <= '~');
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup_of_anything),
        cmocka_unit_test(test_errors_of_whole_calls),
        cmocka_unit_test(test_what_is_not_an_answer),
        cmocka_unit_test(test_results_by_entries),
        cmocka_unit_test(test_results_of_kinesis),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_words_are_printable),
        cmocka_unit_test(test_damage_never_confirms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
