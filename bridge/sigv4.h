/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4 (AWS IAM User Guide, "Signature Version 4 signing
 * process"): a request in, the value of its Authorization header out. General
 * enough for AWS's public test suite, which proves it. Pure: no clock, no
 * environment. */
#ifndef BRIDGE_SIGV4_H
#define BRIDGE_SIGV4_H

#include "bridge/digest.h"
#include "gateway/base/bytes.h"

enum {
    SIGV4_HEADERS_MAX = 32,
    SIGV4_PARAMETERS_MAX = 64,
    SIGV4_SCRATCH = 80 * 1024,       /* a canonical request, with any token */
    SIGV4_QUERY_SCRATCH = 16 * 1024, /* a query in it */
    SIGV4_DATE_SIZE = 17,            /* "20260102T030405Z" and a terminator */
};

struct sigv4_header {
    struct slice name;  /* any case */
    struct slice value; /* any white space; folded lines too */
};

/* Every header given here is signed: leave out what a proxy may change. A
 * header twice is joined by commas, in the order given. */
struct sigv4_request {
    struct slice method;
    struct slice path;  /* as sent, undecoded; empty means "/" */
    struct slice query; /* after the '?', undecoded */
    const struct sigv4_header *headers;
    size_t header_count;
    struct slice body;
    bool normalize; /* remove "." , ".." and "//" from the path (all services
                       but S3) */
};

struct sigv4_identity {
    struct slice access_key;
    struct slice secret_key;
    struct slice region;
    struct slice service;
};

/* The signing key of one secret, day, region and service. Zeroed is ready;
 * sigv4_sign() derives it again when any of the four has changed. */
struct sigv4_key {
    uint8_t of[DIGEST_SIZE]; /* a digest of the four */
    uint8_t key[DIGEST_SIZE];
    bool made;
};

/* "YYYYMMDDTHHMMSSZ" of a time since 1970, UTC. */
void sigv4_date(int64_t wall_us, char ret[SIGV4_DATE_SIZE]);

/* The canonical request (its hash is what is signed). ERR_FULL if the scratch,
 * the headers or the parameters pass their limit. */
err_t sigv4_canonical(const struct sigv4_request *request,
                      struct writer *writer) MUST_USE;
/* The string to sign for that. */
void sigv4_string_to_sign(struct slice canonical,
                          const struct sigv4_identity *identity,
                          const char *date, struct writer *writer);
/* Writes the value of the Authorization header. `date` is the request's
 * x-amz-date. ERR_FULL as above, or if `writer` has no room. */
err_t sigv4_sign(const struct sigv4_request *request,
                 const struct sigv4_identity *identity, const char *date,
                 struct sigv4_key *key, struct writer *writer) MUST_USE;

#endif
