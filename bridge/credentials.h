/* SPDX-License-Identifier: Apache-2.0 */
/* AWS credentials as a request is signed with them, and what a part of them may
 * look like, whichever source it comes from. */
#ifndef BRIDGE_CREDENTIALS_H
#define BRIDGE_CREDENTIALS_H

#include "gateway/base/base.h"

enum {
    CREDENTIALS_KEY_SIZE = 128,
    CREDENTIALS_TOKEN_MAX = 64 * 1024, /* AWS names no limit */
};

struct credentials {
    char access_key[CREDENTIALS_KEY_SIZE];
    char secret_key[CREDENTIALS_KEY_SIZE];
    char token[CREDENTIALS_TOKEN_MAX + 1]; /* empty if there is none */
    int64_t expires_us; /* wall time by the source's word; 0: it gives none */
    uint32_t serial;    /* the keeper counts each set that it takes over */
};

/* Copies a part of credentials to `ret`. ERR_CONFIG, and `reason` names it as
 * `name`, if it is longer than fits or contains what a header must not. No part
 * of the value is in the words. */
err_t credentials_put(struct slice value, const char *name, char *ret,
                      size_t ret_size, struct reason *reason) MUST_USE;

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (or the older
 * AWS_SECURITY_TOKEN). ERR_NOT_FOUND if neither of the first two is set;
 * ERR_CONFIG, and `reason` names the variable that is missing, too long, or
 * contains what a header must not. `ret` is untouched then. */
err_t credentials_read(struct credentials *ret, struct reason *reason) MUST_USE;

/* Are the three parts the same? */
bool credentials_equal(const struct credentials *a,
                       const struct credentials *b);
/* A buffer for one set, from the heap; NULL if there is no memory. */
struct credentials *credentials_new(void) MUST_USE;
/* Overwrites it, then frees it. Takes NULL. */
void credentials_free(struct credentials *credentials);

#endif
