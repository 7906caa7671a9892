/* SPDX-License-Identifier: Apache-2.0 */
/* What is in force: the rules that the gateway wrote for this broker, and one
 * set of the identity's files, whole. A new one is read beside it. */
#ifndef GATEWAY_PLUGIN_LOADED_H
#define GATEWAY_PLUGIN_LOADED_H

#include "gateway/identity/account.h"
#include "gateway/identity/identity_set.h"
#include "gateway/identity/revoked.h"
#include "gateway/identity/rules.h"
#include "gateway/plugin/clients.h"

struct loaded {
    uint64_t number; /* of the set */
    struct rules rules;
    struct accounts accounts;
    struct revoked revoked; /* nothing, if the set has no such file */
};

/* Where it is read from. */
struct loaded_place {
    const struct disk *disk;
    const char *rules; /* the file */
    const char *data;  /* the folder that identity/current is in */
};

/* Waits for the disk. Errors, with what to do: ERR_NOT_FOUND, ERR_CORRUPT,
 * ERR_IO, ERR_MEMORY; ERR_AGAIN if the set changes again and again. */
err_t loaded_read(const struct loaded_place *place, struct loaded **ret,
                  struct reason *reason) MUST_USE;
void loaded_free(struct loaded *loaded); /* takes NULL */

/* Does who is connected keep that right? Else why not: the account is gone, its
 * password is not the one that was checked, its certificate is revoked or not
 * registered any more, or nobody is let in without a name any more. A list that
 * is past its end cuts nobody off. */
enum refusal loaded_keeps(const struct loaded *loaded,
                          const struct client *client);

#endif
