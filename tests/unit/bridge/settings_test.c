/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints and credentials: where they come from, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/credentials.h"
#include "bridge/endpoint.h"

static const char *const VARIABLES[] = {
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "https_proxy",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "HTTPS_PROXY",
};

static int clear(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++) {
        unsetenv(VARIABLES[i]);
    }
    return 0;
}

/* Goal: each form of an endpoint gives host, port and the Host header. */
static void endpoints_read(void **state) {
    (void)state;
    static const struct {
        const char *url, *host, *authority;
        uint16_t port;
    } cases[] = {
        {"https://localhost:4566", "localhost", "localhost:4566", 4566},
        {"https://localhost:4566/", "localhost", "localhost:4566", 4566},
        {"https://a-b.example.com", "a-b.example.com", "a-b.example.com", 443},
        {"https://a.example:443/", "a.example", "a.example", 443},
        {"https://local_cloud:1", "local_cloud", "local_cloud:1", 1},
        {"https://1.example", "1.example", "1.example", 443},
        {"https://127.0.0.1", "127.0.0.1", "127.0.0.1", 443},
        {"https://127.0.0.1:1", "127.0.0.1", "127.0.0.1:1", 1},
        {"https://[::1]", "::1", "[::1]", 443},
        {"https://[fd00::1:2]:8443/", "fd00::1:2", "[fd00::1:2]:8443", 8443},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct endpoint endpoint;
        struct reason reason = {""};
        assert_int_equal(endpoint_parse(cases[i].url, &endpoint, &reason),
                         ERR_OK);
        assert_string_equal(endpoint.host, cases[i].host);
        assert_string_equal(endpoint.authority, cases[i].authority);
        assert_int_equal(endpoint.port, cases[i].port);
    }
}

/* Goal: whatever is not https://host[:port] is refused by name; so is what
 * inet_aton(3) alone takes for an address. */
static void endpoints_refused(void **state) {
    (void)state;
    static const char *const urls[] = {
        "",
        "localhost",
        "http://localhost:4566",
        "HTTPS://localhost",
        "https://",
        "https:///",
        "https://a/path",
        "https://a?x",
        "https://user@a",
        "https://a:",
        "https://a:0",
        "https://a:65536",
        "https://a:443x",
        "https://a:-1",
        "https://a b",
        "https://a\r\nX: y",
        "https://[::1",
        "https://[127.0.0.1]",
        "https://[a]",
        "https://[::1]:",
        "https://[::1]8443",
        "https://[[::1]]",
        "https://[fe80::1%25lo]",
        "https://127.1",
        "https://0x7f000001:1",
        "https://[]:1",
        "https://[::1]x",
        "https://::1",
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct endpoint endpoint;
        struct reason reason = {""};
        if (endpoint_parse(urls[i], &endpoint, &reason) != ERR_CONFIG) {
            fail_msg("taken: %s", urls[i]);
        }
        assert_non_null(strstr(reason.text, "https://host[:port]"));
    }
    char large[400] = "https://";
    memset(large + strlen(large), 'a', 300);
    struct endpoint endpoint;
    struct reason reason = {""};
    assert_int_equal(endpoint_parse(large, &endpoint, &reason), ERR_CONFIG);
}

static void assert_chosen(const struct config_cloud *cloud, const char *host) {
    struct endpoint endpoint;
    struct reason reason = {""};
    assert_int_equal(endpoint_choose(cloud, "events",
                                     "AWS_ENDPOINT_URL_EVENTBRIDGE", &endpoint,
                                     &reason),
                     ERR_OK);
    assert_string_equal(endpoint.host, host);
}

/* Goal: the configuration first, then the service's variable, then the common
 * one, then AWS's own address. */
static void endpoints_in_order(void **state) {
    (void)state;
    struct config_cloud cloud = {.region = "eu-central-1"};
    assert_chosen(&cloud, "events.eu-central-1.amazonaws.com");
    setenv("AWS_ENDPOINT_URL", "", 1);
    assert_chosen(&cloud, "events.eu-central-1.amazonaws.com");
    setenv("AWS_ENDPOINT_URL", "https://common", 1);
    assert_chosen(&cloud, "common");
    setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "https://own", 1);
    assert_chosen(&cloud, "own");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    assert_chosen(&cloud, "events.eu-central-1.amazonaws.com");
    strcpy(cloud.endpoint_kinesis, "https://other-service");
    assert_chosen(&cloud, "events.eu-central-1.amazonaws.com");
    strcpy(cloud.endpoint, "https://configured");
    assert_chosen(&cloud, "configured");
    strcpy(cloud.endpoint_eventbridge, "https://for-it");
    assert_chosen(&cloud, "for-it");
    clear(NULL);
    struct config_cloud china = {.region = "cn-north-1"};
    assert_chosen(&china, "events.cn-north-1.amazonaws.com.cn");
}

/* Goal: FIPS and dual-stack are obeyed, or refused by name: never passed
 * over. */
static void variants(void **state) {
    (void)state;
    struct config_cloud cloud = {.region = "us-east-1"};
    setenv("AWS_USE_FIPS_ENDPOINT", "True", 1);
    assert_chosen(&cloud, "events-fips.us-east-1.amazonaws.com");
    setenv("AWS_USE_DUALSTACK_ENDPOINT", "true", 1);
    assert_chosen(&cloud, "events-fips.us-east-1.api.aws");
    setenv("AWS_USE_FIPS_ENDPOINT", "false", 1);
    assert_chosen(&cloud, "events.us-east-1.api.aws");
    static const struct {
        const char *fips, *endpoint, *region, *says;
    } cases[] = {
        {"1", "", "us-east-1", "AWS_USE_FIPS_ENDPOINT: found \"1\""},
        {"true", "https://a", "us-east-1",
         "AWS_USE_FIPS_ENDPOINT is true and cloud.endpoint names"},
        {"", "https://a", "us-east-1", "AWS_USE_DUALSTACK_ENDPOINT is true"},
        {"", "", "us-iso-east-1", "isolated partition aws-iso,"},
        {"", "", "us-isob-east-1", "isolated partition aws-iso-b,"},
        {"", "", "eu-isoe-west-1", "isolated partition aws-iso-e,"},
        {"", "", "us-isof-south-1", "isolated partition aws-iso-f,"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv("AWS_USE_FIPS_ENDPOINT", cases[i].fips, 1);
        strcpy(cloud.endpoint, cases[i].endpoint);
        strcpy(cloud.region, cases[i].region);
        struct endpoint endpoint;
        struct reason reason = {""};
        assert_int_equal(
            endpoint_choose(&cloud, "events", "NONE", &endpoint, &reason),
            ERR_CONFIG);
        if (strstr(reason.text, cases[i].says) == NULL) {
            fail_msg("%s", reason.text);
        }
    }
}

/* Goal: without a region and without an endpoint there is a clear error. */
static void no_region(void **state) {
    (void)state;
    struct config_cloud cloud = {.region = ""};
    struct endpoint endpoint;
    struct reason reason = {""};
    assert_int_equal(
        endpoint_choose(&cloud, "events", "NONE", &endpoint, &reason),
        ERR_CONFIG);
    assert_non_null(strstr(reason.text, "cloud.region"));
}

/* Goal: credentials come from the environment, with or without a token. */
static void credentials_from_the_environment(void **state) {
    (void)state;
    struct credentials credentials;
    struct reason reason = {""};
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    assert_int_equal(credentials_read(&credentials, &reason), ERR_OK);
    assert_string_equal(credentials.access_key, "AKID");
    assert_string_equal(credentials.secret_key, "secret");
    assert_string_equal(credentials.token, "");
    setenv("AWS_SESSION_TOKEN", "token", 1);
    assert_int_equal(credentials_read(&credentials, &reason), ERR_OK);
    assert_string_equal(credentials.token, "token");
}

/* Goal: what is missing is named; what was pasted with a line feed is refused
 * before it gets into a header; no secret is in the words. */
static void credentials_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"AWS_ACCESS_KEY_ID", ""},
        {"AWS_ACCESS_KEY_ID", "AKID\r\nX: y"},
        {"AWS_ACCESS_KEY_ID", " AKID"},
        {"AWS_SECRET_ACCESS_KEY", ""},
        {"AWS_SECRET_ACCESS_KEY", "hidden\n"},
        {"AWS_SECRET_ACCESS_KEY", "hidden "},
        {"AWS_SESSION_TOKEN", "hidden\t"},
        {"AWS_SESSION_TOKEN", "hidden\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct credentials credentials;
        struct reason reason = {""};
        setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
        unsetenv("AWS_SESSION_TOKEN");
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(credentials_read(&credentials, &reason), ERR_CONFIG);
        assert_non_null(strstr(reason.text, cases[i].name));
        assert_null(strstr(reason.text, "hidden"));
    }
    static char large[CREDENTIALS_TOKEN_MAX + 2];
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    setenv("AWS_SESSION_TOKEN", large, 1);
    struct credentials credentials;
    struct reason reason = {""};
    assert_int_equal(credentials_read(&credentials, &reason), ERR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(endpoints_read, clear),
        cmocka_unit_test_setup(endpoints_refused, clear),
        cmocka_unit_test_setup(endpoints_in_order, clear),
        cmocka_unit_test_setup(variants, clear),
        cmocka_unit_test_setup(no_region, clear),
        cmocka_unit_test_setup(credentials_from_the_environment, clear),
        cmocka_unit_test_setup(credentials_refused, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
