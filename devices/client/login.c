/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/client/login.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* What OpenSSL says, and what that means for a device. */
struct hint {
    const char *words;
    const char *meaning;
};

static const struct hint hints[] = {
    {"wrong version number", "is this the broker's TLS port?"},
    {"certificate required", "give the device a certificate"},
    {"host name verification",
     "the broker's certificate names another host than --broker"},
    {"unexpected eof",
     "is this the broker's TLS port, does it accept the certificate?"},
    {"certificate verify failed",
     "who made the broker's certificate, --ca? Is the clock set?"},
    {"alert unknown ca", "the broker does not know who made the certificate"},
    {"alert certificate expired", "renew the certificate"},
    {"alert certificate revoked", "issue a new certificate"},
    {"alert protocol version", "the broker wants another version of TLS"},
};

struct mosquitto *login_new(const char *client_id, bool clean, void *self) {
    size_t len = strlen(client_id);
    if (len == 0 || len > UINT16_MAX ||
        mosquitto_validate_utf8(client_id, (int)len) != MOSQ_ERR_SUCCESS) {
        return NULL;
    }
    return mosquitto_new(client_id, clean, self);
}

static const char *path_or_null(const char *path) {
    return path[0] == '\0' ? NULL : path;
}

static int apply_tls(struct mosquitto *mosq,
                     const struct credentials *credentials) {
    const char *ca = path_or_null(credentials->ca);
    const char *cert = path_or_null(credentials->cert);
    return mosquitto_tls_set(
        mosq, ca, ca == NULL ? X509_get_default_cert_dir() : NULL, cert,
        cert == NULL ? NULL : credentials->key, credentials_no_password);
}

int login_apply(struct mosquitto *mosq, const struct credentials *credentials) {
    int rc = MOSQ_ERR_SUCCESS;
    if (credentials == NULL) {
        return rc;
    }
    if (credentials->user[0] != '\0') {
        rc = mosquitto_username_pw_set(mosq, credentials->user,
                                       credentials->password);
    }
    if (rc == MOSQ_ERR_SUCCESS && credentials->tls) {
        rc = apply_tls(mosq, credentials);
    }
    return rc;
}

bool login_has_more(struct mosquitto *mosq) {
    const SSL *ssl = mosquitto_ssl_get(mosq);
    return ssl != NULL && mosquitto_socket(mosq) >= 0 && SSL_pending(ssl) > 0;
}

/* "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed":
 * what comes last says it. */
static const char *last_words(const char *said) {
    const char *colon =
        strncmp(said, "OpenSSL ", 8) == 0 ? strrchr(said, ':') : NULL;
    return colon == NULL ? said : colon + 1;
}

static const char *meaning_of(const char *words) {
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (strstr(words, hints[i].words) != NULL) {
            return hints[i].meaning;
        }
    }
    return NULL;
}

static bool is_loss(const char *why) {
    const char *const losses[] = {
        mosquitto_strerror(MOSQ_ERR_CONN_LOST),
        "Protocol error",           /* strerror(EPROTO), of a failed SSL_read */
        "Connection reset by peer", /* ECONNRESET */
        "Broken pipe",              /* EPIPE */
    };
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        if (strcmp(why, losses[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A broker that closes at once often takes its TLS alert along. */
static void explain_loss(const struct credentials *credentials, const char *why,
                         char ret[LOGIN_WORDS_SIZE]) {
    if (!is_loss(why)) {
        snprintf(ret, LOGIN_WORDS_SIZE, "%s", why);
        return;
    }
    snprintf(ret, LOGIN_WORDS_SIZE,
             "the broker closed the connection, or is not there: is this its "
             "TLS port, does it %s?",
             credentials->cert[0] == '\0' ? "want a certificate"
                                          : "know who made the certificate");
}

void login_explain(struct mosquitto *mosq,
                   const struct credentials *credentials, const char *why,
                   const char *said, char ret[LOGIN_WORDS_SIZE]) {
    const SSL *ssl = mosq == NULL ? NULL : mosquitto_ssl_get(mosq);
    long verified = ssl == NULL ? X509_V_OK : SSL_get_verify_result(ssl);
    const char *words = last_words(said);
    const char *meaning = meaning_of(words);
    struct reason files = {""};
    struct reason dates = {""};
    assert(why != NULL && said != NULL);
    if (credentials == NULL || !credentials->tls) {
        snprintf(ret, LOGIN_WORDS_SIZE, "%s", why);
        return;
    }
    if (credentials_check(credentials, &files) != ERR_OK) {
        snprintf(ret, LOGIN_WORDS_SIZE, "%s", files.text);
        return;
    }
    if (credentials_check_dates(credentials, &dates) != ERR_OK) {
        meaning = dates.text;
    } else if (said[0] == '\0') {
        explain_loss(credentials, why, ret);
        return;
    } else if (verified != X509_V_OK && strstr(words, "verify failed")) {
        meaning = X509_verify_cert_error_string(verified);
    }
    snprintf(ret, LOGIN_WORDS_SIZE, "TLS%s: %s%s%s",
             strstr(words, " alert ") == NULL ? "" : ", the broker says",
             words[0] == '\0' ? why : words, meaning == NULL ? "" : ": ",
             meaning == NULL ? "" : meaning);
}
