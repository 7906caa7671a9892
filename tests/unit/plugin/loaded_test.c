/* SPDX-License-Identifier: Apache-2.0 */
/* What is read at a start and at a reload, and who keeps what then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/plugin/fixture.h"

static err_t read_place(struct fixture *f, struct loaded **ret,
                        struct reason *reason) {
    const struct loaded_place place = fixture_place(f);
    *reason = (struct reason){""};
    return loaded_read(&place, ret, reason);
}

static void expect_failure(struct fixture *f, err_t err, const char *word) {
    struct loaded *loaded = NULL;
    struct reason reason;
    assert_int_equal(read_place(f, &loaded, &reason), err);
    assert_null(loaded);
    if (strstr(reason.text, word) == NULL) {
        fail_msg("no \"%s\" in: %s", word, reason.text);
    }
}

/* Goal: whatever is missing or damaged is refused whole, and by name. */
static void test_damage(void **state) {
    struct fixture *f = *state;
    struct loaded *loaded;
    struct reason reason;
    fixture_device(f, "till-1", "till-1s-password", true);
    expect_failure(f, ERR_NOT_FOUND, "rules");
    fixture_write(f);
    assert_int_equal(read_place(f, &loaded, &reason), ERR_OK);
    assert_int_equal(loaded->number, 1);
    assert_non_null(accounts_find(&loaded->accounts, "till-1"));
    loaded_free(loaded);
    static const char *const files[] = {"accounts", "revoked"};
    for (int i = 0; i < 2; i++) {
        fixture_write(f);
        assert_int_equal(truncate(fixture_file(f, files[i]), 30), 0);
        expect_failure(f, ERR_CORRUPT, files[i]);
    }
    fixture_write(f);
    assert_int_equal(unlink(fixture_file(f, "accounts")), 0);
    expect_failure(f, ERR_NOT_FOUND, "accounts");
    fixture_write(f);
    fixture_put(f->rules_path, "shopme-edge rules 1\n");
    expect_failure(f, ERR_CORRUPT, "rules");
}

/* Goal: no set at all is no open door. */
static void test_no_set(void **state) {
    struct fixture *f = *state;
    fixture_write(f);
    char path[IDENTITY_PATH_MAX];
    snprintf(path, sizeof path, "%s/identity/current", f->data);
    assert_int_equal(unlink(path), 0);
    expect_failure(f, ERR_NOT_FOUND, "identity/current is missing");
}

/* Goal: a set without the list of the revoked revokes nothing. */
static void test_nothing_revoked(void **state) {
    struct fixture *f = *state;
    struct loaded *loaded;
    struct reason reason;
    fixture_write(f);
    assert_int_equal(unlink(fixture_file(f, "revoked")), 0);
    assert_int_equal(read_place(f, &loaded, &reason), ERR_OK);
    assert_false(revoked_has(&loaded->revoked, "0C"));
    assert_int_equal(loaded->revoked.expires_us, INT64_MAX);
    loaded_free(loaded);
}

static struct client client_of(const char *name, enum report_by by,
                               const struct fixture *f) {
    struct client client = {.who = RULES_DEVICE, .by = by};
    const struct account *account = accounts_find(&f->accounts, name);
    snprintf(client.name, sizeof client.name, "%s", name);
    snprintf(client.serial, sizeof client.serial, "0C");
    if (by == REPORT_BY_PASSWORD) {
        snprintf(client.hash, sizeof client.hash, "%s", account->password);
    }
    return client;
}

/* Goal: exactly who lost its right does not keep it. */
static void test_keeps(void **state) {
    struct fixture *f = *state;
    fixture_device(f, "till-1", "till-1s-password", true);
    fixture_device(f, "till-2", "till-2s-password", true);
    const struct client by_password =
        client_of("till-1", REPORT_BY_PASSWORD, f);
    const struct client by_certificate =
        client_of("till-1", REPORT_BY_CERTIFICATE, f);
    const struct client other = client_of("till-2", REPORT_BY_PASSWORD, f);
    const struct client anonymous = {.who = RULES_ANONYMOUS};
    const struct client gateway = {.who = RULES_GATEWAY};
    for (int step = 0; step < 6; step++) {
        enum refusal password = REFUSAL_NONE;
        enum refusal certificate = REFUSAL_NONE;
        enum refusal nobody = REFUSAL_NONE;
        switch (step) {
        case 1: /* another password, though it is the same word */
            fixture_device(f, "till-1", "till-1s-password", true);
            password = REFUSAL_PASSWORD;
            break;
        case 2:
            fixture_device(f, "till-1", NULL, true);
            password = REFUSAL_NO_PASSWORD;
            break;
        case 3:
            fixture_device(f, "till-1", "till-1s-password", false);
            password = REFUSAL_PASSWORD;
            certificate = REFUSAL_NO_CERTIFICATE;
            break;
        case 4:
            fixture_device(f, "till-1", NULL, true);
            fixture_revoke(f, "0C");
            password = REFUSAL_NO_PASSWORD;
            certificate = REFUSAL_REVOKED;
            break;
        case 5:
            fixture_remove(f, "till-1");
            f->rules.anonymous = false;
            password = certificate = REFUSAL_UNKNOWN;
            nobody = REFUSAL_ANONYMOUS;
            break;
        default:
            break;
        }
        fixture_write(f);
        struct loaded *loaded;
        struct reason reason;
        assert_int_equal(read_place(f, &loaded, &reason), ERR_OK);
        assert_int_equal(loaded_keeps(loaded, &by_password), password);
        assert_int_equal(loaded_keeps(loaded, &by_certificate), certificate);
        assert_int_equal(loaded_keeps(loaded, &anonymous), nobody);
        assert_int_equal(loaded_keeps(loaded, &other), REFUSAL_NONE);
        assert_int_equal(loaded_keeps(loaded, &gateway), REFUSAL_NONE);
        loaded_free(loaded);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_damage),
        FIXTURE_TEST(test_no_set),
        FIXTURE_TEST(test_nothing_revoked),
        FIXTURE_TEST(test_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
