/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's answer means. Only an answer of the service's own shape
 * counts as a success. Anything else (a captive portal's page, a wrong number
 * of entries, an entry without its number) is a failure. Pure. */
#ifndef BRIDGE_ANSWERS_H
#define BRIDGE_ANSWERS_H

#include "bridge/forwarder.h"
#include "gateway/base/base.h"

/* One answer as HTTP gave it. */
struct answer_raw {
    uint32_t status;
    const char *error_type; /* header x-amzn-ErrorType, empty if absent */
    struct slice body;
};

/* How a service writes the answer to a batch. */
struct answer_shape {
    const char *list;     /* "Entries": one element for each sent */
    const char *failed;   /* "FailedEntryCount" */
    const char *identity; /* "EventId": the sign of success */
};

struct answer {
    enum forwarder_call call;
    enum forwarder_outcome outcomes[FORWARDER_BATCH_MAX]; /* if ANSWERED */
    bool not_found; /* ResourceNotFoundException */
    bool expired;   /* of the credentials: ExpiredTokenException */
    bool not_ours; /* not allowed, or unknown: AccessDenied, UnknownOperation */
    char code[96]; /* of what failed first; empty if it has none */
    char text[200]; /* text on what failed first, empty if nothing did;
                       printable ASCII */
};

/* An answer to a request of `count` entries. */
void answer_read(const struct answer_shape *shape, const struct answer_raw *raw,
                 uint32_t count, struct answer *ret);
/* The code and the words of each entry that has ENTRY_REFUSED in `answer`, as
 * it was read from `raw`; both live for the call. */
typedef void (*answer_refusal)(void *context, uint32_t i, const char *code,
                               const char *words);
void answer_each_refusal(const struct answer_shape *shape,
                         const struct answer_raw *raw,
                         const struct answer *answer, uint32_t count,
                         answer_refusal each, void *context);
/* An answer to a probe of one thing: success is a JSON object whose member
 * `name` is a string. A probe cannot be halved as a batch can, so one that is
 * too large is refused. */
void answer_read_probe(const struct answer_raw *raw, const char *name,
                       struct answer *ret);

#endif
