/* SPDX-License-Identifier: Apache-2.0 */
/* The files of `broker.tls` on their way into the set: read and checked, and
 * only what differs from the current set is written. What cannot be used leaves
 * the set as it is: the broker goes on with what it had. */
#ifndef GATEWAY_COMMANDS_IDENTITY_TLS_H
#define GATEWAY_COMMANDS_IDENTITY_TLS_H

#include "gateway/identity/identity_set.h"
#include "gateway/pki/tls_files.h"

enum { IDENTITY_TLS_FILES = 4 };

struct identity_tls {
    struct tls_files read;
    char *revoked;                                  /* owned; the set's file */
    struct identity_file files[IDENTITY_TLS_FILES]; /* to be written */
    size_t count;
    bool server_changed; /* what Mosquitto itself reads is among them */
    bool withdrawn;      /* an authority of devices is there no more */
    bool in_set;         /* after that the set has all that Mosquitto needs */
    bool known;          /* `facts` are of files that can be used */
    struct tls_facts facts;
    struct reason unusable;     /* why the files cannot be used; "" */
    struct reason crl_unusable; /* the same of the list alone */
};

/* Waits for the disk. `ret` comes zeroed. */
void identity_tls_read(const struct config *config, int64_t now_us,
                       struct identity_tls *ret);
/* What was read and written; the facts and reasons stay. */
void identity_tls_free(struct identity_tls *tls);

#endif
