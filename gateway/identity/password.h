/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords, kept as Mosquitto 2 keeps them: "$7$ITERATIONS$SALT$HASH", both in
 * base64, PBKDF2 with HMAC-SHA-512 (RFC 8018), 64 bytes. So a file of them can
 * be moved to and from mosquitto_passwd. */
#ifndef GATEWAY_IDENTITY_PASSWORD_H
#define GATEWAY_IDENTITY_PASSWORD_H

#include "gateway/identity/account.h"

enum {
    PASSWORD_MADE_BYTES =
        27, /* with its NUL: 26 letters and digits, 128 bits */
    PASSWORD_CHOSEN_MIN = 12,
    PASSWORD_BYTES_MAX = 256,
    /* A made one has 128 bits: nothing is gained by slow hashing. */
    PASSWORD_ITERATIONS_MADE = 101,
    PASSWORD_ITERATIONS_CHOSEN = 1000,
    PASSWORD_ITERATIONS_MAX = 1000000, /* of what is read */
};

/* A new password of 128 random bits, easy to type (base32 without look-alikes).
 */
void password_make(const struct entropy *entropy,
                   char ret[static PASSWORD_MADE_BYTES]);
/* May a person choose this one? ERR_RANGE: too short, too long, or bytes that
 * are no text; the reason says so. */
err_t password_check_chosen(struct slice password,
                            struct reason *reason) MUST_USE;
/* ERR_IO if the library fails. */
err_t password_hash(const struct entropy *entropy, struct slice password,
                    uint32_t iterations,
                    char ret[static ACCOUNT_HASH_MAX]) MUST_USE;
/* Is `hash` in the form above? Checked before it is kept. */
bool password_hash_is_valid(struct slice hash);
/* Takes the same time whatever differs. */
bool password_matches(const char *hash, struct slice password);

#endif
