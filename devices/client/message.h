/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over the wire: the device's structured CloudEvents, as JSON or as
 * CBOR (RFC 8949), and the receipts and notices that come back. Independent of
 * the gateway's code, so that each checks the other. */
#ifndef DEVICES_CLIENT_MESSAGE_H
#define DEVICES_CLIENT_MESSAGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "gateway/base/bytes.h"

enum {
    MESSAGE_BYTES_MAX = 8 * 1024, /* of an event that a device sends */
    MESSAGE_DEPTH_MAX = 16,       /* nested arrays and maps of CBOR read */
    MESSAGE_REASON_SIZE = 256,
};

enum message_encoding { MESSAGE_JSON, MESSAGE_CBOR };

/* The media type, for MQTT 5's content type. */
const char *message_content_type(enum message_encoding encoding);

struct message_event {
    const char *id;
    const char *source;
    const char *type;
    const char *subject; /* NULL = none */
    const cJSON *data;   /* borrowed */
    int64_t wall_us;     /* becomes `time` */
    bool again;          /* was confirmed before: counts as a repeat */
};

/* Writes a structured CloudEvents 1.0 event. ERR_FULL if it does not fit,
 * ERR_MEMORY. */
err_t message_write(const struct message_event *event,
                    enum message_encoding encoding,
                    struct writer *writer) MUST_USE;

/* Reads a payload of either encoding, told by its first byte, to a tree that
 * the caller frees with cJSON_Delete(). CBOR: definite lengths, text keys,
 * numbers that JSON has too. ERR_PARSE, ERR_MEMORY. */
err_t message_read(struct slice payload, cJSON **ret) MUST_USE;

/* A text member, or "" if there is none. */
const char *message_text(const cJSON *object, const char *name);

#endif
