/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a change of the accounts does what it says and leaves all else; what it
 * may not do is refused with words, and changes nothing. */
#include "gateway/identity/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/identity/password.h"

enum { NOW = 1795000000 };

static struct accounts accounts;
static struct reason reason;
static char hashes[2][ACCOUNT_HASH_MAX];

static int setup(void **state) {
    (void)state;
    const struct platform platform = platform_real();
    for (int i = 0; i < 2; i++) {
        if (password_hash(&platform.entropy, SLICE("correct horse"),
                          PASSWORD_ITERATIONS_MADE, hashes[i]) != ERR_OK) {
            return 1;
        }
    }
    accounts = (struct accounts){0};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    accounts_free(&accounts);
    return 0;
}

static struct identity_change change_of(enum identity_op op, const char *name) {
    struct identity_change change = {.op = op};
    snprintf(change.name, sizeof change.name, "%s", name);
    return change;
}

static void set_password(struct identity_change *change, const char *hash) {
    change->has_password = true;
    snprintf(change->password, sizeof change->password, "%s", hash);
}

static void set_topics(struct identity_change *change, const char *first,
                       const char *second) {
    change->has_topics = true;
    const char *topics[] = {first, second};
    for (size_t i = 0; i < 2 && topics[i] != NULL; i++) {
        snprintf(change->topics[i], ACCOUNT_TOPIC_MAX, "%s", topics[i]);
        change->topic_count++;
    }
}

static err_t apply(const struct identity_change *change) {
    reason = (struct reason){""};
    assert_int_equal(identity_change_check(change, &reason), ERR_OK);
    return identity_change_apply(change, (int64_t)NOW * 1000000, &accounts,
                                 &reason);
}

static void add(const char *name) {
    struct identity_change change = change_of(IDENTITY_PUT, name);
    change.fresh = true;
    set_password(&change, hashes[0]);
    set_topics(&change, "kitchen/#", "a/b");
    assert_int_equal(apply(&change), ERR_OK);
}

/* As words, to compare all of it. */
static void is(const char *name, const char *wanted) {
    const struct account *account = accounts_find(&accounts, name);
    char text[512] = "none";
    if (account != NULL) {
        const char *password = strcmp(account->password, hashes[0]) == 0 ? "0"
                               : strcmp(account->password, hashes[1]) == 0
                                   ? "1"
                                   : account->password;
        int len = snprintf(text, sizeof text, "%s%s%s", password,
                           account->certificate ? " certificate" : "",
                           account->channel ? " channel" : "");
        for (uint32_t i = 0; i < account->topic_count; i++) {
            len += snprintf(text + len, sizeof text - (size_t)len, " %s",
                            account->topics[i]);
        }
        assert_int_equal(account->added_us, (int64_t)NOW * 1000000);
    }
    assert_string_equal(text, wanted);
}

static void test_a_life(void **state) {
    (void)state;
    add("till-1");
    is("till-1", "0 kitchen/# a/b");

    struct identity_change change = change_of(IDENTITY_PUT, "till-1");
    change.has_channel = change.channel = true;
    change.has_certificate = change.certificate = true;
    assert_int_equal(apply(&change), ERR_OK);
    is("till-1", "0 certificate channel kitchen/# a/b");

    change = change_of(IDENTITY_PASSWORD, "till-1");
    set_password(&change, hashes[1]);
    assert_int_equal(apply(&change), ERR_OK);
    is("till-1", "1 certificate channel kitchen/# a/b");

    change = change_of(IDENTITY_PUT, "till-1");
    change.has_channel = true;
    set_topics(&change, "b/+", NULL);
    set_password(&change, "");
    assert_int_equal(apply(&change), ERR_OK);
    is("till-1", " certificate b/+");

    change = change_of(IDENTITY_PUT, "till-1");
    set_topics(&change, NULL, NULL);
    change.has_certificate = true;
    assert_int_equal(apply(&change), ERR_OK);
    is("till-1", "");

    change = change_of(IDENTITY_REMOVE, "till-1");
    assert_int_equal(apply(&change), ERR_OK);
    is("till-1", "none");
    assert_int_equal(accounts.count, 0);
}

static void refused(const struct identity_change *change, err_t err,
                    const char *words) {
    assert_int_equal(apply(change), err);
    assert_non_null(strstr(reason.text, words));
    is("till-1", "0 kitchen/# a/b");
    assert_int_equal(accounts.count, 1);
}

static void test_refused(void **state) {
    (void)state;
    add("till-1");
    struct identity_change change = change_of(IDENTITY_PUT, "till-1");
    change.fresh = true;
    refused(&change, ERR_BUSY, "device passwd");
    set_password(&change, hashes[1]);
    refused(&change, ERR_BUSY, "device set");
    change = change_of(IDENTITY_PUT, "TILL-1");
    change.fresh = true;
    refused(&change, ERR_BUSY, "differs by case only");
    change.fresh = false;
    refused(&change, ERR_NOT_FOUND, "but there is till-1");
    change = change_of(IDENTITY_PUT, "till-2");
    refused(&change, ERR_NOT_FOUND, "no device till-2; see");
    change = change_of(IDENTITY_REMOVE, "till-2");
    refused(&change, ERR_NOT_FOUND, "no device till-2");
    change = change_of(IDENTITY_PASSWORD, "till-2");
    set_password(&change, hashes[1]);
    refused(&change, ERR_NOT_FOUND, "no device till-2");
}

/* The answer was lost, and the command asks again. */
static void test_made_twice(void **state) {
    (void)state;
    struct identity_change change = change_of(IDENTITY_PUT, "till-1");
    change.fresh = true;
    set_password(&change, hashes[0]);
    assert_int_equal(apply(&change), ERR_OK);
    assert_int_equal(apply(&change), ERR_OK);
    assert_int_equal(accounts.count, 1);
}

static void test_full(void **state) {
    (void)state;
    for (uint32_t i = 0; i < ACCOUNTS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%05u", i);
        struct account account = {.added_us = 1};
        memcpy(account.name, name, strlen(name) + 1);
        assert_int_equal(accounts_put(&accounts, &account), ERR_OK);
    }
    struct identity_change change = change_of(IDENTITY_PUT, "one-more");
    change.fresh = true;
    assert_int_equal(apply(&change), ERR_FULL);
    assert_non_null(strstr(reason.text, "10000 devices"));
}

static void test_not_well_formed(void **state) {
    (void)state;
    struct identity_change change = change_of(IDENTITY_PUT, "till-1");
    set_password(&change, "correct horse battery");
    assert_int_equal(identity_change_check(&change, &reason), ERR_RANGE);
    assert_null(strstr(reason.text, "correct horse"));
    change = change_of(IDENTITY_PASSWORD, "till-1");
    assert_int_equal(identity_change_check(&change, &reason), ERR_RANGE);
    change = change_of(IDENTITY_PUT, "gateway");
    assert_int_equal(identity_change_check(&change, &reason), ERR_BUSY);
    change = change_of(IDENTITY_PUT, "a/b");
    assert_int_equal(identity_change_check(&change, &reason), ERR_RANGE);
    change = change_of(IDENTITY_PUT, "till-1");
    set_topics(&change, "a/b", "shopme/#");
    assert_int_equal(identity_change_check(&change, &reason), ERR_RANGE);
    change = change_of(IDENTITY_REMOVE, "");
    assert_int_equal(identity_change_check(&change, &reason), ERR_RANGE);
    change = change_of(IDENTITY_REMOVE, "a/b"); /* whatever was let in */
    assert_int_equal(identity_change_check(&change, &reason), ERR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_made_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_well_formed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
