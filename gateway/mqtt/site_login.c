/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mqtt/site_login.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "gateway/base/disk.h"

/* --- The password --------------------------------------------------------- */

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* The first line. */
static err_t read_password(const char *path, char ret[MQTT_PASSWORD_MAX],
                           struct reason *reason) {
    struct stat status;
    char line[MQTT_PASSWORD_MAX + 1] = "";
    CLEANUP(close_file) FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        (void)disk_failed(reason, ERR_IO, "read", path);
        return ERR_CONFIG;
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return reason_set(reason, ERR_CONFIG,
                          "broker.password_file: other users can read %s: "
                          "chmod 600 %s",
                          path, path);
    }
    setbuf(file, NULL); /* or it would stay in memory that is freed */
    bool ok = fgets(line, sizeof line, file) != NULL;
    size_t len = strcspn(line, "\r\n");
    line[len] = '\0';
    ok = ok && len > 0 && len < MQTT_PASSWORD_MAX;
    if (ok) {
        memcpy(ret, line, len + 1);
    }
    explicit_bzero(line, sizeof line);
    return ok ? ERR_OK
              : reason_set(reason, ERR_CONFIG,
                           "broker.password_file: expected a password of 1 to "
                           "%d bytes in the first line of %s",
                           MQTT_PASSWORD_MAX - 1, path);
}

/* --- TLS ------------------------------------------------------------------ */

static err_t tls_failed(const char *key, const char *path,
                        struct reason *reason) {
    unsigned long code = ERR_peek_last_error();
    const char *why = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason_set(reason, ERR_CONFIG, "broker.client_tls.%s: %s: %s", key,
                      path, why != NULL ? why : "it cannot be used");
}

static bool is_address(const char *host) {
    struct in6_addr ignored;
    return inet_pton(AF_INET, host, &ignored) == 1 ||
           inet_pton(AF_INET6, host, &ignored) == 1;
}

/* The host that the certificate must be for, which the broker is told, too
 * (SNI): libmosquitto only has the address that answered. */
static void on_info(const SSL *ssl, int where, int code) {
    (void)code;
    const char *host = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL *writable = (SSL *)(uintptr_t)ssl;
    if ((where & SSL_CB_HANDSHAKE_START) != 0 && SSL_in_before(ssl)) {
        (void)SSL_set_tlsext_host_name(
            writable, is_address(host) ? NULL : (char *)(uintptr_t)host);
    }
}

static bool expect_host(SSL_CTX *tls, const char *host) {
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls);
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_CTX_set_app_data(tls, (void *)(uintptr_t)host);
    SSL_CTX_set_info_callback(tls, on_info);
    return (is_address(host)
                ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
                : X509_VERIFY_PARAM_set1_host(param, host, 0)) == 1;
}

static err_t use_own(SSL_CTX *tls, const struct config_client_tls *config,
                     struct reason *reason) {
    if (config->cert_file[0] == '\0') {
        return ERR_OK;
    }
    if (SSL_CTX_use_certificate_chain_file(tls, config->cert_file) != 1) {
        return tls_failed("cert_file", config->cert_file, reason);
    }
    if (SSL_CTX_use_PrivateKey_file(tls, config->key_file, SSL_FILETYPE_PEM) !=
            1 ||
        SSL_CTX_check_private_key(tls) != 1) {
        return tls_failed("key_file", config->key_file, reason);
    }
    return ERR_OK;
}

static void free_tls(SSL_CTX **tls) {
    SSL_CTX_free(*tls);
}

static err_t make_tls(const struct config_broker *config, void **ret,
                      struct reason *reason) {
    const char *ca_file = config->client_tls.ca_file;
    ERR_clear_error();
    CLEANUP(free_tls) SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL ||
        SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        !expect_host(tls, config->address.host)) {
        return reason_set(reason, ERR_MEMORY, "no memory for TLS");
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_load_verify_file(tls, ca_file) != 1) {
        return tls_failed("ca_file", ca_file, reason);
    }
    TRY(use_own(tls, &config->client_tls, reason));
    *ret = tls;
    tls = NULL;
    return ERR_OK;
}

err_t site_login_read(const struct config_broker *config,
                      struct mqtt_login *ret, struct reason *reason) {
    assert(config->mode == CONFIG_BROKER_EXTERNAL);
    struct mqtt_login login = {0};
    snprintf(login.user, sizeof login.user, "%s", config->user);
    if (config->password_file[0] != '\0') {
        TRY(read_password(config->password_file, login.password, reason));
    }
    err_t err = config->client_tls.ca_file[0] == '\0'
                    ? ERR_OK
                    : make_tls(config, &login.tls, reason);
    if (err == ERR_OK) {
        *ret = login;
    }
    explicit_bzero(&login, sizeof login);
    return err;
}

void site_login_forget(struct mqtt_login *login) {
    SSL_CTX_free(login->tls);
    explicit_bzero(login, sizeof *login);
}
