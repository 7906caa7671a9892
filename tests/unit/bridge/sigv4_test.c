/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures against AWS's public test suite (awslabs/aws-c-auth,
 * tests/aws-signing-test-suite/v4) and golden vectors of both services.
 *
 * The suite is found through EDGE_SIGNING_SUITE, else beside the checkout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>

#include "bridge/sigv4.h"
#include "gateway/event/event.h"
#include "gateway/event/json.h"

enum { TEXT_MAX = 16 * 1024, CASES_MIN = 38 };

struct suite_case {
    char dir[1200];
    char request_text[TEXT_MAX];
    char context_text[TEXT_MAX];
    struct sigv4_header headers[SIGV4_HEADERS_MAX];
    struct sigv4_request request;
    struct sigv4_identity identity;
    struct slice token;
    bool sign_body;
    bool omit_token;
    char date[SIGV4_DATE_SIZE];
    char body_hash[DIGEST_HEX_SIZE];
};

/* --- reading a case ----------------------------------------------------- */

static struct slice read_file(const char *dir, const char *name, char *ret) {
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    size_t len = fread(ret, 1, TEXT_MAX, file);
    assert_true(len < TEXT_MAX);
    fclose(file);
    return slice_of(ret, len);
}

static struct slice member(struct slice object, const char *name) {
    struct slice value;
    struct slice text;
    struct arena none = arena_over(NULL, 0);
    if (json_get(object, name, &value) != ERR_OK) {
        return SLICE_EMPTY;
    }
    assert_int_equal(json_string(value, &none, &text), ERR_OK);
    return text;
}

static bool flag(struct slice object, const char *name) {
    struct slice value;
    return json_get(object, name, &value) == ERR_OK &&
           json_kind(value) == JSON_TRUE;
}

static void read_context(struct suite_case *one) {
    struct slice context =
        read_file(one->dir, "context.json", one->context_text);
    struct slice credentials;
    int64_t wall_us;
    assert_int_equal(json_check(context, NULL), ERR_OK);
    assert_int_equal(json_get(context, "credentials", &credentials), ERR_OK);
    one->identity = (struct sigv4_identity){
        .access_key = member(credentials, "access_key_id"),
        .secret_key = member(credentials, "secret_access_key"),
        .region = member(context, "region"),
        .service = member(context, "service"),
    };
    one->token = member(credentials, "token");
    one->request.normalize = flag(context, "normalize");
    one->sign_body = flag(context, "sign_body");
    one->omit_token = flag(context, "omit_session_token");
    assert_int_equal(event_time_parse(member(context, "timestamp"), &wall_us),
                     ERR_OK);
    sigv4_date(wall_us, one->date);
}

/* Up to the next line feed, which is taken too. */
static struct slice next_line(struct slice *text) {
    size_t len = 0;
    while (len < text->len && text->data[len] != '\n') {
        len++;
    }
    struct slice line = slice_part(*text, 0, len);
    size_t taken = len < text->len ? len + 1 : len;
    *text = slice_part(*text, taken, text->len - taken);
    return line;
}

/* "GET /a path?query HTTP/1.1" */
static void read_request_line(struct suite_case *one, struct slice line) {
    size_t method_len = 0;
    while (line.data[method_len] != ' ') {
        method_len++;
    }
    size_t from = method_len + 1;
    size_t to = line.len - strlen(" HTTP/1.1");
    size_t path_to = from;
    while (path_to < to && line.data[path_to] != '?') {
        path_to++;
    }
    one->request.method = slice_part(line, 0, method_len);
    one->request.path = slice_part(line, from, path_to - from);
    if (path_to < to) {
        one->request.query = slice_part(line, path_to + 1, to - path_to - 1);
    }
}

/* A folded line lies right behind the value it belongs to. */
static void read_header(struct suite_case *one, struct slice line) {
    struct sigv4_header *headers = one->headers;
    size_t count = one->request.header_count;
    if (line.data[0] == ' ') {
        struct slice *value = &headers[count - 1].value;
        value->len = (size_t)(line.data + line.len - value->data);
        return;
    }
    size_t name_len = 0;
    while (line.data[name_len] != ':') {
        name_len++;
    }
    headers[count] = (struct sigv4_header){
        slice_part(line, 0, name_len),
        slice_part(line, name_len + 1, line.len - name_len - 1)};
    one->request.header_count++;
}

static void add_header(struct suite_case *one, const char *name,
                       struct slice value) {
    one->headers[one->request.header_count++] =
        (struct sigv4_header){slice_from_str(name), value};
}

static void read_case(struct suite_case *one, const char *suite,
                      const char *name) {
    memset(one, 0, sizeof *one);
    snprintf(one->dir, sizeof one->dir, "%s/%s", suite, name);
    read_context(one);
    struct slice text = read_file(one->dir, "request.txt", one->request_text);
    one->request.headers = one->headers;
    read_request_line(one, next_line(&text));
    for (struct slice line = next_line(&text); line.len > 0;
         line = next_line(&text)) {
        read_header(one, line);
    }
    one->request.body = text;
    add_header(one, "X-Amz-Date", slice_from_str(one->date));
    if (one->token.len > 0 && !one->omit_token) {
        add_header(one, "X-Amz-Security-Token", one->token);
    }
    if (one->sign_body) {
        uint8_t digest[DIGEST_SIZE];
        digest_sha256(text, digest);
        digest_hex(digest, one->body_hash);
        add_header(one, "x-amz-content-sha256", slice_from_str(one->body_hash));
    }
}

/* --- comparing ---------------------------------------------------------- */

static void assert_file(const struct suite_case *one, const char *name,
                        struct slice found) {
    char text[TEXT_MAX];
    struct slice expected = read_file(one->dir, name, text);
    if (!slice_eq(expected, found)) {
        fail_msg("%s/%s:\n%.*s\nbut found\n%.*s", one->dir, name,
                 SLICE_ARG(expected), SLICE_ARG(found));
    }
}

/* Canonical request, string to sign, and the header as a whole. */
static void check_case(const struct suite_case *one) {
    uint8_t memory[TEXT_MAX];
    struct writer canonical = writer_over(memory, sizeof memory);
    assert_int_equal(sigv4_canonical(&one->request, &canonical), ERR_OK);
    assert_file(one, "header-canonical-request.txt", writer_slice(&canonical));
    uint8_t other[TEXT_MAX];
    struct writer text = writer_over(other, sizeof other);
    sigv4_string_to_sign(writer_slice(&canonical), &one->identity, one->date,
                         &text);
    assert_file(one, "header-string-to-sign.txt", writer_slice(&text));

    struct sigv4_key key = {0};
    text = writer_over(other, sizeof other);
    assert_int_equal(
        sigv4_sign(&one->request, &one->identity, one->date, &key, &text),
        ERR_OK);
    assert_true(text.len > 64);
    assert_file(one, "header-signature.txt",
                slice_part(writer_slice(&text), text.len - 64, 64));
    writer_u8(&text, '\0');
    char signed_request[TEXT_MAX];
    struct slice all =
        read_file(one->dir, "header-signed-request.txt", signed_request);
    signed_request[all.len] = '\0';
    assert_non_null(strstr(signed_request, (const char *)other));
}

static const char *find_suite(void) {
    const char *suite = getenv("EDGE_SIGNING_SUITE");
    return suite != NULL ? suite : EDGE_SIGNING_SUITE_DEFAULT;
}

/* Goal: every case of the public suite, to the byte, at each of its steps. */
static void test_the_public_suite(void **state) {
    (void)state;
    DIR *dir = opendir(find_suite());
    if (dir == NULL) {
        print_message("SKIPPED: AWS's signing test suite is not at %s; set "
                      "EDGE_SIGNING_SUITE\n",
                      find_suite());
        skip();
    }
    static struct suite_case one;
    int count = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            read_case(&one, find_suite(), e->d_name);
            check_case(&one);
            count++;
        }
    }
    closedir(dir);
    print_message("%d cases\n", count);
    assert_true(count >= CASES_MIN);
}

/* --- vectors of the two services ---------------------------------------- */

struct vector {
    const char *region, *service, *host, *call, *token, *body, *signature;
};

static const struct vector VECTORS[] = {
    {"eu-central-1", "kinesis", "kinesis.eu-central-1.amazonaws.com",
     "Kinesis_20131202.PutRecords", NULL,
     "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"aGk=\",\"PartitionKey\":"
     "\"k\"}]}",
     "59751534cbce6aee9e2e6be895000e0186ef3be0cbdf3e2ca05fec873858cc9c"},
    {"eu-central-1", "kinesis", "kinesis.eu-central-1.amazonaws.com",
     "Kinesis_20131202.PutRecords", "TOKEN/with+chars==",
     "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"aGk=\",\"PartitionKey\":"
     "\"k\"}]}",
     "e60377be65b5c99c0364dfa378c28f03006fb3785b29ca54152d66df5514502f"},
    {"us-east-1", "events", "events.us-east-1.amazonaws.com",
     "AWSEvents.PutEvents", NULL,
     "{\"Entries\":[{\"Source\":\"a\",\"DetailType\":\"b\",\"Detail\":\"{}\"}]"
     "}",
     "2ad97362fbd50201317e2cc2a48144a50ec6935081bea2232f714f2c8b5b6ed3"},
};

static void sign_vector(const struct vector *vector, struct sigv4_key *key,
                        char ret[DIGEST_HEX_SIZE]) {
    static const char date[] = "20260102T030405Z";
    struct sigv4_header headers[] = {
        {SLICE("Content-Type"), SLICE("application/x-amz-json-1.1")},
        {SLICE("Host"), slice_from_str(vector->host)},
        {SLICE("X-Amz-Date"), slice_from_str(date)},
        {SLICE("X-Amz-Target"), slice_from_str(vector->call)},
        {SLICE("X-Amz-Security-Token"), slice_from_str(vector->token)},
    };
    struct sigv4_request request = {
        .method = SLICE("POST"),
        .headers = headers,
        .header_count = vector->token != NULL ? 5 : 4,
        .body = slice_from_str(vector->body),
        .normalize = true,
    };
    struct sigv4_identity identity = {
        .access_key = SLICE("AKIDEXAMPLE"),
        .secret_key = SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        .region = slice_from_str(vector->region),
        .service = slice_from_str(vector->service),
    };
    uint8_t memory[1024];
    struct writer writer = writer_over(memory, sizeof memory);
    assert_int_equal(sigv4_sign(&request, &identity, date, key, &writer),
                     ERR_OK);
    assert_int_equal(
        slice_to_str(slice_part(writer_slice(&writer), writer.len - 64, 64),
                     ret, DIGEST_HEX_SIZE),
        ERR_OK);
}

/* Goal: both services' vectors, with one key kept throughout: what the key is
 * of is noticed when it changes, and the kept key gives the same again. */
static void test_golden_vectors(void **state) {
    (void)state;
    struct sigv4_key key = {0};
    char signature[DIGEST_HEX_SIZE];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof VECTORS / sizeof VECTORS[0]; i++) {
            sign_vector(&VECTORS[i], &key, signature);
            assert_string_equal(signature, VECTORS[i].signature);
            sign_vector(&VECTORS[i], &key, signature);
            assert_string_equal(signature, VECTORS[i].signature);
        }
    }
}

/* Goal: dates are written as AWS wants them. */
static void test_date_form(void **state) {
    (void)state;
    char date[SIGV4_DATE_SIZE];
    sigv4_date(1440938160000000, date);
    assert_string_equal(date, "20150830T123600Z");
    sigv4_date(0, date);
    assert_string_equal(date, "19700101T000000Z");
}

/* Goal: what does not fit is refused, not cut. */
static void test_what_does_not_fit_is_refused(void **state) {
    (void)state;
    static char large[SIGV4_SCRATCH + 1];
    memset(large, 'a', sizeof large - 1);
    static struct sigv4_header headers[SIGV4_HEADERS_MAX + 1];
    for (size_t i = 0; i <= SIGV4_HEADERS_MAX; i++) {
        headers[i] = (struct sigv4_header){SLICE("a"), SLICE("b")};
    }
    char many[2 * SIGV4_PARAMETERS_MAX + 4];
    memset(many, '&', sizeof many);
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 'a';
    }
    const struct sigv4_request requests[] = {
        {.path = slice_from_str(large)},
        {.query = slice_from_str(large)},
        {.headers = headers, .header_count = SIGV4_HEADERS_MAX + 1},
        {.query = slice_of(many, 2 * SIGV4_PARAMETERS_MAX + 1)},
    };
    struct sigv4_identity identity = {.secret_key = SLICE("s")};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct sigv4_key key = {0};
        uint8_t memory[256];
        struct writer writer = writer_over(memory, sizeof memory);
        assert_int_equal(sigv4_sign(&requests[i], &identity, "20150830T123600Z",
                                    &key, &writer),
                         ERR_FULL);
    }
    struct sigv4_request small = {.method = SLICE("GET")};
    struct sigv4_key key = {0};
    uint8_t memory[40];
    struct writer writer = writer_over(memory, sizeof memory);
    assert_int_equal(
        sigv4_sign(&small, &identity, "20150830T123600Z", &key, &writer),
        ERR_FULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_public_suite),
        cmocka_unit_test(test_golden_vectors),
        cmocka_unit_test(test_date_form),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
