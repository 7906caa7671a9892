/* SPDX-License-Identifier: Apache-2.0 */
/* The response parser: every split of each answer gives the same, and what
 * could be read in two ways is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/http_response.h"

struct case_good {
    const char *text;
    bool ends; /* by the end of the connection */
    uint32_t status;
    const char *body;
    bool keep_alive;
    const char *date;
    const char *error_type;
};

static const struct case_good GOOD[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello",
     true, "", ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", true, "",
     ""},
    {"HTTP/1.1 200\r\ncontent-length:\t2 \r\nDate: Sun, 06 Nov 1994 08:49:37 "
     "GMT\r\n\r\n{}",
     false, 200, "{}", true, "Sun, 06 Nov 1994 08:49:37 GMT", ""},
    {"HTTP/1.1 400 Bad Request\r\nx-amzn-ErrorType: a#B:http://c\r\n"
     "Connection: close\r\nContent-Length: 2\r\n\r\n{}",
     false, 400, "{}", false, "", "a#B:http://c"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5\r\nhello\r\n00b;x=y\r\n, the world\r\n0\r\nTrailer: t\r\n\r\n",
     false, 200, "hello, the world", true, "", ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nA: b\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
     false, 200, "x", true, "", ""},
    {"HTTP/1.1 200 OK\r\nServer: old\r\n\r\nto the end", true, 200,
     "to the end", false, "", ""},
    {"HTTP/1.0 503 Busy\r\n\r\n", true, 503, "", false, "", ""},
    {"HTTP/1.1 204 None\r\nContent-Length: 7\r\n\r\n", false, 204, "", true, "",
     ""},
};

static void check(const struct case_good *good,
                  const struct http_response *response) {
    assert_int_equal(response->state, HTTP_DONE);
    assert_int_equal(response->status, good->status);
    assert_true(slice_eq_str(http_response_body(response), good->body));
    assert_int_equal(response->keep_alive, good->keep_alive);
    assert_string_equal(response->date, good->date);
    assert_string_equal(response->error_type, good->error_type);
}

static void feed_all(struct http_response *response, struct slice bytes) {
    size_t taken;
    assert_int_equal(http_response_feed(response, bytes, &taken), ERR_OK);
    assert_int_equal(taken, bytes.len);
}

/* Goal: wherever two cuts fall, the result is the same. */
static void test_every_split_reads_the_same(void **state) {
    (void)state;
    static struct http_response response;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct slice text = slice_from_str(GOOD[i].text);
        for (size_t a = 0; a <= text.len; a++) {
            for (size_t b = a; b <= text.len; b++) {
                http_response_reset(&response);
                feed_all(&response, slice_part(text, 0, a));
                feed_all(&response, slice_part(text, a, b - a));
                feed_all(&response, slice_part(text, b, text.len - b));
                if (GOOD[i].ends) {
                    assert_int_equal(http_response_end(&response), ERR_OK);
                }
                check(&GOOD[i], &response);
            }
        }
    }
    http_response_reset(&response);
}

/* Goal: byte by byte is a split too. */
static void test_single_bytes_read_the_same(void **state) {
    (void)state;
    static struct http_response response;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct slice text = slice_from_str(GOOD[i].text);
        http_response_reset(&response);
        for (size_t at = 0; at < text.len; at++) {
            feed_all(&response, slice_part(text, at, 1));
        }
        if (GOOD[i].ends) {
            assert_int_equal(http_response_end(&response), ERR_OK);
        }
        check(&GOOD[i], &response);
    }
    http_response_reset(&response);
}

/* Goal: what follows a complete answer is left to the caller. */
static void test_stops_at_its_end(void **state) {
    (void)state;
    static struct http_response response;
    static const char text[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1";
    size_t taken;
    assert_int_equal(
        http_response_feed(&response, slice_from_str(text), &taken), ERR_OK);
    assert_int_equal(response.state, HTTP_DONE);
    assert_int_equal(taken, sizeof text - 1 - strlen("HTTP/1.1"));
    http_response_reset(&response);
}

/* Goal: an answer that ends before it is complete is an error at each place
 * but those where the end of the connection is its end. */
static void test_cut_answers_are_refused(void **state) {
    (void)state;
    static struct http_response response;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct slice text = slice_from_str(GOOD[i].text);
        if (GOOD[i].ends) {
            continue;
        }
        for (size_t len = 0; len < text.len; len++) {
            http_response_reset(&response);
            feed_all(&response, slice_part(text, 0, len));
            assert_int_equal(http_response_end(&response), ERR_PARSE);
        }
    }
    http_response_reset(&response);
}

/* Goal: what is not HTTP/1.1, or could be read in two ways, is refused. */
static void test_unclear_answers_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        err_t err;
    } bad[] = {
        {"SSH-2.0-OpenSSH\r\n", ERR_PARSE},
        {"HTTP/2 200 OK\r\n", ERR_PARSE},
        {"HTTP/1.1 20 OK\r\n", ERR_PARSE},
        {"HTTP/1.1 2x0 OK\r\n", ERR_PARSE},
        {"HTTP/1.1 099 OK\r\n", ERR_PARSE},
        {"HTTP/1.1 2000 OK\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\n", ERR_PARSE},
        {"\r\nHTTP/1.1 200 OK\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nno colon\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\n: no name\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nA : b\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n",
         ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1f\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nContent-Length:\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n", ERR_RANGE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
         ERR_RANGE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
         "Content-Length: 2\r\n\r\n",
         ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
         ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
         ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
         ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "ffffffffffffffff\r\n",
         ERR_RANGE},
        {"HTTP/1.1 101 Switching\r\n\r\n", ERR_PARSE},
    };
    static struct http_response response;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t taken;
        http_response_reset(&response);
        err_t err =
            http_response_feed(&response, slice_from_str(bad[i].text), &taken);
        if (err != bad[i].err) {
            fail_msg("%s: %s", bad[i].text, err_name(err));
        }
    }
    http_response_reset(&response);
}

/* Feeds `repeated` until it is refused, and says after how many bytes. */
static size_t bytes_until_refused(const char *head, const char *repeated) {
    static struct http_response response;
    http_response_reset(&response);
    feed_all(&response, slice_from_str(head));
    struct slice more = slice_from_str(repeated);
    size_t bytes = 0;
    size_t taken;
    while (http_response_feed(&response, more, &taken) == ERR_OK) {
        bytes += more.len;
        assert_true(bytes < 64 * 1024 * 1024);
    }
    http_response_reset(&response);
    return bytes;
}

/* Goal: nothing grows without end: line, head, body, chunks, trailers. */
static void test_everything_is_bounded(void **state) {
    (void)state;
    assert_true(bytes_until_refused("HTTP/1.1 200 OK", "x") <= HTTP_LINE_MAX);
    assert_true(bytes_until_refused("HTTP/1.1 200 OK\r\n", "A: b\r\n") <=
                HTTP_HEAD_MAX);
    assert_true(bytes_until_refused("HTTP/1.1 200 OK\r\n\r\n", "body") <=
                HTTP_BODY_MAX);
    assert_true(bytes_until_refused("HTTP/1.1 200 OK\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n",
                                    "5\r\nhello\r\n") <= 3 * HTTP_BODY_MAX);
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    assert_int_equal(bytes_until_refused("", interim),
                     HTTP_INTERIM_MAX * (sizeof interim - 1));
    assert_true(bytes_until_refused("HTTP/1.1 200 OK\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n0\r\n",
                                    "A: b\r\n") <= HTTP_HEAD_MAX);
}

/* Goal: random damage never reads outside or gets stuck (the sanitizers watch),
 * and ends in a result or a refusal. */
static void test_damage_is_survived(void **state) {
    (void)state;
    unsigned seed = 20261123;
    print_message("seed %u\n", seed);
    srandom(seed);
    static struct http_response response;
    for (int round = 0; round < 20000; round++) {
        char text[512];
        const char *from =
            GOOD[(size_t)random() % (sizeof GOOD / sizeof GOOD[0])].text;
        size_t len = strlen(from);
        memcpy(text, from, len);
        for (int i = 0; i < 3; i++) {
            text[(size_t)random() % len] = (char)random();
        }
        http_response_reset(&response);
        size_t cut = (size_t)random() % len;
        size_t taken;
        if (http_response_feed(&response, slice_of(text, cut), &taken) ==
                ERR_OK &&
            http_response_feed(&response, slice_of(text + cut, len - cut),
                               &taken) == ERR_OK &&
            http_response_end(&response) == ERR_OK) {
            assert_int_equal(response.state, HTTP_DONE);
        }
    }
    http_response_reset(&response);
}

/* Goal: the date is read as the RFC's example, and nothing else is. */
static void test_dates(void **state) {
    (void)state;
    int64_t seconds = -1;
    assert_int_equal(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &seconds),
                     ERR_OK);
    assert_int_equal(seconds, 784111777);
    assert_int_equal(http_date_parse("", &seconds), ERR_PARSE);
    assert_int_equal(
        http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT", &seconds), ERR_PARSE);
    assert_int_equal(
        http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT!", &seconds), ERR_PARSE);
    assert_int_equal(seconds, 784111777);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split_reads_the_same),
        cmocka_unit_test(test_single_bytes_read_the_same),
        cmocka_unit_test(test_stops_at_its_end),
        cmocka_unit_test(test_cut_answers_are_refused),
        cmocka_unit_test(test_unclear_answers_are_refused),
        cmocka_unit_test(test_everything_is_bounded),
        cmocka_unit_test(test_damage_is_survived),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
