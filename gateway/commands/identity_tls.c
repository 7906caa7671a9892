/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/commands/identity_tls.h"

#include <assert.h>
#include <stdlib.h>

static void free_bytes(uint8_t **bytes) {
    free(*bytes);
}

static bool is_in_set(const char *data, const char *name) {
    CLEANUP(free_bytes) uint8_t *bytes = NULL;
    size_t len = 0;
    struct reason ignored;
    return identity_set_read(data, name, &bytes, &len, &ignored) == ERR_OK;
}

/* True if the set has another one, or none. */
static bool add(const char *data, const char *name, struct slice bytes,
                struct identity_tls *tls) {
    CLEANUP(free_bytes) uint8_t *old = NULL;
    size_t len = 0;
    struct reason ignored;
    err_t err = identity_set_read(data, name, &old, &len, &ignored);
    if (err == ERR_OK ? slice_eq(slice_of(old, len), bytes) : bytes.len == 0) {
        return false;
    }
    assert(tls->count < IDENTITY_TLS_FILES);
    tls->files[tls->count++] = (struct identity_file){name, bytes};
    return true;
}

static bool withdraws(const char *data, struct slice new) {
    CLEANUP(free_bytes) uint8_t *old = NULL;
    size_t len = 0;
    struct reason ignored;
    return identity_set_read(data, "ca.pem", &old, &len, &ignored) == ERR_OK &&
           tls_withdraws(slice_of(old, len), new);
}

/* What the list says that is in force; false if there is none. */
static bool knows_list(const char *data, struct tls_facts *facts) {
    assert(data[0] != '\0');
    CLEANUP(free_bytes) uint8_t *bytes = NULL;
    CLEANUP(revoked_free) struct revoked revoked = {0};
    size_t len = 0;
    struct reason ignored;
    if (identity_set_read(data, "revoked", &bytes, &len, &ignored) != ERR_OK) {
        return false;
    }
    if (revoked_read(slice_of(bytes, len), &revoked, &ignored) == ERR_OK) {
        facts->crl_ends_us = revoked.expires_us;
        facts->revoked_count = revoked.count;
    }
    return true;
}

/* A list that cannot be read changes nothing of one that could. */
static err_t add_revoked(const char *data, struct identity_tls *tls) {
    size_t len;
    if (tls->crl_unusable.text[0] != '\0' && knows_list(data, &tls->facts)) {
        return ERR_OK;
    }
    TRY(revoked_write(&tls->read.revoked, &tls->revoked, &len));
    (void)add(data, "revoked", slice_of(tls->revoked, len), tls);
    return ERR_OK;
}

static err_t add_all(const char *data, struct identity_tls *tls) {
    const struct tls_files *read = &tls->read;
    bool certificate =
        add(data, "server.pem", octets_slice(&read->certificate), tls);
    bool key = add(data, "server.key", octets_slice(&read->key), tls);
    bool ca = add(data, "ca.pem", octets_slice(&read->ca), tls);
    tls->server_changed = certificate || key || ca;
    tls->withdrawn = ca && withdraws(data, octets_slice(&read->ca));
    tls->in_set = true;
    return add_revoked(data, tls);
}

void identity_tls_read(const struct config *config, int64_t now_us,
                       struct identity_tls *ret) {
    const char *data = config->data;
    assert(ret->count == 0 && ret->revoked == NULL);
    if (!config_broker_has_tls(&config->broker)) {
        return;
    }
    if (tls_files_read(&config->broker, data, now_us, &ret->read,
                       &ret->unusable) != ERR_OK) {
        ret->in_set =
            is_in_set(data, "server.pem") && is_in_set(data, "server.key");
        return;
    }
    ret->unusable = (struct reason){""};
    ret->known = true;
    ret->facts = ret->read.facts;
    ret->crl_unusable = ret->read.crl_unusable;
    if (add_all(data, ret) != ERR_OK) {
        (void)reason_set(&ret->unusable, ERR_MEMORY, "no memory");
    }
}

void identity_tls_free(struct identity_tls *tls) {
    tls_files_free(&tls->read);
    tls->read = (struct tls_files){.crl_unusable = {""}};
    free(tls->revoked);
    tls->revoked = NULL;
    tls->count = 0;
}
