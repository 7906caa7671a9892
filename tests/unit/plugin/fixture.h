/* SPDX-License-Identifier: Apache-2.0 */
/* A data folder with rules and a set of accounts, for what reads them. */
#ifndef TESTS_UNIT_PLUGIN_FIXTURE_H
#define TESTS_UNIT_PLUGIN_FIXTURE_H

#include "gateway/identity/identity_set.h"
#include "gateway/plugin/loaded.h"

#define GATEWAY_NAME "gw-0123456789abcdef0123456789abcdef"
#define GATEWAY_PASSWORD "the-gateways-password"

struct fixture {
    struct platform platform;
    char data[128];
    char rules_path[160];
    struct rules rules;
    struct accounts accounts;
    struct revoked revoked;
    char serials[4][REVOKED_SERIAL_MAX];
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A device with a password (NULL: none), with a certificate if it says so. */
void fixture_device(struct fixture *f, const char *name, const char *password,
                    bool certificate);
/* "outside" gets the filter `topic`, "channel" the channel. */
void fixture_grant(struct fixture *f, const char *name, const char *topic,
                   bool channel);
void fixture_remove(struct fixture *f, const char *name);
void fixture_revoke(struct fixture *f, const char *serial);
/* Writes rules and the next set. */
void fixture_write(struct fixture *f);
struct loaded_place fixture_place(const struct fixture *f);
/* Where a file of the current set lies. */
const char *fixture_file(const struct fixture *f, const char *name);
/* Puts this into a file, as it is. */
void fixture_put(const char *path, const char *text);

#define FIXTURE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
