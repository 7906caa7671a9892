/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker's plugin tells the gateway, and what it is asked.
 *
 * The gateway subscribes to REPORT_TOPIC and publishes commands on
 * REPORT_CONTROL; both are refused to everybody else. A message is one report
 * or command: a kind and its fields, each a length (u16, big-endian) and bytes,
 * so that topics and client ids need no quoting. Drawn to the byte in
 * report.c. */
#ifndef GATEWAY_IDENTITY_REPORT_H
#define GATEWAY_IDENTITY_REPORT_H

#include "gateway/identity/account.h"
#include "gateway/identity/refusal.h"

#define REPORT_TOPIC "$shopme/report"
#define REPORT_CONTROL "$CONTROL/shopme/v1"

enum { REPORT_BYTES_MAX = 2048, REPORT_ID_MAX = 257, REPORT_TEXT_MAX = 257 };

enum report_kind {
    REPORT_CONNECTED = 1,
    REPORT_DISCONNECTED,
    REPORT_REFUSED, /* at a connection or a topic */
    REPORT_LOADED,  /* the set of this number is in force */
    REPORT_FAILED,  /* it could not be read: `text`; the one before stays */
    REPORT_ALL,     /* answer to a hello: all that are connected were told */
    REPORT_SURPLUS, /* the session of this client id is to be ended */
};

enum report_by {
    REPORT_BY_NOTHING, /* anonymous */
    REPORT_BY_PASSWORD,
    REPORT_BY_CERTIFICATE,
};

struct report {
    enum report_kind kind;
    char device[ACCOUNT_NAME_MAX]; /* "" = anonymous, or a name of nobody */
    enum report_by by;
    char address[64];             /* as the broker has it; "" if unknown */
    char client_id[129];          /* cut to that; UTF-8 */
    char text[REPORT_TEXT_MAX];   /* refused: the topic, or the name that was
                                     claimed, cut; failed: why */
    char event_id[REPORT_ID_MAX]; /* refused publish: the event's, if seen */
    enum refusal refusal;
    bool publish;                /* it was a publish on a topic */
    bool cbor;                   /* of an event in CBOR: answer so */
    uint64_t count;              /* refused: how many like it since the last
                                    report; 1 at least */
    uint64_t set;                /* loaded: its number */
    int64_t certificate_ends_us; /* connected by certificate; 0 = not */
    int64_t since_us;            /* connected: wall time */
};

enum report_command {
    REPORT_HELLO = 1, /* tell all that are connected, then REPORT_ALL */
    REPORT_RELOAD,    /* read the current set; cut who lost its right */
};

/* ERR_FULL cannot happen with REPORT_BYTES_MAX. */
void report_write(const struct report *report, struct writer *writer);
err_t report_read(struct slice bytes,
                  struct report *ret) MUST_USE; /* ERR_CORRUPT */
void report_command_write(enum report_command command, struct writer *writer);
err_t report_command_read(struct slice bytes,
                          enum report_command *ret) MUST_USE;

#endif
