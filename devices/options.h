/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of shopme-devices. */
#ifndef DEVICES_OPTIONS_H
#define DEVICES_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/bytes.h"
#include "gateway/base/error.h"

enum {
    OPTIONS_HOST_SIZE = 256,
    OPTIONS_PREFIX_MAX = 32,
    /* Time left for receipts and order ends after a signal: longer than a till
     * waits before it asks again (till.c), so that no order is left open only
     * because a notice was lost. */
    OPTIONS_SIGNALLED_PATIENCE_S = 8,
};

struct options {
    char host[OPTIONS_HOST_SIZE];
    int port;
    const char *store; /* the strings are borrowed from argv */
    uint32_t tills;
    uint32_t scanners;
    uint32_t terminals;
    uint32_t sensors;
    double rate;     /* orders a second, all tills */
    double readings; /* a second, all sensors */
    double seconds;  /* of placing; 0 = until stopped */
    uint64_t orders; /* to place at most; 0 = no limit */
    double patience; /* seconds to wait at the end */
    uint64_t seed;
    bool cbor;
    int mqtt; /* 3 or 5 */
    bool tls;
    const char *ca;            /* NULL = the system's authorities */
    const char *cert;          /* with its key, of all devices; NULL = none */
    const char *key;           /* set if `cert` is */
    const char *user;          /* of all devices; NULL = none */
    const char *password_file; /* set if `user` is */
    const char *identity;      /* folder of each device's own; NULL = none */
    const char *id_prefix;     /* NULL = draw one */
    const char *report;        /* path of the JSON report; NULL = none */
    const char *log;           /* path of the log of receipts; NULL = none */
    bool quiet;
    bool help;
};

/* ERR_REFUSED with a reason that says what to do. */
err_t options_parse(int argc, char *const *argv, struct options *ret,
                    struct reason *reason) MUST_USE;
void options_help(FILE *out);

#endif
