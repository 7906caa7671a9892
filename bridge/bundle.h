/* SPDX-License-Identifier: Apache-2.0 */
/* The CA file, which changes while the gateway runs: a system's update renews
 * it, or a company adds its own authority. It is looked at every few seconds,
 * by a job, and read again once it has changed and is at rest. One that cannot
 * be used changes nothing but the log and the status: the authorities that were
 * read before stay. */
#ifndef BRIDGE_BUNDLE_H
#define BRIDGE_BUNDLE_H

#include <sys/stat.h>

#include "bridge/tls.h"
#include "gateway/base/executor.h"

enum { BUNDLE_BEATS = 3 }; /* between two looks */

struct bundle_options {
    const char *ca_file; /* both outlive the bundle */
    const struct entropy *entropy;
    struct executor executor;
    void (*changed)(void *context); /* the trouble did; may be NULL */
    void *context;
};

/* Which file it is, and which content: 0 and the error if there is none. */
struct bundle_identity {
    int failed;
    uint64_t device;
    uint64_t inode;
    int64_t bytes;
    struct timespec modified;
    struct timespec changed;
};

struct bundle {
    struct bundle_options options;
    struct tls_context *context;
    struct bundle_identity read;  /* what the context was made of, or was not */
    struct bundle_identity found; /* at the last look */
    char trouble[200]; /* why what is there now is not used; empty: it is */
    uint32_t beats;
    struct job job;
    bool busy;

    /* The job's. */
    struct bundle_identity now;
    struct tls_trust *trust;
    err_t err;
    struct reason reason;
};

/* Reads the file for the first time; the caller frees the context, when no job
 * is left. Errors as tls_context_new(). */
err_t bundle_open(struct bundle *bundle, const struct bundle_options *options,
                  struct tls_context **ret, struct reason *reason) MUST_USE;
/* Call it about once a second on the thread of the context. */
void bundle_beat(struct bundle *bundle);

#endif
