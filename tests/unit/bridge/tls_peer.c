/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <cmocka.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

enum { PEER_BUFFER = 64 * 1024, PEM_MAX = 4096 };

struct tls_peer_identity {
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate;
    mbedtls_ssl_config config;
    char pem[PEM_MAX];
};

struct tls_peer {
    mbedtls_ssl_context ssl;
    uint8_t input[PEER_BUFFER];
    size_t input_len;
    uint8_t output[PEER_BUFFER];
    size_t output_len;
};

static int random_bytes(void *context, unsigned char *buf, size_t len) {
    (void)context;
    return getrandom(buf, len, 0) == (ssize_t)len ? 0 : -1;
}

/* --- the identity ------------------------------------------------------- */

static void make_key(mbedtls_pk_context *key) {
    mbedtls_pk_init(key);
    const mbedtls_pk_info_t *kind = mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY);
    assert_int_equal(mbedtls_pk_setup(key, kind), 0);
    assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1,
                                         mbedtls_pk_ec(*key), random_bytes,
                                         NULL),
                     0);
}

static void make_certificate(struct tls_peer_identity *identity,
                             const char *name, const char *until,
                             struct slice also) {
    char subject[128];
    snprintf(subject, sizeof subject, "CN=%s", name);
    mbedtls_x509write_cert draft;
    mbedtls_x509write_crt_init(&draft);
    mbedtls_x509write_crt_set_version(&draft, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&draft, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&draft, &identity->key);
    mbedtls_x509write_crt_set_issuer_key(&draft, &identity->key);
    mbedtls_mpi serial;
    mbedtls_mpi_init(&serial);
    assert_int_equal(mbedtls_mpi_lset(&serial, 1), 0);
    assert_int_equal(mbedtls_x509write_crt_set_serial(&draft, &serial), 0);
    assert_int_equal(mbedtls_x509write_crt_set_subject_name(&draft, subject),
                     0);
    assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&draft, subject), 0);
    assert_int_equal(
        mbedtls_x509write_crt_set_validity(&draft, "20200101000000", until), 0);
    if (also.len > 0) {
        assert_int_equal(mbedtls_x509write_crt_set_extension(
                             &draft, MBEDTLS_OID_SUBJECT_ALT_NAME,
                             MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0,
                             also.data, also.len),
                         0);
    }
    assert_int_equal(
        mbedtls_x509write_crt_pem(&draft, (unsigned char *)identity->pem,
                                  sizeof identity->pem, random_bytes, NULL),
        0);
    mbedtls_mpi_free(&serial);
    mbedtls_x509write_crt_free(&draft);
}

struct tls_peer_identity *tls_peer_identity_new(const char *name,
                                                const char *until) {
    return tls_peer_identity_also(name, until, SLICE(""));
}

struct tls_peer_identity *tls_peer_identity_also(const char *name,
                                                 const char *until,
                                                 struct slice also) {
    struct tls_peer_identity *identity = calloc(1, sizeof *identity);
    assert_non_null(identity);
    make_key(&identity->key);
    make_certificate(identity, name, until, also);
    mbedtls_x509_crt_init(&identity->certificate);
    assert_int_equal(mbedtls_x509_crt_parse(&identity->certificate,
                                            (unsigned char *)identity->pem,
                                            strlen(identity->pem) + 1),
                     0);
    mbedtls_ssl_config *config = &identity->config;
    mbedtls_ssl_config_init(config);
    assert_int_equal(mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(config, random_bytes, NULL);
    assert_int_equal(mbedtls_ssl_conf_own_cert(config, &identity->certificate,
                                               &identity->key),
                     0);
    return identity;
}

void tls_peer_identity_free(struct tls_peer_identity *identity) {
    mbedtls_ssl_config_free(&identity->config);
    mbedtls_x509_crt_free(&identity->certificate);
    mbedtls_pk_free(&identity->key);
    free(identity);
}

void tls_peer_identity_write(const struct tls_peer_identity *identity,
                             const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(identity->pem, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* --- a connection ------------------------------------------------------- */

static int output_add(void *context, const unsigned char *buf, size_t len) {
    struct tls_peer *peer = context;
    assert_true(len <= sizeof peer->output - peer->output_len);
    memcpy(peer->output + peer->output_len, buf, len);
    peer->output_len += len;
    return (int)len;
}

static int input_take(void *context, unsigned char *buf, size_t len) {
    struct tls_peer *peer = context;
    if (peer->input_len == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t taken = len < peer->input_len ? len : peer->input_len;
    memcpy(buf, peer->input, taken);
    peer->input_len -= taken;
    memmove(peer->input, peer->input + taken, peer->input_len);
    return (int)taken;
}

struct tls_peer *tls_peer_new(struct tls_peer_identity *identity) {
    struct tls_peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    mbedtls_ssl_init(&peer->ssl);
    assert_int_equal(mbedtls_ssl_setup(&peer->ssl, &identity->config), 0);
    mbedtls_ssl_set_bio(&peer->ssl, peer, output_add, input_take, NULL);
    return peer;
}

void tls_peer_free(struct tls_peer *peer) {
    mbedtls_ssl_free(&peer->ssl);
    free(peer);
}

void tls_peer_feed(struct tls_peer *peer, struct slice bytes) {
    assert_true(bytes.len <= sizeof peer->input - peer->input_len);
    memcpy(peer->input + peer->input_len, bytes.data, bytes.len);
    peer->input_len += bytes.len;
}

bool tls_peer_handshake(struct tls_peer *peer) {
    return mbedtls_ssl_handshake(&peer->ssl) == 0;
}

int tls_peer_read(struct tls_peer *peer, void *buf, size_t cap) {
    int code = mbedtls_ssl_read(&peer->ssl, buf, cap);
    if (code == MBEDTLS_ERR_SSL_WANT_READ) {
        return 0;
    }
    return code == 0 ? -1 : code;
}

void tls_peer_write(struct tls_peer *peer, const char *text) {
    assert_int_equal(mbedtls_ssl_write(&peer->ssl, (const unsigned char *)text,
                                       strlen(text)),
                     (int)strlen(text));
}

struct slice tls_peer_output(const struct tls_peer *peer) {
    return slice_of(peer->output, peer->output_len);
}

void tls_peer_output_taken(struct tls_peer *peer) {
    peer->output_len = 0;
}
