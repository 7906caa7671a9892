/* SPDX-License-Identifier: Apache-2.0 */
/* How a device proves who it is, and by whom it knows its broker: TLS, a
 * certificate with its key, a user name with its password.
 *
 * The files are read again at each connection, so that a renewed certificate is
 * used from the next one on. The password comes from a file, never from a
 * command line. Files that hold a secret must be the owner's alone. */
#ifndef DEVICES_CLIENT_CREDENTIALS_H
#define DEVICES_CLIENT_CREDENTIALS_H

#include "gateway/base/bytes.h"

enum {
    CREDENTIALS_PATH_SIZE = 256,
    CREDENTIALS_USER_SIZE = 65,
    CREDENTIALS_PASSWORD_SIZE = 257,
};

/* Zeroed: plain TCP, no name. */
struct credentials {
    bool tls;
    char ca[CREDENTIALS_PATH_SIZE];   /* "" = the system's authorities */
    char cert[CREDENTIALS_PATH_SIZE]; /* "" = none */
    char key[CREDENTIALS_PATH_SIZE];  /* of the certificate */
    char user[CREDENTIALS_USER_SIZE]; /* "" = none */
    char password[CREDENTIALS_PASSWORD_SIZE];
};

/* Reads the password: the file's first line. ERR_IO; ERR_REFUSED: others may
 * read the file, or it is no password; the reason says what to do. */
err_t credentials_read_password(struct credentials *credentials,
                                const char *path,
                                struct reason *reason) MUST_USE;

/* Looks at the files before the first connection: the authorities', the
 * certificate, its key, and whether these two belong together. ERR_IO,
 * ERR_REFUSED, with what to do. A certificate that is out of date is no error
 * here: it may be this machine's clock, and the broker decides. */
err_t credentials_check(const struct credentials *credentials,
                        struct reason *reason) MUST_USE;

/* If the certificate is out of date by this machine's clock: ERR_RANGE, and the
 * reason says since or until when. ERR_OK if it is not, or cannot be read. */
err_t credentials_check_dates(const struct credentials *credentials,
                              struct reason *reason) MUST_USE;

/* For OpenSSL: an encrypted key has no password here. (It would ask for one on
 * the terminal.) */
int credentials_no_password(char *buf, int size, int writing, void *self);

/* Overwrites the password. */
void credentials_wipe(struct credentials *credentials);

#endif
