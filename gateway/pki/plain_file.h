/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a file that a person has named in the configuration: it may be anything
 * (missing, a folder, a pipe that never ends, huge), and the reason says what
 * to do about it. */
#ifndef GATEWAY_PKI_PLAIN_FILE_H
#define GATEWAY_PKI_PLAIN_FILE_H

#include "gateway/pki/octets.h"

struct plain_file {
    const char *key; /* "tls.cert_file", for the reason */
    const char *path;
    size_t bytes_max;
    bool is_private; /* refused if everybody can read or write it */
};

/* Never waits for a writer. If the file is in a CA's folder with a change that
 * was cut short (store.h), it is as that has it. ERR_NOT_FOUND, ERR_REFUSED
 * (permissions), ERR_RANGE (no file, empty or too large), ERR_IO, ERR_MEMORY.
 */
err_t plain_file_read(const struct plain_file *file, struct octets *ret,
                      struct reason *reason) MUST_USE;

#endif
