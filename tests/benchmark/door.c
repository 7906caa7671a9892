/* SPDX-License-Identifier: Apache-2.0 */
/* What a question of the broker's takes: who is connected, and may it? With
 * 1,000 connected and 10,000 accounts. Run by plugin_test.py. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/identity/password.h"
#include "gateway/plugin/door.h"
#include "tests/benchmark/target.h"

enum { ACCOUNTS = 10000, CONNECTED = 1000, QUESTIONS = 2000000 };

#define GATEWAY "gw-0123456789abcdef0123456789abcdef"

static void on_report(void *self, struct slice bytes) {
    (void)bytes;
    ++*(uint64_t *)self;
}

static bool has_session(void *self, const char *id) {
    (void)self;
    (void)id;
    return false;
}

static void on_kick(void *self, const char *name, bool with_will) {
    (void)self;
    (void)name;
    (void)with_will;
}

static void must(err_t err, const char *what, const struct reason *reason) {
    target_must(err == ERR_OK, what, reason->text);
}

static void name_of(int number, char ret[ACCOUNT_NAME_MAX]) {
    snprintf(ret, ACCOUNT_NAME_MAX, "device-%d", number);
}

static void write_files(const char *data, const char *rules_path) {
    struct reason reason = {""};
    struct accounts accounts = {0};
    for (int i = 0; i < ACCOUNTS; i++) {
        struct account account = {.certificate = true};
        name_of(i, account.name);
        must(accounts_put(&accounts, &account), "accounts_put", &reason);
    }
    char *text;
    size_t len;
    uint64_t number;
    must(accounts_write(&accounts, &text, &len), "accounts_write", &reason);
    const struct identity_file file = {"accounts", slice_of(text, len)};
    must(identity_set_write(data, &file, 1, &number, &reason),
         "identity_set_write", &reason);
    free(text);
    accounts_free(&accounts);
    struct rules rules = {
        .store = "store-7",
        .stream_count = 2,
        .streams = {"orders", "telemetry"},
        .anonymous = true,
        .gateway = GATEWAY,
    };
    const struct platform platform = platform_real();
    must(password_hash(&platform.entropy, SLICE("a-password"), 101,
                       rules.gateway_password),
         "password_hash", &reason);
    char bytes[4096];
    struct writer writer = writer_over(bytes, sizeof bytes);
    rules_write(&rules, &writer);
    FILE *out = fopen(rules_path, "w");
    target_must(out != NULL && !writer.full &&
                    fwrite(bytes, 1, writer.len, out) == writer.len &&
                    fclose(out) == 0,
                "rules", rules_path);
}

static void enter(struct door *door, const void *key,
                  const struct login *login) {
    const char *name;
    target_must(door_enter(door, key, login, &name), "door_enter",
                login->client_id);
}

static void ask(struct door *door, const char *what,
                const struct door_use *use) {
    const struct platform platform = platform_real();
    int64_t begun = platform.clock.mono_us(platform.clock.self);
    uint64_t allowed = 0;
    for (int i = 0; i < QUESTIONS; i++) {
        allowed += door_allows(door, use);
    }
    int64_t took = platform.clock.mono_us(platform.clock.self) - begun;
    target_must(allowed > 0, "door_allows", what);
    printf("figure: %.0f ns a question of %s\n",
           (double)took * 1000.0 / QUESTIONS, what);
}

int main(void) {
    char data[] = "/tmp/edge-door-XXXXXX";
    char rules_path[64];
    uint64_t reports = 0;
    struct reason reason = {""};
    struct platform platform = platform_real();
    target_must(mkdtemp(data) != NULL, "mkdtemp", data);
    snprintf(rules_path, sizeof rules_path, "%s/rules", data);
    write_files(data, rules_path);
    const struct door_options options = {
        .clock = &platform.clock,
        .place = {&platform.disk, rules_path, data},
        .broker = {&reports, on_report, on_kick, on_kick, has_session},
    };
    struct door *door;
    must(door_new(&options, &door, &reason), "door_new", &reason);
    static char keys[(CONNECTED + 2) * 512]; /* as far apart as the broker's */
    for (int i = 0; i < CONNECTED; i++) {
        struct certificate shown = {.serial = "0A", .ends_us = INT64_MAX};
        name_of(i * 7, shown.name);
        const struct login login = {.client_id = shown.name,
                                    .address = "127.0.0.1",
                                    .certificate = &shown};
        enter(door, keys + (size_t)i * 512, &login);
    }
    char *gateway = keys + (size_t)CONNECTED * 512;
    char *nobody = gateway + 512;
    const struct login gateways = {.client_id = "edge",
                                   .user = GATEWAY,
                                   .password = "a-password",
                                   .address = "/run/s"};
    const struct login nobodys = {.client_id = "x", .address = "127.0.0.1"};
    enter(door, gateway, &gateways);
    enter(door, nobody, &nobodys);
    const struct door_use as_gateway = {.key = gateway,
                                        .action = RULES_READ,
                                        .topic =
                                            "shopme/store-7/device-7/orders",
                                        .user = GATEWAY};
    const struct door_use as_device = {.action = RULES_PUBLISH,
                                       .topic =
                                           "shopme/store-7/device-7/orders",
                                       .key = keys + 512};
    const struct door_use as_nobody = {.key = nobody,
                                       .action = RULES_PUBLISH,
                                       .topic =
                                           "shopme/store-7/nobody-7/orders"};
    ask(door, "the gateway's", &as_gateway);
    ask(door, "a device's", &as_device);
    ask(door, "an anonymous client's", &as_nobody);
    door_free(door);
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", data);
    return system(command) == 0 ? 0 : 1;
}
