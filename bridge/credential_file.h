/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of the machine that others write: keys, tokens, certificates. */
#ifndef BRIDGE_CREDENTIAL_FILE_H
#define BRIDGE_CREDENTIAL_FILE_H

#include "gateway/base/base.h"

struct credential_file {
    uint8_t *text; /* a NUL stands behind it; NULL: not read */
    size_t len;
    bool others_may; /* read it: users who are neither its owner nor in its
                        group */
};

/* Reads a regular file of at most `max` bytes (never waiting for the other end
 * of a pipe). ERR_NOT_FOUND, ERR_IO, ERR_RANGE, ERR_MEMORY; `reason` says which
 * file and what to do. It may wait for a disk: never call it on a loop. */
err_t credential_file_read(const char *path, size_t max,
                           struct credential_file *ret,
                           struct reason *reason) MUST_USE;
/* Overwrites it, then frees it. */
void credential_file_free(struct credential_file *file);

#endif
