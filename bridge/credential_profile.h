/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile of AWS's shared files gives: keys, or a command that prints
 * them. `credentials` has sections [NAME], `config` has [profile NAME] and
 * [default]; keys of `credentials` come first, then a credential_process of
 * either, then keys of `config`. Pure, over texts that were read before. */
#ifndef BRIDGE_CREDENTIAL_PROFILE_H
#define BRIDGE_CREDENTIAL_PROFILE_H

#include "bridge/credentials.h"

/* One of the files; `text` is written over. Without a file: NULL and 0. */
struct profile_file {
    const char *path; /* for the words */
    uint8_t *text;
    size_t len;
};

struct profile_files {
    struct profile_file credentials;
    struct profile_file config;
};

/* Finds the profile `name`. With ERR_OK, either `ret` has its keys or
 * `ret_process`, a part of a text, is not empty; `ret_path` names the file that
 * has them. ERR_NOT_FOUND: it is in
 * neither file, or has neither; ERR_PARSE: a file is not INI; ERR_CONFIG: a key
 * is missing, given twice, or none; ERR_UNSUPPORTED: it has its keys from a
 * role, from single sign-on or from the web. `reason` names file and line. */
err_t profile_find(const struct profile_files *files, const char *name,
                   struct credentials *ret, struct slice *ret_process,
                   const char **ret_path, struct reason *reason) MUST_USE;

#endif
