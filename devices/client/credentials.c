/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/client/credentials.h"

#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "gateway/base/disk.h"

enum { MODE_OTHERS = 077, MODE_ALL = 07777, DATE_SIZE = 32 };

static void file_close(FILE **file) {
    if (*file != NULL) {
        fclose(*file);
    }
}

static void certificate_free(X509 **certificate) {
    X509_free(*certificate);
}

static void key_free(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
}

static err_t open_file(const char *path, FILE **ret, struct reason *reason) {
    FILE *file = fopen(path, "re");
    ENSURE(file != NULL, disk_failed(reason, ERR_IO, "read", path));
    *ret = file;
    return ERR_OK;
}

/* As open_file(), for what nobody else may read. */
static err_t open_secret(const char *path, FILE **ret, struct reason *reason) {
    FILE *file CLEANUP(file_close) = NULL;
    struct stat status;
    TRY(open_file(path, &file, reason));
    ENSURE(fstat(fileno(file), &status) == 0,
           disk_failed(reason, ERR_IO, "look at", path));
    if (status.st_mode & MODE_OTHERS) {
        return reason_set(reason, ERR_REFUSED,
                          "%s holds a secret and others may use it (mode %04o)"
                          ": chmod 600 %s",
                          path, (unsigned)(status.st_mode & MODE_ALL), path);
    }
    *ret = file;
    file = NULL;
    return ERR_OK;
}

err_t credentials_read_password(struct credentials *credentials,
                                const char *path, struct reason *reason) {
    FILE *file CLEANUP(file_close) = NULL;
    char line[CREDENTIALS_PASSWORD_SIZE + 1]; /* and its end of line */
    TRY(open_secret(path, &file, reason));
    setvbuf(file, NULL, _IONBF, 0); /* leaves no copy behind */
    size_t len = fread(line, 1, sizeof line, file);
    ENSURE(!ferror(file), disk_failed(reason, ERR_IO, "read", path));
    const char *end = memchr(line, '\n', len);
    size_t chars = end == NULL ? len : (size_t)(end - line);
    chars -= chars > 0 && line[chars - 1] == '\r';
    err_t err = ERR_REFUSED;
    if (chars > 0 && chars < CREDENTIALS_PASSWORD_SIZE) {
        err = slice_to_str(slice_of(line, chars), credentials->password,
                           sizeof credentials->password);
    }
    explicit_bzero(line, sizeof line);
    if (err != ERR_OK) {
        return reason_set(reason, ERR_REFUSED,
                          "%s: expected a password of 1 to %d bytes in its "
                          "first line",
                          path, CREDENTIALS_PASSWORD_SIZE - 1);
    }
    return ERR_OK;
}

static err_t read_certificate(const char *path, X509 **ret,
                              struct reason *reason) {
    FILE *file CLEANUP(file_close) = NULL;
    TRY(open_file(path, &file, reason));
    *ret = PEM_read_X509(file, NULL, NULL, NULL);
    if (*ret == NULL) {
        return reason_set(reason, ERR_REFUSED,
                          "%s: expected a certificate in PEM (-----BEGIN "
                          "CERTIFICATE-----)",
                          path);
    }
    return ERR_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
int credentials_no_password(char *buf, int size, int writing, void *self) {
    (void)buf;
    (void)size;
    (void)writing;
    (void)self;
    return 0;
}

static err_t read_key(const char *path, EVP_PKEY **ret, struct reason *reason) {
    FILE *file CLEANUP(file_close) = NULL;
    TRY(open_secret(path, &file, reason));
    *ret = PEM_read_PrivateKey(file, NULL, credentials_no_password, NULL);
    if (*ret == NULL) {
        return reason_set(reason, ERR_REFUSED,
                          "%s: expected a private key in PEM, not encrypted",
                          path);
    }
    return ERR_OK;
}

static err_t check_pair(const struct credentials *credentials,
                        struct reason *reason) {
    X509 *certificate CLEANUP(certificate_free) = NULL;
    EVP_PKEY *key CLEANUP(key_free) = NULL;
    TRY(read_certificate(credentials->cert, &certificate, reason));
    TRY(read_key(credentials->key, &key, reason));
    if (X509_check_private_key(certificate, key) != 1) {
        return reason_set(reason, ERR_REFUSED,
                          "%s is not the key of the certificate %s",
                          credentials->key, credentials->cert);
    }
    return ERR_OK;
}

err_t credentials_check(const struct credentials *credentials,
                        struct reason *reason) {
    assert(credentials->tls || credentials->cert[0] == '\0');
    if (credentials->ca[0] != '\0') {
        X509 *authority CLEANUP(certificate_free) = NULL;
        TRY(read_certificate(credentials->ca, &authority, reason));
    }
    return credentials->cert[0] == '\0' ? ERR_OK
                                        : check_pair(credentials, reason);
}

static void date_format(const ASN1_TIME *time, char ret[DATE_SIZE]) {
    struct tm parts = {0};
    if (ASN1_TIME_to_tm(time, &parts) != 1 ||
        strftime(ret, DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
        snprintf(ret, DATE_SIZE, "an unreadable date");
    }
}

err_t credentials_check_dates(const struct credentials *credentials,
                              struct reason *reason) {
    X509 *certificate CLEANUP(certificate_free) = NULL;
    char date[DATE_SIZE];
    if (credentials->cert[0] == '\0' ||
        read_certificate(credentials->cert, &certificate, NULL) != ERR_OK) {
        return ERR_OK;
    }
    const ASN1_TIME *begins = X509_get0_notBefore(certificate);
    const ASN1_TIME *ends = X509_get0_notAfter(certificate);
    bool over = X509_cmp_current_time(ends) < 0;
    if (!over && X509_cmp_current_time(begins) <= 0) {
        return ERR_OK;
    }
    date_format(over ? ends : begins, date);
    return reason_set(reason, ERR_RANGE,
                      over ? "the certificate %s expired on %s: renew it"
                           : "the certificate %s is not valid before %s: is "
                             "the clock set?",
                      credentials->cert, date);
}

void credentials_wipe(struct credentials *credentials) {
    explicit_bzero(credentials->password, sizeof credentials->password);
}
