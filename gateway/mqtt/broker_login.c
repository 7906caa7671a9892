/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/broker_login.h"

#include <assert.h>
#include <mbedtls/md.h>
#include <mbedtls/pkcs5.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/disk.h"
#include "gateway/event/base64.h"
#include "gateway/identity/password.h"

enum {
    PATH_SIZE = 1200,
    NAME_BYTES = 16,
    NAME_LEN = 3 + 2 * NAME_BYTES,
    SALT_BYTES = 12,
    HASH_BYTES = 64,
};

static_assert((int)NAME_LEN < (int)MQTT_USER_MAX, "a name fits");
static_assert((int)PASSWORD_MADE_BYTES <= (int)MQTT_PASSWORD_MAX,
              "a password fits");

static bool is_name(struct slice text) {
    if (text.len != NAME_LEN || !slice_starts_with(text, "gw-")) {
        return false;
    }
    for (size_t i = 3; i < text.len; i++) {
        if (strchr("0123456789abcdef", text.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* The name of the file, without its line break. */
static bool read_name(const struct disk *disk, const char *path,
                      char ret[MQTT_USER_MAX]) {
    uint8_t *text;
    size_t len;
    if (disk_read_whole(disk, path, &text, &len) != ERR_OK) {
        return false;
    }
    struct slice name = slice_of(text, len);
    if (len > 0 && text[len - 1] == '\n') {
        name.len--;
    }
    bool ok = is_name(name) && slice_to_str(name, ret, MQTT_USER_MAX) == ERR_OK;
    free(text);
    return ok;
}

static void make_name(const struct entropy *entropy, char ret[MQTT_USER_MAX]) {
    uint8_t random[NAME_BYTES];
    entropy->fill(entropy->self, random, sizeof random);
    int len = snprintf(ret, MQTT_USER_MAX, "gw-");
    for (size_t i = 0; i < NAME_BYTES; i++) {
        len += snprintf(ret + len, (size_t)(MQTT_USER_MAX - len), "%02x",
                        random[i]);
    }
    assert(is_name(slice_from_str(ret)));
}

/* In a folder that nobody else can enter, whatever the mode of a new file. */
static err_t keep_name(const struct disk *disk, const char *data,
                       const char *path, const char *name) {
    char folder[PATH_SIZE];
    char making[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/identity", data);
    snprintf(making, sizeof making, "%s/identity/gateway-name.new", data);
    err_t err = disk->make_dir(disk->self, folder);
    ENSURE(err == ERR_OK || err == ERR_BUSY, err);
    TRY(disk->make_private(disk->self, folder, data));
    const struct slice parts[] = {slice_from_str(name), SLICE("\n")};
    TRY(disk_replace(disk, folder, making, path, parts, 2));
    TRY(disk->make_private(disk->self, path, data));
    return disk_sync_parent(disk, folder);
}

static void name_gateway(const struct platform *platform, const char *data,
                         char ret[MQTT_USER_MAX]) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/identity/gateway-name", data);
    if (read_name(&platform->disk, path, ret)) {
        return;
    }
    make_name(&platform->entropy, ret);
    err_t err = keep_name(&platform->disk, data, path, ret);
    if (err != ERR_OK) {
        struct reason why;
        (void)disk_failed(&why, err, "write", path);
        log_line(LOG_WARN, "broker",
                 "%s; the next start logs in by another name", why.text);
    }
}

/* In the form of password.h. By mbedTLS, which the bridge has in memory anyway:
 * OpenSSL's would take 2 MiB of its library there, for this one hash. */
static err_t hash_password(const struct entropy *entropy, const char *password,
                           char ret[static ACCOUNT_HASH_MAX]) {
    uint8_t salt[SALT_BYTES];
    uint8_t key[HASH_BYTES];
    mbedtls_md_context_t md CLEANUP(mbedtls_md_free);
    entropy->fill(entropy->self, salt, sizeof salt);
    mbedtls_md_init(&md);
    ENSURE(mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA512),
                            1) == 0,
           ERR_MEMORY);
    ENSURE(mbedtls_pkcs5_pbkdf2_hmac(
               &md, (const unsigned char *)password, strlen(password), salt,
               sizeof salt, PASSWORD_ITERATIONS_MADE, sizeof key, key) == 0,
           ERR_IO);
    struct writer out = writer_over(ret, ACCOUNT_HASH_MAX - 1);
    writer_printf(&out, "$7$%d$", PASSWORD_ITERATIONS_MADE);
    event_base64_write(&out, slice_of(salt, sizeof salt));
    writer_str(&out, "$");
    event_base64_write(&out, slice_of(key, sizeof key));
    assert(!out.full);
    ret[out.len] = '\0';
    assert(password_hash_is_valid(slice_from_str(ret)));
    return ERR_OK;
}

err_t broker_login_make(const struct platform *platform, const char *data,
                        struct broker_login *ret, struct reason *reason) {
    struct broker_login login = {0};
    name_gateway(platform, data, login.mqtt.user);
    password_make(&platform->entropy, login.mqtt.password);
    err_t err =
        hash_password(&platform->entropy, login.mqtt.password, login.hash);
    if (err == ERR_OK) {
        *ret = login;
    } else {
        (void)reason_set(reason, err, "mbedTLS cannot hash a password");
    }
    broker_login_forget(&login);
    return err;
}

void broker_login_forget(struct broker_login *login) {
    explicit_bzero(login, sizeof *login);
}
