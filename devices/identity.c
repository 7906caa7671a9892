/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/identity.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

static err_t copy(const char *text, const char *option, char *ret, size_t size,
                  struct reason *reason) {
    int len = snprintf(ret, size, "%s", text == NULL ? "" : text);
    if (len < 0 || (size_t)len >= size) {
        return reason_set(reason, ERR_REFUSED, "%s: at most %zu bytes", option,
                          size - 1);
    }
    return ERR_OK;
}

static err_t file_of(const struct options *options, const char *name,
                     const char *ending, char ret[CREDENTIALS_PATH_SIZE],
                     struct reason *reason) {
    int len = snprintf(ret, CREDENTIALS_PATH_SIZE, "%s/%s.%s",
                       options->identity, name, ending);
    if (len < 0 || len >= CREDENTIALS_PATH_SIZE) {
        return reason_set(reason, ERR_REFUSED,
                          "--identity: a path of at most %d bytes",
                          CREDENTIALS_PATH_SIZE - 1);
    }
    return ERR_OK;
}

/* Its own files, from the folder. */
static err_t identity_own(const struct options *options, const char *name,
                          struct credentials *ret, struct reason *reason) {
    char password[CREDENTIALS_PATH_SIZE];
    TRY(file_of(options, name, "pem", ret->cert, reason));
    TRY(file_of(options, name, "key", ret->key, reason));
    TRY(file_of(options, name, "password", password, reason));
    if (options->tls && access(ret->cert, F_OK) == 0) {
        return ERR_OK;
    }
    if (access(password, F_OK) != 0) {
        return reason_set(
            reason, ERR_REFUSED, "%s has no identity: no file %s, %s%s", name,
            password, options->tls ? "nor " : "and for ",
            options->tls ? ret->cert : "a certificate --tls is needed");
    }
    ret->cert[0] = ret->key[0] = '\0';
    TRY(copy(name, "a user name", ret->user, sizeof ret->user, reason));
    return credentials_read_password(ret, password, reason);
}

/* What the command line gives to all. */
static err_t identity_shared(const struct options *options,
                             struct credentials *ret, struct reason *reason) {
    TRY(copy(options->cert, "--cert", ret->cert, sizeof ret->cert, reason));
    TRY(copy(options->key, "--key", ret->key, sizeof ret->key, reason));
    TRY(copy(options->user, "--user", ret->user, sizeof ret->user, reason));
    return options->user == NULL
               ? ERR_OK
               : credentials_read_password(ret, options->password_file, reason);
}

err_t identity_of(const struct options *options, const char *name,
                  struct credentials *ret, struct reason *reason) {
    assert(options->user == NULL || options->password_file != NULL);
    *ret = (struct credentials){.tls = options->tls};
    TRY(copy(options->ca, "--ca", ret->ca, sizeof ret->ca, reason));
    TRY(options->identity == NULL ? identity_shared(options, ret, reason)
                                  : identity_own(options, name, ret, reason));
    return credentials_check(ret, reason);
}
