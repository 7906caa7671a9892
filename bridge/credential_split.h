/* SPDX-License-Identifier: Apache-2.0 */
/* A command line in words, as a POSIX shell would split it, and no more: quotes
 * and backslashes, but no variables, no globs, no second command. The AWS
 * command line reads credential_process and [profile "a name"] so. */
#ifndef BRIDGE_CREDENTIAL_SPLIT_H
#define BRIDGE_CREDENTIAL_SPLIT_H

#include "gateway/base/base.h"

enum { SPLIT_WORDS_MAX = 64 };

struct split {
    char *words[SPLIT_WORDS_MAX + 1]; /* NULL ends them */
    size_t count;
};

/* The words are kept in `memory`, of at least text.len + 1 bytes. ERR_PARSE if
 * a quote stays open, the text ends in a backslash or has a NUL; ERR_FULL if
 * there are too many. */
err_t split_words(struct slice text, char *memory, struct split *ret) MUST_USE;

#endif
