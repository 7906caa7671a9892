/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/plugin/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "gateway/identity/password.h"

static void must(err_t err, const struct reason *reason) {
    if (err != ERR_OK) {
        fail_msg("%s: %s", err_name(err), reason->text);
    }
}

static void hash(const struct fixture *f, const char *password,
                 char ret[static ACCOUNT_HASH_MAX]) {
    assert_int_equal(password_hash(&f->platform.entropy,
                                   slice_from_str(password),
                                   PASSWORD_ITERATIONS_MADE, ret),
                     ERR_OK);
}

int fixture_setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->platform = platform_real();
    snprintf(f->data, sizeof f->data, "/tmp/edge-plugin-XXXXXX");
    assert_non_null(mkdtemp(f->data));
    snprintf(f->rules_path, sizeof f->rules_path, "%s/rules", f->data);
    f->rules = (struct rules){
        .store = "s1",
        .stream_count = 2,
        .streams = {"orders", "telemetry"},
        .anonymous = true,
        .gateway = GATEWAY_NAME,
        .gateway_id_count = 1,
        .gateway_ids = {"edge-s1-orders"},
    };
    hash(f, GATEWAY_PASSWORD, f->rules.gateway_password);
    f->revoked.expires_us = INT64_MAX;
    f->revoked.serials = f->serials;
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", f->data);
    assert_int_equal(system(command), 0);
    accounts_free(&f->accounts);
    free(f);
    return 0;
}

void fixture_device(struct fixture *f, const char *name, const char *password,
                    bool certificate) {
    struct account account = {.certificate = certificate};
    snprintf(account.name, sizeof account.name, "%s", name);
    if (password != NULL) {
        hash(f, password, account.password);
    }
    assert_int_equal(accounts_put(&f->accounts, &account), ERR_OK);
}

void fixture_grant(struct fixture *f, const char *name, const char *topic,
                   bool channel) {
    char copied[ACCOUNT_TOPIC_MAX];
    snprintf(copied, sizeof copied, "%s", topic);
    char *topics[] = {copied};
    struct account account = *accounts_find(&f->accounts, name);
    account.topics = topics;
    account.topic_count = 1;
    account.channel = channel;
    assert_int_equal(accounts_put(&f->accounts, &account), ERR_OK);
}

void fixture_remove(struct fixture *f, const char *name) {
    assert_int_equal(accounts_remove(&f->accounts, name), ERR_OK);
}

void fixture_revoke(struct fixture *f, const char *serial) {
    assert_true(f->revoked.count < 4);
    snprintf(f->serials[f->revoked.count], REVOKED_SERIAL_MAX, "%s", serial);
    f->revoked.count++;
}

void fixture_write(struct fixture *f) {
    struct reason reason = {""};
    char rules[8192];
    struct writer writer = writer_over(rules, sizeof rules - 1);
    rules_write(&f->rules, &writer);
    assert_false(writer.full);
    rules[writer.len] = '\0';
    fixture_put(f->rules_path, rules);
    char *texts[2];
    size_t lens[2];
    must(accounts_write(&f->accounts, &texts[0], &lens[0]), &reason);
    must(revoked_write(&f->revoked, &texts[1], &lens[1]), &reason);
    const struct identity_file files[] = {
        {"accounts", slice_of(texts[0], lens[0])},
        {"revoked", slice_of(texts[1], lens[1])},
    };
    uint64_t number;
    must(identity_set_write(f->data, files, 2, &number, &reason), &reason);
    free(texts[0]);
    free(texts[1]);
}

struct loaded_place fixture_place(const struct fixture *f) {
    return (struct loaded_place){&f->platform.disk, f->rules_path, f->data};
}

const char *fixture_file(const struct fixture *f, const char *name) {
    static char path[IDENTITY_PATH_MAX];
    identity_set_path(f->data, name, path);
    return path;
}

void fixture_put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}
