/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/tls.h"

#include <assert.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/certificate.h"
#include "bridge/tls_words.h"

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define TLS_IS_3 1
#include <psa/crypto.h>
#define PRIVATE(member) MBEDTLS_PRIVATE(member)
#else
#define TLS_IS_3 0
#define PRIVATE(member) member
#endif

enum {
    /* One record with its overhead and a little more. */
    OUTPUT_SIZE = 20 * 1024,
    WRITE_MAX = 16 * 1024,
    CIPHERS_MAX = 255, /* mbedTLS knows half as many */
};

/* One reading of the CA file, with the settings that point at it. Whoever uses
 * it holds it: a connection goes on with what it began with. */
struct tls_trust {
    uint32_t holders;
    mbedtls_ssl_config config;
    mbedtls_x509_crt authorities;
    mbedtls_x509_crt own; /* certificate and key, if there are any */
    mbedtls_pk_context own_key;
    const struct entropy *entropy;
    const char *protocols[2];
    int ciphers[CIPHERS_MAX + 1];
};

struct tls_context {
    struct tls_trust *trust;
    uint64_t reading; /* grows with each */
};

struct tls_memory {
    mbedtls_ssl_session session;
    bool known;
    uint64_t reading; /* that the session was verified by */
};

struct tls {
    mbedtls_ssl_context ssl;
    struct tls_memory *memory;
    const struct tls_context *context;
    struct tls_trust *trust;
    uint64_t reading;                         /* that this is */
    uint8_t address[CERTIFICATE_ADDRESS_MAX]; /* of the host, */
    size_t address_len;                       /* if it is no name */
    struct slice input;                       /* borrowed, not read yet */
    uint8_t output[OUTPUT_SIZE];
    size_t output_len;
};

static err_t fail(struct reason *reason, err_t err, const char *doing,
                  int code) {
    char words[128];
    mbedtls_strerror(code, words, sizeof words);
    return reason_set(reason, err, "%s: %s (-0x%04x)", doing, words,
                      (unsigned)-code);
}

/* --- the context -------------------------------------------------------- */

static int random_bytes(void *context, unsigned char *buf, size_t len) {
    const struct tls_trust *self = context;
    self->entropy->fill(self->entropy->self, buf, len);
    return 0;
}

static err_t read_authorities(mbedtls_x509_crt *authorities,
                              const char *ca_file, struct reason *reason) {
    /* A positive result counts the certificates that could not be read. The
     * others are used; a system's bundle may contain a few unreadable ones. */
    int failed = mbedtls_x509_crt_parse_file(authorities, ca_file);
    if (failed < 0) {
        char words[128];
        mbedtls_strerror(failed, words, sizeof words);
        return reason_set(reason, ERR_CONFIG,
                          "cannot read CA certificates from %s: %s; set "
                          "cloud.ca_file to a readable PEM file",
                          ca_file, words);
    }
    if (authorities->version == 0) {
        return reason_set(reason, ERR_CONFIG,
                          "%s contains no usable certificate; set "
                          "cloud.ca_file to a PEM file of CA certificates",
                          ca_file);
    }
    return ERR_OK;
}

err_t tls_check_authorities(const char *ca_file, struct reason *reason) {
    mbedtls_x509_crt authorities;
    mbedtls_x509_crt_init(&authorities);
    err_t err = read_authorities(&authorities, ca_file, reason);
    mbedtls_x509_crt_free(&authorities);
    return err;
}

static void set_versions(mbedtls_ssl_config *config) {
#if TLS_IS_3
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
#endif
}

/* ChaCha20-Poly1305 first: without instructions for AES, as on many a small
 * box, and with mbedTLS's GCM it is the faster one. The server decides. */
static void set_ciphers(struct tls_trust *trust) {
    static const int first[] = {
#if TLS_IS_3
        MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#endif
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    };
    enum { FIRST = sizeof first / sizeof first[0] };
    memcpy(trust->ciphers, first, sizeof first);
    size_t count = FIRST;
    for (const int *one = mbedtls_ssl_list_ciphersuites();
         *one != 0 && count < CIPHERS_MAX; one++) {
        bool put = false;
        for (size_t i = 0; i < FIRST; i++) {
            put |= first[i] == *one;
        }
        if (!put) {
            trust->ciphers[count++] = *one;
        }
    }
    trust->ciphers[count] = 0;
    mbedtls_ssl_conf_ciphersuites(&trust->config, trust->ciphers);
}

static err_t set_up(struct tls_trust *trust, struct reason *reason) {
#if TLS_IS_3
    ENSURE(psa_crypto_init() == PSA_SUCCESS, ERR_MEMORY);
#endif
    mbedtls_ssl_config *config = &trust->config;
    int failed = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT,
                                             MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT);
    if (failed != 0) {
        return fail(reason, ERR_MEMORY, "TLS settings", failed);
    }
    set_versions(config);
    set_ciphers(trust);
    mbedtls_ssl_conf_rng(config, random_bytes, trust);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(config, &trust->authorities, NULL);
    trust->protocols[0] = "http/1.1";
    failed = mbedtls_ssl_conf_alpn_protocols(config, trust->protocols);
    if (failed != 0) {
        return fail(reason, ERR_MEMORY, "TLS settings", failed);
    }
    return ERR_OK;
}

void tls_trust_free(struct tls_trust *trust) {
    if (trust == NULL || --trust->holders > 0) {
        return;
    }
    mbedtls_ssl_config_free(&trust->config);
    mbedtls_x509_crt_free(&trust->authorities);
    mbedtls_x509_crt_free(&trust->own);
    mbedtls_pk_free(&trust->own_key);
    free(trust);
}

err_t tls_trust_read(const char *ca_file, const struct entropy *entropy,
                     struct tls_trust **ret, struct reason *reason) {
    struct tls_trust *trust = calloc(1, sizeof *trust);
    ENSURE(trust != NULL, ERR_MEMORY);
    trust->holders = 1;
    trust->entropy = entropy;
    mbedtls_ssl_config_init(&trust->config);
    mbedtls_x509_crt_init(&trust->authorities);
    mbedtls_x509_crt_init(&trust->own);
    mbedtls_pk_init(&trust->own_key);
    err_t err = set_up(trust, reason);
    if (err == ERR_OK) {
        err = read_authorities(&trust->authorities, ca_file, reason);
    }
    if (err != ERR_OK) {
        tls_trust_free(trust);
        return err;
    }
    *ret = trust;
    return ERR_OK;
}

err_t tls_context_new(const char *ca_file, const struct entropy *entropy,
                      struct tls_context **ret, struct reason *reason) {
    struct tls_context *context = calloc(1, sizeof *context);
    ENSURE(context != NULL, ERR_MEMORY);
    err_t err = tls_trust_read(ca_file, entropy, &context->trust, reason);
    if (err != ERR_OK) {
        free(context);
        return err;
    }
    *ret = context;
    return ERR_OK;
}

void tls_context_renew(struct tls_context *context, struct tls_trust *trust) {
    assert(trust->holders == 1);
    tls_trust_free(context->trust);
    context->trust = trust;
    context->reading++;
}

void tls_context_free(struct tls_context *context) {
    if (context == NULL) {
        return;
    }
    tls_trust_free(context->trust);
    free(context);
}

/* --- a certificate of our own ------------------------------------------- */

static int parse_key(struct tls_trust *trust, struct slice key) {
#if TLS_IS_3
    return mbedtls_pk_parse_key(&trust->own_key, key.data, key.len, NULL, 0,
                                random_bytes, trust);
#else
    return mbedtls_pk_parse_key(&trust->own_key, key.data, key.len, NULL, 0);
#endif
}

static int check_pair(struct tls_trust *trust) {
#if TLS_IS_3
    return mbedtls_pk_check_pair(&trust->own.pk, &trust->own_key, random_bytes,
                                 trust);
#else
    return mbedtls_pk_check_pair(&trust->own.pk, &trust->own_key);
#endif
}

err_t tls_context_identify(struct tls_context *context, struct slice cert,
                           struct slice key, struct reason *reason) {
    assert(cert.len > 0 && cert.data[cert.len - 1] == '\0');
    assert(key.len > 0 && key.data[key.len - 1] == '\0');
    struct tls_trust *trust = context->trust;
    int failed = mbedtls_x509_crt_parse(&trust->own, cert.data, cert.len);
    if (failed != 0 || trust->own.version == 0) {
        return fail(reason, ERR_CONFIG, "the certificate is not PEM", failed);
    }
    failed = parse_key(trust, key);
    if (failed == MBEDTLS_ERR_PK_PASSWORD_REQUIRED) {
        return reason_set(reason, ERR_CONFIG,
                          "the private key has a password: store it without "
                          "one, for this user alone");
    }
    if (failed != 0) {
        return fail(reason, ERR_CONFIG, "the private key is not PEM", failed);
    }
    failed = check_pair(trust);
    if (failed != 0) {
        return fail(reason, ERR_CONFIG,
                    "the private key is not that of the certificate", failed);
    }
    failed =
        mbedtls_ssl_conf_own_cert(&trust->config, &trust->own, &trust->own_key);
    if (failed != 0) {
        return fail(reason, ERR_MEMORY, "TLS settings", failed);
    }
    return ERR_OK;
}

err_t tls_memory_new(struct tls_memory **ret) {
    struct tls_memory *memory = calloc(1, sizeof *memory);
    ENSURE(memory != NULL, ERR_MEMORY);
    mbedtls_ssl_session_init(&memory->session);
    *ret = memory;
    return ERR_OK;
}

void tls_memory_free(struct tls_memory *memory) {
    if (memory == NULL) {
        return;
    }
    mbedtls_ssl_session_free(&memory->session);
    free(memory);
}

/* --- a connection ------------------------------------------------------- */

static int output_add(void *context, const unsigned char *buf, size_t len) {
    struct tls *tls = context;
    size_t room = sizeof tls->output - tls->output_len;
    if (room == 0) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    size_t taken = len < room ? len : room;
    memcpy(tls->output + tls->output_len, buf, taken);
    tls->output_len += taken;
    return (int)taken;
}

static int input_take(void *context, unsigned char *buf, size_t len) {
    struct tls *tls = context;
    if (tls->input.len == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t taken = len < tls->input.len ? len : tls->input.len;
    memcpy(buf, tls->input.data, taken);
    tls->input = slice_part(tls->input, taken, tls->input.len - taken);
    return (int)taken;
}

/* A session that cannot be offered again only costs a full handshake. One that
 * other authorities vouched for is not: it would spare the verification. */
static void offer_session(struct tls *tls) {
    tls->memory->known &= tls->memory->reading == tls->reading;
    if (tls->memory->known &&
        mbedtls_ssl_set_session(&tls->ssl, &tls->memory->session) != 0) {
        tls->memory->known = false;
    }
}

static void remember_session(struct tls *tls) {
    struct tls_memory *memory = tls->memory;
    mbedtls_ssl_session_free(&memory->session);
    mbedtls_ssl_session_init(&memory->session);
    memory->known = mbedtls_ssl_get_session(&tls->ssl, &memory->session) == 0;
    memory->reading = tls->reading;
}

/* Called for each certificate of the chain; the peer's own has depth 0. */
static int verify_address(void *context, mbedtls_x509_crt *certificate,
                          int depth, uint32_t *flags) {
    const struct tls *tls = context;
    if (depth == 0 &&
        !certificate_has_address(certificate,
                                 slice_of(tls->address, tls->address_len))) {
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    return 0;
}

/* A name goes out with the first message and is compared by mbedTLS. An address
 * must not go out (RFC 6066 section 3), and 2.28 would only compare it with
 * names. */
static int set_host(struct tls *tls, const char *host) {
    tls->address_len = certificate_address(host, tls->address);
    if (tls->address_len == 0) {
        return mbedtls_ssl_set_hostname(&tls->ssl, host);
    }
    mbedtls_ssl_set_verify(&tls->ssl, verify_address, tls);
    return mbedtls_ssl_set_hostname(&tls->ssl, NULL);
}

err_t tls_new(struct tls_context *context, struct tls_memory *memory,
              const char *host, struct tls **ret, struct reason *reason) {
    struct tls *tls = calloc(1, sizeof *tls);
    ENSURE(tls != NULL, ERR_MEMORY);
    tls->memory = memory;
    tls->context = context;
    tls->trust = context->trust;
    tls->trust->holders++;
    tls->reading = context->reading;
    mbedtls_ssl_init(&tls->ssl);
    int failed = mbedtls_ssl_setup(&tls->ssl, &tls->trust->config);
    if (failed == 0) {
        failed = set_host(tls, host);
    }
    if (failed != 0) {
        tls_free(tls);
        return fail(reason, ERR_MEMORY, "TLS set-up", failed);
    }
    mbedtls_ssl_set_bio(&tls->ssl, tls, output_add, input_take, NULL);
    offer_session(tls);
    *ret = tls;
    return ERR_OK;
}

void tls_free(struct tls *tls) {
    if (tls == NULL) {
        return;
    }
    mbedtls_ssl_free(&tls->ssl);
    tls_trust_free(tls->trust);
    free(tls);
}

bool tls_is_stale(const struct tls *tls) {
    return tls->reading != tls->context->reading;
}

void tls_feed(struct tls *tls, struct slice bytes) {
    assert(tls->input.len == 0);
    tls->input = bytes;
}

bool tls_has_input(const struct tls *tls) {
    return tls->input.len > 0 || mbedtls_ssl_check_pending(&tls->ssl) != 0;
}

struct slice tls_output(const struct tls *tls) {
    return slice_of(tls->output, tls->output_len);
}

void tls_output_taken(struct tls *tls) {
    tls->output_len = 0;
}

/* Only writing waits for room in the output. What a read or a handshake sends
 * is small, and a peer that makes it large is refused, so that fed input is
 * always read to its end. */
static bool is_wait(int code) {
#if TLS_IS_3 && defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
    if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        return true;
    }
#endif
    return code == MBEDTLS_ERR_SSL_WANT_READ;
}

/* Did the server ask for a certificate of ours? 3.6 does not tell. */
static bool was_asked(const struct tls *tls) {
#if TLS_IS_3
    (void)tls;
    return false;
#else
    return tls->ssl.client_auth != 0;
#endif
}

/* Words of ours where there are any, else mbedTLS's. */
static err_t fail_peer(const struct tls *tls, const char *doing, int code,
                       struct reason *reason) {
    if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        /* level and description (RFC 5246 section 7.2) */
        uint8_t alert = tls->ssl.PRIVATE(in_msg)[1];
        return reason_set(reason, ERR_NETWORK, "%s: %s (TLS alert %u)", doing,
                          tls_words_of_alert(alert, was_asked(tls)), alert);
    }
    const char *words = tls_words_of_code(code);
    if (words == NULL) {
        return fail(reason, ERR_NETWORK, doing, code);
    }
    return reason_set(reason, ERR_NETWORK, "%s: %s (-0x%04x)", doing, words,
                      (unsigned)-code);
}

/* mbedTLS puts each flaw on its own line; a log needs one line. What to do
 * comes first, since the flaws may be cut off. */
static err_t fail_certificate(const struct tls *tls, struct reason *reason) {
    char words[320] = "";
    uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
    mbedtls_x509_crt_verify_info(words, sizeof words, " ", flags);
    size_t len = strlen(words);
    for (size_t i = 0; i < len; i++) {
        words[i] = words[i] != '\n' ? words[i] : i + 1 < len ? ';' : '\0';
    }
    bool misnamed = (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0;
    bool other = (flags & ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0;
    return reason_set(reason, ERR_NETWORK,
                      "the server's certificate is not trusted; check %s%s%s:"
                      "%s",
                      misnamed ? "that cloud.endpoint names that server" : "",
                      misnamed && other ? ", " : "",
                      other ? "cloud.ca_file and the box's clock" : "", words);
}

err_t tls_handshake(struct tls *tls, struct reason *reason) {
    int code = mbedtls_ssl_handshake(&tls->ssl);
    while (is_wait(code) && tls->input.len > 0) {
        code = mbedtls_ssl_handshake(&tls->ssl);
    }
    if (is_wait(code)) {
        return ERR_AGAIN;
    }
    if (code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        return fail_certificate(tls, reason);
    }
    if (code != 0) {
        return fail_peer(tls, "TLS handshake", code, reason);
    }
    remember_session(tls);
    return ERR_OK;
}

err_t tls_write(struct tls *tls, struct slice bytes, size_t *ret_taken,
                struct reason *reason) {
    size_t len = bytes.len < WRITE_MAX ? bytes.len : WRITE_MAX;
    int code = mbedtls_ssl_write(&tls->ssl, bytes.data, len);
    if (is_wait(code) || code == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return ERR_AGAIN;
    }
    if (code < 0) {
        return fail_peer(tls, "TLS write", code, reason);
    }
    *ret_taken = (size_t)code;
    return ERR_OK;
}

err_t tls_read(struct tls *tls, void *buf, size_t cap, size_t *ret_len,
               struct reason *reason) {
    int code = mbedtls_ssl_read(&tls->ssl, buf, cap);
    while (is_wait(code) && tls->input.len > 0) {
        code = mbedtls_ssl_read(&tls->ssl, buf, cap);
    }
    if (is_wait(code)) {
        return ERR_AGAIN;
    }
    if (code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        return ERR_END;
    }
    if (code < 0) {
        return fail_peer(tls, "TLS read", code, reason);
    }
    *ret_len = (size_t)code;
    return ERR_OK;
}
