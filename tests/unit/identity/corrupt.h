/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the text files share: texts that must be refused, and
 * where.
 */
#ifndef TESTS_UNIT_IDENTITY_CORRUPT_H
#define TESTS_UNIT_IDENTITY_CORRUPT_H

#include "gateway/base/base.h"

struct corrupt_case {
    const char *old; /* in the whole text, once */
    const char *now; /* what stands there instead */
    int line;        /* that the reason names */
    const char *says;
};

/* Reads `text`; if it is accepted, writes what was read and gives it, else
 * returns the error with its reason. The caller frees `*ret`. */
typedef err_t (*corrupt_again)(struct slice text, char **ret, size_t *ret_len,
                               struct reason *reason);

/* Each case is refused with its line and words; and each text that differs in
 * one byte, is cut, or has a line twice or not at all, is either refused or
 * written again just as it was read. */
void corrupt_check(corrupt_again again, const char *file, const char *whole,
                   const struct corrupt_case *cases, size_t count);

#endif
