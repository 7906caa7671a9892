/* SPDX-License-Identifier: Apache-2.0 */
/* Where a device's password comes from: made here, or asked for on the
 * terminal, read from a file or from standard input. Never from an argument or
 * the environment, which others can read. What goes on is its hash. */
#ifndef GATEWAY_COMMANDS_DEVICE_PASSWORD_H
#define GATEWAY_COMMANDS_DEVICE_PASSWORD_H

#include "gateway/identity/password.h"

/* One of them at most; none: it is made. */
struct device_password_source {
    bool ask;
    bool from_stdin;
    const char *file; /* its first and only line; NULL = not from one */
};

struct device_password {
    char made[PASSWORD_MADE_BYTES]; /* to be shown once; "" = chosen */
    char hash[ACCOUNT_HASH_MAX];
};

/* ERR_RANGE: the password is none that may be chosen; ERR_IO, ERR_NOT_FOUND: it
 * cannot be read; the reason says what to do. */
err_t device_password(const struct device_password_source *source,
                      struct device_password *ret,
                      struct reason *reason) MUST_USE;

/* The same as it is, for what has to be locked with it. `*ret_made`: made here,
 * and to be shown once. The caller wipes it. */
err_t device_password_read(const struct device_password_source *source,
                           char ret[static PASSWORD_BYTES_MAX + 1],
                           bool *ret_made, struct reason *reason) MUST_USE;

/* One line with the echo off. ERR_NOT_FOUND without a terminal. */
err_t device_password_ask(const char *prompt, char *ret, size_t ret_size,
                          struct reason *reason) MUST_USE;

#endif
