/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that credentials come in: INI, command lines, JSON, URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/credential_ini.h"
#include "bridge/credential_json.h"
#include "bridge/credential_place.h"
#include "bridge/credential_profile.h"
#include "bridge/credential_split.h"

/* Each item as "section|name|value;" */
static err_t note(void *context, const struct ini_item *item) {
    struct writer *writer = context;
    writer_printf(writer, "%.*s|%.*s|%.*s;", SLICE_ARG(item->section),
                  SLICE_ARG(item->name), SLICE_ARG(item->value));
    return ERR_OK;
}

static err_t read_ini(const char *text, char *ret, size_t ret_size,
                      struct reason *reason) {
    struct writer writer = writer_over(ret, ret_size - 1);
    size_t len = strlen(text);
    uint8_t *copy = malloc(len + 1); /* so that a sanitizer sees its end */
    memcpy(copy, text, len);
    err_t err = ini_read(copy, len, note, &writer, reason);
    ret[writer.len] = '\0';
    free(copy);
    return err;
}

/* Goal: sections, both delimiters, comments, and lines that go on. */
static void test_ini(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"\n\n", ""},
        {"# no\n; no\n", ""},
        {"[a]\nb=c", "a||;a|b|c;"},
        {"[a]\r\n B : c = d\r\n", "a||;a|b|c = d;"},
        {"[a]\rb=c\r", "a||;a|b|c;"},
        {"[a]\nb = \n", "a||;a|b|;"},
        {"[a]\nb = c # d\n", "a||;a|b|c # d;"},
        {"[a]\nb = c\n  d\n#e\n\n  f\ng=h", "a||;a|b|c\nd\n\nf;a|g|h;"},
        {"[a]\nb =\n  c = d\n  e = f\n", "a||;a|b|c = d\ne = f;"},
        {"[a]\n  b = c\n  d = e\n f = g\n", "a||;a|b|c;a|d|e;a|f|g;"},
        {"[a] # c\n[b]]\n", "a||;b]||;"},
        {"[profile a b]\n", "profile a b||;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char found[256];
        struct reason reason = {""};
        assert_int_equal(read_ini(cases[i].text, found, sizeof found, &reason),
                         ERR_OK);
        assert_string_equal(found, cases[i].expected);
    }
}

/* Goal: what is no INI is refused with its line, and nothing of it is said. */
static void test_no_ini(void **state) {
    (void)state;
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"a=b\n", "line 1 "},
        {"[a]\nhidden\n", "line 2 "},
        {"[a]\n = hidden\n", "line 2 "},
        {"[]\n", "line 1 "},
        {"\xef\xbb\xbf[a]\n", "line 1 "},
        {"[a\n", "line 1 "},
        {"[a]\r\n\r\n\r\nhidden", "line 4 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char found[256];
        struct reason reason = {""};
        assert_int_equal(read_ini(cases[i].text, found, sizeof found, &reason),
                         ERR_PARSE);
        assert_non_null(strstr(reason.text, cases[i].line));
        assert_null(strstr(reason.text, "hidden"));
    }
}

/* Goal: words as a shell would split them, and nothing else of a shell. */
static void test_split(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"  a \t\n b  ", "a|b|"},
        {"\"a b\" 'c \\d'", "a b|c \\d|"},
        {"a\\ b \"c\\\"d\\e\"", "a b|c\"d\\e|"},
        {"'' a''b", "|ab|"},
        {"$HOME `id` *; #x", "$HOME|`id`|*;|#x|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char memory[64];
        char found[128] = "";
        struct split split;
        assert_int_equal(
            split_words(slice_from_str(cases[i].text), memory, &split), ERR_OK);
        for (size_t word = 0; word < split.count; word++) {
            strcat(found, split.words[word]);
            strcat(found, "|");
        }
        assert_null(split.words[split.count]);
        assert_string_equal(found, cases[i].expected);
    }
    static const char *const bad[] = {"\"a", "'a", "a\\", "\"a\\"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char memory[64];
        struct split split;
        assert_int_equal(split_words(slice_from_str(bad[i]), memory, &split),
                         ERR_PARSE);
    }
    char memory[256];
    char many[2 * (SPLIT_WORDS_MAX + 1)];
    struct split split;
    memset(many, ' ', sizeof many);
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 'a';
    }
    assert_int_equal(split_words(slice_of(many, sizeof many), memory, &split),
                     ERR_FULL);
    assert_int_equal(split_words(slice_of("a\0b", 3), memory, &split),
                     ERR_PARSE);
}

/* --- profiles ----------------------------------------------------------- */

static err_t find(const char *credentials, const char *config, const char *name,
                  struct credentials *ret, char *process,
                  struct reason *reason) {
    uint8_t *texts[2] = {(uint8_t *)strdup(credentials),
                         (uint8_t *)strdup(config)};
    struct profile_files files = {
        {"/the/credentials", texts[0], strlen(credentials)},
        {"/the/config", texts[1], strlen(config)},
    };
    struct slice command;
    memset(ret, 0, sizeof *ret);
    const char *path;
    err_t err = profile_find(&files, name, ret, &command, &path, reason);
    if (err == ERR_OK) {
        assert_int_equal(slice_to_str(command, process, 64), ERR_OK);
    }
    free(texts[0]);
    free(texts[1]);
    return err;
}

#define KEYS(key) "aws_access_key_id=" key "\naws_secret_access_key=s\n"

/* Goal: the order of the files, the names of sections, old names of a token. */
static void test_profile(void **state) {
    (void)state;
    static const struct {
        const char *credentials, *config, *name, *access, *token, *process;
    } cases[] = {
        {"[default]\n" KEYS("A"), "[default]\n" KEYS("B"), "default", "A", "",
         ""},
        {"[x]\n" KEYS("A"), "[default]\n" KEYS("B"), "default", "B", "", ""},
        {"", "[profile x]\n" KEYS("B") "aws_session_token=t", "x", "B", "t",
         ""},
        {"", "[profile \"a b\"]\n" KEYS("B"), "a b", "B", "", ""},
        {"", "[ profile  x ]\n" KEYS("B"), "x", "B", "", ""},
        {"[x]\n" KEYS("A") "AWS_Security_Token=t\naws_session_token=u\n", "",
         "x", "A", "t", ""},
        {"", "[profile x]\ncredential_process = p 'q r'\n" KEYS("B"), "x", "",
         "", "p 'q r'"},
        {"[x]\ncredential_process = c\n", "[profile x]\ncredential_process=d",
         "x", "", "", "c"},
        {"[x]\n" KEYS("A"), "[profile x]\ncredential_process=d", "x", "A", "",
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct credentials found;
        char process[64];
        struct reason reason = {""};
        assert_int_equal(find(cases[i].credentials, cases[i].config,
                              cases[i].name, &found, process, &reason),
                         ERR_OK);
        assert_string_equal(found.access_key, cases[i].access);
        assert_string_equal(found.token, cases[i].token);
        assert_string_equal(process, cases[i].process);
    }
}

/* Goal: what cannot be used is named, with its file, and no key is said. */
static void test_profile_refused(void **state) {
    (void)state;
    static const struct {
        const char *credentials, *config;
        err_t err;
        const char *words;
    } cases[] = {
        {"", "", ERR_NOT_FOUND, "profile x is not in /the/credentials"},
        {"", "[x]\n" KEYS("hidden"), ERR_NOT_FOUND, "and not in /the/config"},
        {"[x]\nregion=y\n", "", ERR_NOT_FOUND, "has no keys"},
        {"[profile x]\n" KEYS("hidden"), "", ERR_NOT_FOUND, "is not in"},
        {"[x]\naws_access_key_id=hidden\n", "", ERR_CONFIG,
         "has no aws_secret_access_key"},
        {"[x]\naws_access_key_id=\naws_secret_access_key=hidden", "",
         ERR_CONFIG, "has no aws_access_key_id"},
        {"[x]\n" KEYS("hidden") "[x]\n", "", ERR_CONFIG,
         "/the/credentials:4: this profile stands there twice"},
        {"[x]\n" KEYS("hidden") "aws_access_key_id=hidden2\n", "", ERR_CONFIG,
         "/the/credentials:4: aws_access_key_id stands"},
        {"[x]\n" KEYS("hidden\n  hidden"), "", ERR_CONFIG,
         "aws_access_key_id in /the/credentials begins or ends"},
        {"[x]\nhidden\n", "", ERR_PARSE, "/the/credentials: line 2 "},
        {"", "hidden\n", ERR_PARSE, "/the/config: line 1 "},
        {"", "[profile x]\nrole_arn = hidden\n", ERR_UNSUPPORTED,
         "/the/config has role_arn"},
        {"[x]\n" KEYS("hidden"), "[profile x]\nsso_session = hidden\n",
         ERR_UNSUPPORTED, "/the/config has sso_session"},
        {"[x]\nweb_identity_token_file = hidden\n", "", ERR_UNSUPPORTED,
         "/the/credentials has web_identity_token_file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct credentials found;
        char process[64];
        struct reason reason = {""};
        assert_int_equal(find(cases[i].credentials, cases[i].config, "x",
                              &found, process, &reason),
                         cases[i].err);
        if (strstr(reason.text, cases[i].words) == NULL) {
            fail_msg("%zu: %s", i, reason.text);
        }
        assert_null(strstr(reason.text, "hidden"));
    }
}

/* --- JSON --------------------------------------------------------------- */

#define META                                                            \
    "\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\\u002b\",\"Token\":" \
    "\"t\",\"Expiration\":\"2026-11-29T10:00:00Z\""

/* Goal: each form, escapes, and times with and without an offset. */
static void test_json(void **state) {
    (void)state;
    static const struct {
        enum credential_form form;
        const char *text, *token;
        int64_t expires_us;
    } cases[] = {
        {CREDENTIAL_FORM_METADATA, "{" META "}", "t", 1795946400000000},
        {CREDENTIAL_FORM_METADATA, " {\"Code\":\"Success\"," META "}\n", "t",
         1795946400000000},
        {CREDENTIAL_FORM_PROCESS,
         "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s+\"}", "",
         0},
        {CREDENTIAL_FORM_PROCESS,
         "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s+\","
         "\"SessionToken\":\"u\",\"Expiration\":\"2026-11-29T12:00:00+02:00\"}",
         "u", 1795946400000000},
        {CREDENTIAL_FORM_IOT,
         "{\"credentials\":{\"accessKeyId\":\"A\",\"secretAccessKey\":\"s+\","
         "\"sessionToken\":\"v\",\"expiration\":\"2026-11-29T10:00:00Z\"}}",
         "v", 1795946400000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct credentials found;
        struct reason reason = {""};
        assert_int_equal(credential_json_read(slice_from_str(cases[i].text),
                                              cases[i].form, &found, &reason),
                         ERR_OK);
        assert_string_equal(found.access_key, "A");
        assert_string_equal(found.secret_key, "s+");
        assert_string_equal(found.token, cases[i].token);
        assert_int_equal(found.expires_us, cases[i].expires_us);
    }
}

/* Goal: whatever else comes is refused in words that repeat none of it, but
 * for a source's own code and message. */
static void test_json_refused(void **state) {
    (void)state;
    static const struct {
        enum credential_form form;
        const char *text, *words;
    } cases[] = {
        {CREDENTIAL_FORM_METADATA, "", "no JSON"},
        {CREDENTIAL_FORM_METADATA, "[]", "no JSON object"},
        {CREDENTIAL_FORM_METADATA, "<html>hidden</html>", "no JSON"},
        {CREDENTIAL_FORM_METADATA, "{\"AccessKeyId\":\"hidden\"", "no JSON"},
        {CREDENTIAL_FORM_METADATA, "{\"AccessKeyId\":\"hidden\"}",
         "no SecretAccessKey"},
        {CREDENTIAL_FORM_METADATA, "{\"AccessKeyId\":17}", "AccessKeyId is no"},
        {CREDENTIAL_FORM_METADATA, "{\"AccessKeyId\":null}", "no AccessKeyId"},
        {CREDENTIAL_FORM_METADATA,
         "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hidden\"}", "no Token"},
        {CREDENTIAL_FORM_METADATA,
         "{\"AccessKeyId\":\"A\\r\\nX: hidden\",\"SecretAccessKey\":\"s\"}",
         "AccessKeyId begins or ends"},
        {CREDENTIAL_FORM_METADATA,
         "{\"AccessKeyId\":\"A\\u0000hidden\",\"SecretAccessKey\":\"s\"}",
         "AccessKeyId begins or ends"},
        {CREDENTIAL_FORM_METADATA,
         "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hidden\",\"Token\":"
         "\"hidden\",\"Expiration\":\"tomorrow\"}",
         "Expiration is no time"},
        {CREDENTIAL_FORM_METADATA,
         "{\"Code\":\"Failed\",\"Message\":\"no\\nrole\"," META "}",
         "it says Failed no?role"},
        {CREDENTIAL_FORM_PROCESS, "{" META "}", "Version is not 1"},
        {CREDENTIAL_FORM_PROCESS, "{\"Version\":2," META "}", "Version"},
        {CREDENTIAL_FORM_PROCESS, "{\"Version\":\"1\"," META "}", "Version"},
        {CREDENTIAL_FORM_IOT, "{" META "}", "no credentials in it"},
        {CREDENTIAL_FORM_IOT, "{\"credentials\":[]}", "no credentials"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct credentials found;
        struct reason reason = {""};
        assert_int_not_equal(credential_json_read(slice_from_str(cases[i].text),
                                                  cases[i].form, &found,
                                                  &reason),
                             ERR_OK);
        if (strstr(reason.text, cases[i].words) == NULL) {
            fail_msg("%zu: %s", i, reason.text);
        }
        assert_null(strstr(reason.text, "hidden"));
    }
}

/* Goal: a token as long as is allowed is taken, and one byte more refused. */
static void test_long_token(void **state) {
    (void)state;
    static char text[CREDENTIALS_TOKEN_MAX + 256];
    for (size_t more = 0; more < 2; more++) {
        int at = snprintf(text, sizeof text,
                          "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\","
                          "\"Token\":\"");
        memset(text + at, 'x', CREDENTIALS_TOKEN_MAX + more);
        strcpy(text + at + CREDENTIALS_TOKEN_MAX + more, "\"}");
        static struct credentials found;
        struct reason reason = {""};
        err_t err = credential_json_read(
            slice_from_str(text), CREDENTIAL_FORM_METADATA, &found, &reason);
        assert_int_equal(err, more == 0 ? ERR_OK : ERR_CONFIG);
        assert_int_equal(strlen(found.token), CREDENTIALS_TOKEN_MAX);
    }
}

/* --- places ------------------------------------------------------------- */

/* Goal: this machine, its link, and anything with TLS. */
static void test_places(void **state) {
    (void)state;
    static const struct {
        const char *url, *authority, *path;
        uint16_t port;
        uint32_t addresses;
    } cases[] = {
        {"http://localhost:81/a?b=c", "localhost:81", "/a?b=c", 81, 2},
        {"http://127.0.0.1", "127.0.0.1", "/", 80, 1},
        {"http://127.9.8.7:80/x", "127.9.8.7", "/x", 80, 1},
        {"http://169.254.170.2/v2/x", "169.254.170.2", "/v2/x", 80, 1},
        {"http://169.254.170.23", "169.254.170.23", "/", 80, 1},
        {"http://[::1]:8/", "[::1]:8", "/", 8, 1},
        {"http://[fd00:ec2::23]/v1", "[fd00:ec2::23]", "/v1", 80, 1},
        {"http://[fd00:ec2::254]", "[fd00:ec2::254]", "/", 80, 1},
        {"https://any.example/x", "any.example", "/x", 443, 0},
        {"https://any.example:8443/", "any.example:8443", "/", 8443, 0},
        {"https://127.0.0.1/", "127.0.0.1", "/", 443, 0},
        {"https://[::1]/", "[::1]", "/", 443, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct credential_place place;
        struct reason reason = {""};
        assert_int_equal(credential_place_read(cases[i].url, &place, &reason),
                         ERR_OK);
        assert_string_equal(place.where.authority, cases[i].authority);
        assert_string_equal(place.path, cases[i].path);
        assert_int_equal(place.where.port, cases[i].port);
        assert_int_equal(place.address_count, cases[i].addresses);
    }
}

/* Goal: nobody else is asked without TLS, and what is no URL is no place. */
static void test_places_refused(void **state) {
    (void)state;
    static const char *const urls[] = {
        "http://example.com/",
        "http://10.0.0.1/",
        "http://localhost.example/",
        "http://169.253.170.2/",
        "http://2130706433/",
        "http://[fd00:ec3::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fe80::1]/",
        "http://localhost@example.com/",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1:80@example.com/",
        "",
        "localhost",
        "ftp://localhost",
        "http://",
        "http:///x",
        "http://[::1",
        "http://[::1]x/",
        "http://localhost:0/",
        "http://localhost:65536/",
        "http://localhost:/",
        "http://localhost/a b",
        "http://localhost/a\r\nX: y",
        "http://localhost/a#b",
        "http://localhost?x",
        "https://u@any.example/",
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct credential_place place;
        struct reason reason = {""};
        if (credential_place_read(urls[i], &place, &reason) != ERR_CONFIG ||
            reason.text[0] == '\0') {
            fail_msg("taken: %s", urls[i]);
        }
    }
    char large[PLACE_PATH_MAX + 64];
    memset(large, 'a', sizeof large);
    memcpy(large, "http://localhost/", 17);
    large[sizeof large - 1] = '\0';
    struct credential_place place;
    struct reason reason = {""};
    assert_int_equal(credential_place_read(large, &place, &reason), ERR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ini),
        cmocka_unit_test(test_no_ini),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_profile_refused),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_long_token),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_places_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
