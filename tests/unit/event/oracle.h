/* SPDX-License-Identifier: Apache-2.0 */
/* jansson behind a door of its own: its header and ours use some names for
 * different things. */
#ifndef TESTS_UNIT_EVENT_ORACLE_H
#define TESTS_UNIT_EVENT_ORACLE_H

#include "gateway/base/bytes.h"

struct oracle_error {
    char text[160];
    /* It is a limit of jansson's: a number too large for it, or a NUL in a
     * key. */
    bool is_limit;
};

bool oracle_accepts(struct slice text, struct oracle_error *ret);
/* Decodes a JSON string that is known to be one; returns its length. */
size_t oracle_string(struct slice text, char *ret, size_t ret_size);

#endif
