/* SPDX-License-Identifier: Apache-2.0 */
/* What a device may be called and given, and the list of accounts. */
#include "gateway/identity/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LONG_64 \
    "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCD._"

/* Goal: a name is made of the characters that are safe in a topic, in a file's
 * name and in a certificate; what the gateway and its services are called is
 * nobody's. */
static void test_names(void **state) {
    static const struct {
        const char *name;
        err_t err;
        const char *says;
    } cases[] = {
        {"till-1", ERR_OK, ""},
        {"a", ERR_OK, ""},
        {LONG_64, ERR_OK, ""},
        {"Gateway.1", ERR_OK, ""},
        {"gw", ERR_OK, ""},
        {"...", ERR_OK, ""},
        {"", ERR_RANGE, "1 to 64 characters, not 0"},
        {LONG_64 "x", ERR_RANGE, "1 to 64 characters, not 65"},
        {"till 1", ERR_RANGE, "character 5 is another"},
        {"till/1", ERR_RANGE, "character 5 is another"},
        {"+", ERR_RANGE, "character 1 is another"},
        {"#", ERR_RANGE, "character 1 is another"},
        {"$SYS", ERR_RANGE, "character 1 is another"},
        {"t\xc3\xa4ll", ERR_RANGE, "character 2 is another"},
        {"till\n", ERR_RANGE, "character 5 is another"},
        {"@[`{", ERR_RANGE, "character 1 is another"},
        {"a:", ERR_RANGE, "character 2 is another"},
        {".", ERR_RANGE, "not only dots"},
        {"..", ERR_RANGE, "not only dots"},
        {"gateway", ERR_BUSY, "\"gateway\" is reserved"},
        {"anonymous", ERR_BUSY, "is reserved"},
        {"events", ERR_BUSY, "is reserved"},
        {"order", ERR_BUSY, "is reserved"},
        {"inventory", ERR_BUSY, "is reserved"},
        {"payment", ERR_BUSY, "is reserved"},
        {"fulfilment", ERR_BUSY, "is reserved"},
        {"Order", ERR_BUSY, "is reserved"},
        {"GATEWAY", ERR_BUSY, "is reserved"},
        {"orders", ERR_OK, ""},
        {"GW-1", ERR_OK, ""},
        {"gw-", ERR_BUSY, "is reserved"},
        {"gw-0123456789abcdef", ERR_BUSY, "is reserved"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reason reason = {""};
        err_t err = account_name_check(slice_from_str(cases[i].name), &reason);
        if (err != cases[i].err || strstr(reason.text, cases[i].says) == NULL) {
            print_error("\"%s\": %s, \"%s\"\n", cases[i].name, err_name(err),
                        reason.text);
            fail();
        }
    }
    assert_int_equal(account_name_check(slice_of("a\0b", 3), NULL), ERR_RANGE);
}

/* Goal: no pattern reaches below shopme/ or into the broker's own topics. */
static void test_topics(void **state) {
    static const struct {
        const char *topic;
        err_t err;
        const char *says;
    } cases[] = {
        {"kitchen/#", ERR_OK, ""},
        {"kitchen", ERR_OK, ""},
        {"kitchen/+/temperature", ERR_OK, ""},
        {"kitchen/+", ERR_OK, ""},
        {"/#", ERR_OK, ""},
        {"/shopme/x", ERR_OK, ""},
        {"shopmen/#", ERR_OK, ""},
        {"k\xc3\xbc"
         "che/#",
         ERR_OK, ""},
        {"a/$b", ERR_OK, ""},
        {"a//b", ERR_OK, ""},
        {"", ERR_RANGE, "1 to 255 bytes, not 0"},
        {"+", ERR_RANGE, "begins with a wildcard"},
        {"#", ERR_RANGE, "begins with a wildcard"},
        {"+/a", ERR_RANGE, "begins with a wildcard"},
        {"shopme", ERR_RANGE, "begins with shopme/"},
        {"shopme/s/till-2/receipts", ERR_RANGE, "begins with shopme/"},
        {"shopme/#", ERR_RANGE, "begins with shopme/"},
        {"$SYS/#", ERR_RANGE, "begins with '$'"},
        {"$share/g/kitchen/#", ERR_RANGE, "begins with '$'"},
        {"kitchen/#/a", ERR_RANGE, "uses a wildcard wrongly"},
        {"kitchen#", ERR_RANGE, "uses a wildcard wrongly"},
        {"kitchen/a+", ERR_RANGE, "uses a wildcard wrongly"},
        {"kitchen/+a", ERR_RANGE, "uses a wildcard wrongly"},
        {"kitchen/+#", ERR_RANGE, "uses a wildcard wrongly"},
        {"##", ERR_RANGE, "uses a wildcard wrongly"},
        {"a\nb", ERR_RANGE, "is not text"},
        {"a\x7f", ERR_RANGE, "is not text"},
        {"a\xff", ERR_RANGE, "is not text"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reason reason = {""};
        err_t err =
            account_topic_check(slice_from_str(cases[i].topic), &reason);
        if (err != cases[i].err || strstr(reason.text, cases[i].says) == NULL) {
            print_error("\"%s\": %s, \"%s\"\n", cases[i].topic, err_name(err),
                        reason.text);
            fail();
        }
    }
    char longest[ACCOUNT_TOPIC_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(
        account_topic_check(slice_of(longest, ACCOUNT_TOPIC_MAX - 1), NULL),
        ERR_OK);
    assert_int_equal(
        account_topic_check(slice_of(longest, ACCOUNT_TOPIC_MAX), NULL),
        ERR_RANGE);
}

static struct account named(uint32_t number) {
    struct account account = {.added_us = number};
    snprintf(account.name, sizeof account.name, "d-%u", (unsigned)number);
    return account;
}

/* Goal: in whatever order they come, accounts are found, replaced, removed, and
 * in the order of their names. */
static void test_list(void **state) {
    enum { COUNT = 200, STEP = 77 };
    (void)state;
    struct accounts accounts = {.count = 0};
    for (uint32_t i = 0; i < COUNT; i++) {
        struct account account = named(i * STEP % COUNT);
        assert_int_equal(accounts_put(&accounts, &account), ERR_OK);
    }
    for (uint32_t i = 1; i < accounts.count; i++) {
        assert_true(strcmp(accounts.list[i - 1].name, accounts.list[i].name) <
                    0);
    }
    struct account again = named(5);
    again.channel = true;
    assert_int_equal(accounts_put(&accounts, &again), ERR_OK);
    assert_int_equal(accounts.count, COUNT);
    assert_true(accounts_find(&accounts, "d-5")->channel);
    assert_null(accounts_find(&accounts, "d-200"));
    assert_null(accounts_find(&accounts, ""));
    assert_int_equal(accounts_remove(&accounts, "d-200"), ERR_NOT_FOUND);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct account account = named(i);
        assert_int_equal(accounts_find(&accounts, account.name)->added_us, i);
        assert_int_equal(accounts_remove(&accounts, account.name), ERR_OK);
        assert_null(accounts_find(&accounts, account.name));
    }
    assert_int_equal(accounts.count, 0);
    accounts_free(&accounts);
    accounts_free(&accounts);
    accounts_free(NULL);
}

/* Goal: a copy is kept, not what the caller holds. */
static void test_copies(void **state) {
    (void)state;
    char topic[] = "kitchen/#";
    char *topics[] = {topic};
    struct accounts accounts = {.count = 0};
    struct account account = named(1);
    account.topics = topics;
    account.topic_count = 1;
    assert_int_equal(accounts_put(&accounts, &account), ERR_OK);
    topic[0] = 'X';
    assert_string_equal(accounts.list[0].topics[0], "kitchen/#");
    /* Over itself: the topics are those of the account that goes. */
    struct account same = accounts.list[0];
    assert_int_equal(accounts_put(&accounts, &same), ERR_OK);
    assert_string_equal(accounts.list[0].topics[0], "kitchen/#");
    accounts_free(&accounts);
}

/* Goal: the list has a bound, and says so; who is in it can still be changed.
 */
static void test_full(void **state) {
    (void)state;
    struct accounts accounts = {.count = 0};
    for (uint32_t i = 0; i < ACCOUNTS_MAX; i++) {
        struct account account = {.added_us = 0};
        snprintf(account.name, sizeof account.name, "d-%05u", (unsigned)i);
        assert_int_equal(accounts_put(&accounts, &account), ERR_OK);
    }
    struct account more = {.name = "more"};
    struct account known = {.name = "d-00007", .channel = true};
    assert_int_equal(accounts_put(&accounts, &more), ERR_FULL);
    assert_int_equal(accounts_put(&accounts, &known), ERR_OK);
    assert_int_equal(accounts.count, ACCOUNTS_MAX);
    accounts_free(&accounts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_topics),
        cmocka_unit_test(test_list),  cmocka_unit_test(test_copies),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
