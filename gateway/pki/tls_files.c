/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pki/tls_files.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/x509.h>

#include "gateway/pki/authority.h"
#include "gateway/pki/crl.h"
#include "gateway/pki/plain_file.h"
#include "gateway/pki/when.h"

enum {
    CERTIFICATE_BYTES_MAX = 256 * 1024,
    CA_BYTES_MAX = 2 * 1024 * 1024, /* all CAs that Debian has: 0.2 MiB */
    CRL_BYTES_MAX = 32 * 1024 * 1024,
    TRIES = 3, /* when a command replaces the files meanwhile */
};

void tls_files_free(struct tls_files *files) {
    if (files == NULL) {
        return;
    }
    octets_free(&files->certificate);
    octets_free(&files->key);
    octets_free(&files->ca);
    revoked_free(&files->revoked);
}

/* --- The revocation list ---------------------------------------------------
 */

static bool is_ours(const char *path, const char *data, const char *name) {
    char ours[CONFIG_PATH_MAX + 32];
    snprintf(ours, sizeof ours, "%s/pki/%s", data, name);
    return strcmp(path, ours) == 0;
}

/* A company's CA may have no list: then the default path names none. */
static bool may_be_missing(const struct config_broker_tls *tls,
                           const char *data) {
    return is_ours(tls->crl_file, data, "crl.pem") &&
           !is_ours(tls->ca_file, data, "ca.pem");
}

static err_t read_crl(const struct config_broker_tls *tls, const char *data,
                      const tls_stack *authorities, struct tls_files *files,
                      struct reason *reason) {
    const struct plain_file file = {"tls.crl_file", tls->crl_file,
                                    CRL_BYTES_MAX, false};
    CLEANUP(octets_free) struct octets bytes = {NULL, 0};
    struct reason why;
    err_t err = plain_file_read(&file, &bytes, reason);
    if (err == ERR_NOT_FOUND && may_be_missing(tls, data)) {
        files->revoked = (struct revoked){.expires_us = WHEN_NEVER};
        return ERR_OK;
    }
    TRY(err);
    err = crl_read(octets_slice(&bytes), authorities, &files->revoked,
                   &files->facts.crl_count, &why);
    return err == ERR_OK
               ? err
               : reason_set(reason, err, "tls.crl_file: %s", why.text);
}

static void take_crl(const struct config_broker_tls *tls, const char *data,
                     const tls_stack *authorities, struct tls_files *files) {
    struct reason why = {""};
    err_t err = read_crl(tls, data, authorities, files, &why);
    if (err != ERR_OK && why.text[0] == '\0') {
        (void)reason_set(&why, err, "tls.crl_file: %s", err_name(err));
    }
    files->crl_unusable = err == ERR_OK ? (struct reason){""} : why;
    files->revoked.refuse_expired = tls->crl_expired == CONFIG_CRL_REFUSE;
    files->facts.crl_ends_us = files->revoked.expires_us;
    files->facts.revoked_count = files->revoked.count;
}

/* --- Our own CA's index ----------------------------------------------------
 */

/* If devices come by it. It is only looked at: whatever is wrong there is said
 * by `pki list`. */
static void take_index(const char *data, const tls_stack *authorities,
                       int64_t now_us, struct tls_facts *facts) {
    char dir[CONFIG_PATH_MAX + 8];
    struct issued issued = {0};
    CLEANUP(certificate_free) X509 *ca = NULL;
    const struct platform platform = platform_real();
    snprintf(dir, sizeof dir, "%s/pki", data);
    if (authority_look(&platform.disk, dir, &issued, &ca, NULL) != ERR_OK) {
        return;
    }
    const struct issued_entry *entry = issued_nearest(
        &issued, now_us + TLS_WARN_DAYS * WHEN_DAY_US, &facts->devices_ending);
    if (!tls_stack_holds(authorities, ca)) {
        facts->devices_ending = 0;
    } else if (entry != NULL) {
        snprintf(facts->device, sizeof facts->device, "%s", entry->name);
        facts->device_ends_us = entry->not_after_us;
    }
    issued_free(&issued);
}

/* --- All of it -------------------------------------------------------------
 */

static err_t read_files(const struct config_broker *broker,
                        struct tls_files *files, struct reason *reason) {
    const struct config_broker_tls *tls = &broker->tls;
    const struct plain_file certificate = {"tls.cert_file", tls->cert_file,
                                           CERTIFICATE_BYTES_MAX, false};
    const struct plain_file key = {"tls.key_file", tls->key_file,
                                   CERTIFICATE_BYTES_MAX, true};
    const struct plain_file ca = {"tls.ca_file", tls->ca_file, CA_BYTES_MAX,
                                  false};
    TRY(plain_file_read(&certificate, &files->certificate, reason));
    TRY(plain_file_read(&key, &files->key, reason));
    return config_broker_has_certificates(broker)
               ? plain_file_read(&ca, &files->ca, reason)
               : ERR_OK;
}

static err_t check_all(const struct config_broker *broker, const char *data,
                       int64_t now_us, struct tls_files *files,
                       struct reason *reason) {
    CLEANUP(tls_stack_free) tls_stack *authorities = NULL;
    const struct tls_texts texts = {
        .certificate = octets_slice(&files->certificate),
        .key = octets_slice(&files->key),
        .ca = octets_slice(&files->ca),
    };
    TRY(tls_check(&texts, now_us, &files->facts, &authorities, reason));
    if (authorities == NULL) {
        files->revoked = (struct revoked){.expires_us = WHEN_NEVER};
        return ERR_OK;
    }
    take_crl(&broker->tls, data, authorities, files);
    take_index(data, authorities, now_us, &files->facts);
    return ERR_OK;
}

static err_t read_once(const struct config_broker *broker, const char *data,
                       int64_t now_us, struct tls_files *ret,
                       struct reason *reason) {
    *ret = (struct tls_files){.crl_unusable = {""}};
    (void)reason_set(reason, ERR_MEMORY, "no memory for the files of tls");
    err_t err = read_files(broker, ret, reason);
    if (err == ERR_OK) {
        err = check_all(broker, data, now_us, ret, reason);
    }
    if (err != ERR_OK) {
        tls_files_free(ret);
    }
    return err;
}

err_t tls_files_read(const struct config_broker *broker, const char *data,
                     int64_t now_us, struct tls_files *ret,
                     struct reason *reason) {
    struct tls_files files;
    assert(data[0] != '\0');
    err_t err = ERR_REFUSED;
    /* A key of before and a certificate of after, if read in between. */
    for (int i = 0; err == ERR_REFUSED && i < TRIES; i++) {
        err = read_once(broker, data, now_us, &files, reason);
    }
    TRY(err);
    *ret = files;
    return ERR_OK;
}
