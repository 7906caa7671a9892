/* SPDX-License-Identifier: Apache-2.0 */
/* The way through a proxy: which one is taken, what is said to it, and what its
 * answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/no_proxy.h"
#include "bridge/proxy.h"
#include "bridge/tunnel.h"
#include "dice.h"

enum { SEED = 20261129 };

static const char host[] = "events.eu-central-1.amazonaws.com";
static const char *const VARIABLES[] = {"https_proxy", "HTTPS_PROXY",
                                        "no_proxy", "NO_PROXY"};

static int clear(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++) {
        unsetenv(VARIABLES[i]);
    }
    return 0;
}

static struct proxy choose(const struct config_cloud *cloud) {
    struct proxy proxy;
    struct reason reason = {""};
    if (proxy_choose(cloud, host, 443, &proxy, &reason) != ERR_OK) {
        fail_msg("%s", reason.text);
    }
    return proxy;
}

/* --- which one ---------------------------------------------------------- */

/* Goal: the configuration wins over the variables, lower case over upper case,
 * and NO_PROXY speaks of the variables only. */
static void in_order(void **state) {
    (void)state;
    struct config_cloud cloud = {.proxy = ""};
    assert_string_equal(choose(&cloud).host, "");
    setenv("HTTPS_PROXY", "http://upper:1", 1);
    assert_string_equal(choose(&cloud).authority, "upper:1");
    assert_string_equal(choose(&cloud).from, "HTTPS_PROXY");
    setenv("https_proxy", "lower:2", 1);
    assert_string_equal(choose(&cloud).authority, "lower:2");
    assert_string_equal(choose(&cloud).from, "https_proxy");
    setenv("NO_PROXY", ".amazonaws.com", 1);
    assert_string_equal(choose(&cloud).host, "");
    setenv("no_proxy", "", 1);
    assert_string_equal(choose(&cloud).host, "lower");
    setenv("no_proxy", "*", 1);
    strcpy(cloud.proxy, "http://[fd00::1]:3128/");
    assert_string_equal(choose(&cloud).authority, "[fd00::1]:3128");
    assert_string_equal(choose(&cloud).host, "fd00::1");
    unsetenv("no_proxy");
    strcpy(cloud.proxy, "none");
    assert_string_equal(choose(&cloud).host, "");
    cloud.proxy[0] = '\0';
    setenv("https_proxy", "", 1);
    assert_string_equal(choose(&cloud).host, "");
}

/* Goal: a login is taken from the URL as curl and botocore take it. */
static void logins(void **state) {
    (void)state;
    static const struct {
        const char *url, *authority, *authorization;
    } cases[] = {
        {"http://p:1", "p:1", ""},
        {"HTTP://p:1/", "p:1", ""},
        {"http://u:p@p:1", "p:1", "Basic dTpw"},
        {"u:p@10.0.0.1:8080", "10.0.0.1:8080", "Basic dTpw"},
        {"http://u@p:1", "p:1", "Basic dTo="},
        {"http://u:a%40b%3A%2f@p:1", "p:1", "Basic dTphQGI6Lw=="},
        {"http://u:a@b@p:1", "p:1", "Basic dTphQGI="},
        {"http://u:100%@p:1", "p:1", "Basic dToxMDAl"},
        {"http://u:%4@p:1", "p:1", "Basic dTolNA=="},
    };
    struct config_cloud cloud = {.proxy = ""};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv("HTTPS_PROXY", cases[i].url, 1);
        struct proxy proxy = choose(&cloud);
        assert_string_equal(proxy.authority, cases[i].authority);
        assert_string_equal(proxy.authorization, cases[i].authorization);
    }
}

/* Goal: what is no HTTP proxy is refused by the variable's name, and a password
 * in it is not repeated. */
static void refused(void **state) {
    (void)state;
    static const char *const urls[] = {
        "https://u:hush@p:1",
        "socks5://u:hush@p:1",
        "socks5h://p:1",
        "http://u:hush@",
        "http://u:hush@p",
        "http://u:hush@p:0",
        "http://u:hush@p:x",
        "u:hush@p:1/path",
        "http://u:hush@:1",
        "http://u:hush@a b:1",
        "http://u:hush@p:65536",
        "hush",
        "http://u:hush@a\r\nX: y:1",
    };
    struct config_cloud cloud = {.proxy = ""};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        setenv("HTTPS_PROXY", urls[i], 1);
        struct proxy proxy;
        struct reason reason = {""};
        if (proxy_choose(&cloud, host, 443, &proxy, &reason) != ERR_CONFIG) {
            fail_msg("taken: %s", urls[i]);
        }
        assert_non_null(strstr(reason.text, "HTTPS_PROXY"));
        assert_non_null(strstr(reason.text, "http://HOST:PORT"));
        assert_null(strstr(reason.text, "hush"));
    }
    static char large[PROXY_LOGIN_MAX + 100] = "http://u:";
    memset(large + strlen(large), 'x', PROXY_LOGIN_MAX);
    strcat(large, "@p:1");
    setenv("HTTPS_PROXY", large, 1);
    struct proxy proxy;
    struct reason reason;
    assert_int_equal(proxy_choose(&cloud, host, 443, &proxy, &reason),
                     ERR_CONFIG);
}

static void write_file(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Goal: the configuration's login comes from a file that nobody else reads. */
static void login_file(void **state) {
    (void)state;
    char folder[] = "/tmp/proxy-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct config_cloud cloud = {.proxy = "http://p:1"};
    snprintf(cloud.proxy_login_file, sizeof cloud.proxy_login_file, "%s/login",
             folder);
    const char *path = cloud.proxy_login_file;
    struct proxy proxy;
    struct reason reason;
    assert_int_equal(proxy_choose(&cloud, host, 443, &proxy, &reason),
                     ERR_CONFIG);
    write_file(path, "u:p\r\nmore\n", 0600);
    assert_string_equal(choose(&cloud).authorization, "Basic dTpw");
    chmod(path, 0640);
    assert_int_equal(proxy_choose(&cloud, host, 443, &proxy, &reason),
                     ERR_CONFIG);
    assert_non_null(strstr(reason.text, "chmod 600"));
    static char large[PROXY_LOGIN_MAX + 8] = "hush:";
    memset(large + 5, 'x', PROXY_LOGIN_MAX);
    const char *const bad[] = {"", "\n", "hush\n", large};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(path, bad[i], 0600);
        assert_int_equal(proxy_choose(&cloud, host, 443, &proxy, &reason),
                         ERR_CONFIG);
        assert_non_null(strstr(reason.text, "USER:PASSWORD"));
        assert_null(strstr(reason.text, "hush"));
    }
    unlink(path);
    rmdir(folder);
}

/* Goal: NO_PROXY as its readers read it. */
static void no_proxy(void **state) {
    (void)state;
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool has;
    } cases[] = {
        {"", "a", 443, false},
        {"*", "a", 443, true},
        {"b,*", "a", 443, true},
        {"*.example.com", "a.example.com", 443, false},
        {"example.com", "example.com", 443, true},
        {"example.com", "a.example.com", 443, true},
        {"example.com", "aexample.com", 443, false},
        {".example.com", "example.com", 443, true},
        {".example.com", "a.example.com", 443, true},
        {"example.com.", "a.example.com", 443, true},
        {"example.com", "a.example.com.", 443, true},
        {"EXAMPLE.com", "A.example.COM", 443, true},
        {"a.example.com", "example.com", 443, false},
        {" b ,\texample.com ", "example.com", 443, true},
        {"b example.com", "example.com", 443, true},
        {"example.com:443", "a.example.com", 443, true},
        {"example.com:8443", "a.example.com", 443, false},
        {"example.com:", "example.com", 443, false},
        {".", "a", 443, false},
        {",,,", "a", 443, false},
        {"10.0.0.1", "10.0.0.1", 443, true},
        {"10.0.0.1:443", "10.0.0.1", 443, true},
        {"0.0.1", "10.0.0.1", 443, false},
        {"10.0.0.0/8", "10.200.0.1", 443, true},
        {"10.0.0.0/8", "11.0.0.1", 443, false},
        {"10.0.0.128/25", "10.0.0.127", 443, false},
        {"10.0.0.128/25", "10.0.0.129", 443, true},
        {"0.0.0.0/0", "1.2.3.4", 443, true},
        {"0.0.0.0/0", "a", 443, false},
        {"0.0.0.0/0", "::1", 443, false},
        {"10.0.0.0/33", "10.0.0.0", 443, false},
        {"10.0.0.0/", "10.0.0.0", 443, false},
        {"10.0.0.0/8x", "10.0.0.0", 443, false},
        {"::1", "::1", 443, true},
        {"0:0::1", "::1", 443, true},
        {"[::1]", "::1", 443, true},
        {"[::1]:443", "::1", 443, true},
        {"[::1]:444", "::1", 443, false},
        {"[::1", "::1", 443, false},
        {"fd00::/8", "fd12::1", 443, true},
        {"fd00::/8", "fe80::1", 443, false},
        {"::/0", "fe80::1", 443, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (no_proxy_has(cases[i].list, cases[i].host, cases[i].port) !=
            cases[i].has) {
            fail_msg("\"%s\" and %s:%u", cases[i].list, cases[i].host,
                     cases[i].port);
        }
    }
}

/* Goal: whatever stands in the list, it is read to its end and no further. */
static void no_proxy_of_anything(void **state) {
    (void)state;
    static const char chars[] = "*.,: []/a1-\t%";
    struct dice dice = {SEED};
    for (int round = 0; round < 200000; round++) {
        size_t len = dice_below(&dice, 400); /* entries are cut at 300 */
        char *list = malloc(len + 1);
        for (size_t i = 0; i < len; i++) {
            list[i] = chars[dice_below(&dice, sizeof chars - 1)];
        }
        list[len] = '\0';
        (void)no_proxy_has(list, round % 2 == 0 ? "a.a" : "1.1.1.1", 443);
        free(list);
    }
}

/* --- the talk with it --------------------------------------------------- */

static struct endpoint by_proxy(const char *authorization) {
    struct endpoint where = {.port = 443};
    strcpy(where.host, host);
    strcpy(where.proxy.host, "p");
    where.proxy.from = "HTTPS_PROXY";
    strcpy(where.proxy.authorization, authorization);
    return where;
}

/* Goal: the request is what RFC 9110 asks for, with the port. */
static void asks(void **state) {
    (void)state;
    char text[TUNNEL_REQUEST_MAX];
    struct writer writer = writer_over(text, sizeof text);
    struct endpoint where = by_proxy("Basic dTpw");
    tunnel_write(&where, &writer);
    assert_true(slice_eq_str(
        writer_slice(&writer),
        "CONNECT events.eu-central-1.amazonaws.com:443 HTTP/1.1\r\n"
        "Host: events.eu-central-1.amazonaws.com:443\r\n"
        "User-Agent: shopme-edge/" SHOPME_EDGE_VERSION "\r\n"
        "Proxy-Authorization: Basic dTpw\r\n\r\n"));
    where = by_proxy("");
    strcpy(where.host, "::1");
    writer = writer_over(text, sizeof text);
    tunnel_write(&where, &writer);
    assert_true(slice_starts_with(writer_slice(&writer),
                                  "CONNECT [::1]:443 HTTP/1.1\r\n"));
    memset(where.host, 'h', sizeof where.host - 1);
    memset(where.proxy.authorization, 'a',
           sizeof where.proxy.authorization - 1);
    writer = writer_over(text, sizeof text);
    tunnel_write(&where, &writer);
    assert_false(writer.full);
}

/* Feeds in parts of `step` bytes. */
static err_t answer(const char *authorization, struct slice bytes, size_t step,
                    struct reason *reason) {
    struct endpoint where = by_proxy(authorization);
    struct http_response response = {.state = HTTP_STATUS_LINE};
    err_t err = ERR_AGAIN;
    for (size_t at = 0; at < bytes.len && err == ERR_AGAIN; at += step) {
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        err =
            tunnel_read(&where, &response, slice_part(bytes, at, len), reason);
    }
    http_response_reset(&response);
    return err;
}

/* Goal: each answer means the same however it is split, and its words say what
 * to do. */
static void answers(void **state) {
    (void)state;
    static const struct {
        const char *authorization, *text;
        err_t err;
        const char *says;
    } cases[] = {
        {"", "HTTP/1.1 200 Connection established\r\n\r\n", ERR_OK, ""},
        {"", "HTTP/1.0 200 OK\r\nX: y\r\n\r\n", ERR_OK, ""},
        {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ERR_OK, ""},
        {"", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_OK,
         ""},
        {"", "HTTP/1.1 204 No\r\n\r\n", ERR_OK, ""},
        {"", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ERR_OK,
         ""},
        {"", "HTTP/1.1 200 OK\r\n", ERR_AGAIN, ""},
        {"", "HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n",
         ERR_NETWORK, "HTTP 302"},
        {"", "HTTP/1.1 403 Forbidden\r\nContent-Length: 9999\r\n\r\n",
         ERR_NETWORK, "does not allow it (HTTP 403)"},
        {"", "HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", ERR_NETWORK,
         "cannot reach that host (HTTP 502)"},
        {"", "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
         ERR_NETWORK, "set HTTPS_PROXY"},
        {"Basic x",
         "HTTP/1.1 407 No\r\nProxy-Authenticate: basic realm=\"x\"\r\n\r\n",
         ERR_NETWORK, "refuses the user name or password"},
        {"", "HTTP/1.1 407 No\r\n\r\n", ERR_NETWORK, "asks for a user name"},
        {"Basic x",
         "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n"
         "Proxy-Authenticate: Negotiate\r\n\r\n",
         ERR_NETWORK, "kind NTLM (HTTP 407), and only Basic"},
        {"Basic x",
         "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n"
         "Proxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
         ERR_NETWORK, "refuses the user name"},
        {"", "HTTP/1.1 500 No\r\n\r\n", ERR_NETWORK, "HTTP 500"},
        {"", "SSH-2.0-x\r\n", ERR_NETWORK, "no HTTP proxy"},
        {"", "HTTP/1.1 200 OK\r\nbroken\r\n\r\n", ERR_NETWORK, "no HTTP proxy"},
        {"", "HTTP/1.1 200 OK\n\n", ERR_NETWORK, "no HTTP proxy"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice text = slice_from_str(cases[i].text);
        for (size_t step = 1; step <= text.len; step++) {
            struct reason reason = {""};
            err_t err = answer(cases[i].authorization, text, step, &reason);
            if (err != cases[i].err ||
                strstr(reason.text, cases[i].says) == NULL) {
                fail_msg("%s (by %zu): %s", cases[i].text, step, reason.text);
            }
        }
    }
    struct reason reason = {""};
    struct slice more = SLICE("HTTP/1.1 200 OK\r\n\r\nx");
    assert_int_equal(answer("", more, more.len, &reason), ERR_NETWORK);
    assert_non_null(strstr(reason.text, "said more"));
}

/* Goal: a proxy that never ends its head is given up, however it goes on. */
static void answers_without_end(void **state) {
    (void)state;
    static const char *const starts[] = {"", "HTTP/1.1 200 OK\r\n"};
    static const char *const repeats[] = {"a", "X: y\r\n",
                                          "HTTP/1.1 100 C\r\n\r\n"};
    for (size_t i = 0; i < 6; i++) {
        struct endpoint where = by_proxy("");
        struct http_response response = {.state = HTTP_STATUS_LINE};
        struct reason reason;
        struct slice start = slice_from_str(starts[i / 3]);
        err_t err = tunnel_read(&where, &response, start, &reason);
        size_t said = start.len;
        while (err == ERR_AGAIN) {
            struct slice more = slice_from_str(repeats[i % 3]);
            err = tunnel_read(&where, &response, more, &reason);
            said += more.len;
            assert_true(said <= HTTP_HEAD_MAX + HTTP_LINE_MAX);
        }
        assert_int_equal(err, ERR_NETWORK);
        http_response_reset(&response);
    }
}

/* Goal: no answer, however mutated, breaks the reader or puts anything but
 * printable words into the reason. */
static void answers_mutated(void **state) {
    (void)state;
    static const char seed[] =
        "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM x\r\n"
        "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 5\r\n\r\n";
    struct dice dice = {SEED};
    for (int round = 0; round < 100000; round++) {
        char text[sizeof seed];
        memcpy(text, seed, sizeof seed);
        for (uint32_t i = dice_below(&dice, 5); i < 5; i++) {
            text[dice_below(&dice, sizeof seed - 1)] =
                (char)dice_below(&dice, 256);
        }
        struct reason reason = {""};
        (void)answer("Basic x", slice_of(text, sizeof seed - 1),
                     1 + dice_below(&dice, sizeof seed), &reason);
        for (const char *c = reason.text; *c != '\0'; c++) {
            assert_true(*c >= ' ' && *c <= '~');
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(in_order, clear),
        cmocka_unit_test_setup(logins, clear),
        cmocka_unit_test_setup(refused, clear),
        cmocka_unit_test_setup(login_file, clear),
        cmocka_unit_test(no_proxy),
        cmocka_unit_test(no_proxy_of_anything),
        cmocka_unit_test(asks),
        cmocka_unit_test(answers),
        cmocka_unit_test(answers_without_end),
        cmocka_unit_test(answers_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
