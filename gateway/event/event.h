/* SPDX-License-Identifier: Apache-2.0 */
/* A CloudEvents 1.0.2 event: read strictly from what a device sent, kept in the
 * journal, rendered for the cloud. `data` is never changed on the way.
 *
 * An event is a set of slices that borrow: from the payload it was read from,
 * from the arena given to the reader, or from literals. */
#ifndef GATEWAY_EVENT_EVENT_H
#define GATEWAY_EVENT_EVENT_H

#include "gateway/base/arena.h"
#include "gateway/base/bytes.h"
#include "gateway/event/event_life.h"

enum {
    EVENT_EXTENSIONS_MAX = 16,
    EVENT_NAME_MAX = 20,   /* an attribute's name, as the standard advises */
    EVENT_TEXT_MAX = 1024, /* an attribute's value, bytes */
    EVENT_ID_MAX = 256,    /* id, bytes */
    EVENT_TYPE_MAX = 128,  /* type: EventBridge's DetailType, characters */
    EVENT_BYTES_MAX =
        1024 * 1024, /* hard upper limit; configuration is lower */
};

enum event_data_kind {
    EVENT_DATA_NONE,
    EVENT_DATA_JSON,   /* JSON text, any value */
    EVENT_DATA_CBOR,   /* one CBOR item */
    EVENT_DATA_BINARY, /* bytes (JSON's data_base64, a CBOR byte string) */
};

enum event_value_kind {
    EVENT_VALUE_TEXT,
    EVENT_VALUE_INTEGER, /* 32 bits, signed */
    EVENT_VALUE_BOOLEAN,
};

struct event_extension {
    struct slice name;
    enum event_value_kind kind;
    struct slice text; /* TEXT */
    int32_t integer;   /* INTEGER; 0 or 1 for BOOLEAN */
};

struct event {
    struct slice id;              /* required, not empty */
    struct slice source;          /* required, not empty; URI-reference */
    struct slice type;            /* required, not empty */
    struct slice subject;         /* the rest: empty if absent */
    struct slice time;            /* RFC 3339 */
    struct slice datacontenttype; /* RFC 2046 */
    struct slice dataschema;      /* URI */
    struct event_extension extensions[EVENT_EXTENSIONS_MAX];
    uint32_t extension_count;
    enum event_data_kind data_kind;
    struct slice data;
};

/* The encodings a payload may have. */
enum event_encoding {
    EVENT_ENCODING_JSON, /* application/cloudevents+json */
    EVENT_ENCODING_CBOR, /* application/cloudevents+cbor (working draft) */
};

/* Decided by the first byte: a CBOR map begins with a0..bf (or tag 55799, d9),
 * a JSON text with white space or '{'. Anything else counts as JSON, and its
 * reader reports what is wrong. */
enum event_encoding event_encoding_guess(struct slice payload);

/* Reads one structured event. Strict: format, UTF-8, exactly one value,
 * attribute names [a-z0-9]+, no attribute twice, required attributes, lengths,
 * `time` in RFC 3339, `data` and `data_base64` exclude each other, depth. Reads
 * only bytes that are there and allocates only from `arena`, whatever lengths
 * the input claims. ERR_PARSE or ERR_RANGE with a `reason` that says what to
 * fix; ERR_FULL if the arena is too small, which never happens if it has the
 * payload's length plus 64 KiB. On failure `ret->id` is set if event_find_id()
 * finds one, so that the sender can be told which of its events was refused;
 * nothing else of `ret` is touched. */
err_t event_read(enum event_encoding encoding, struct slice payload,
                 struct arena *arena, struct event *ret,
                 struct reason *reason) MUST_USE;

/* Finds the id of a payload that is refused, however long it is, in one pass:
 * the text of its one top-level `id`, if that is valid and stands before the
 * first error in the payload. Borrows from the payload, or from `arena` where
 * it has escapes. ERR_NOT_FOUND, and `ret` is untouched. */
err_t event_find_id(enum event_encoding encoding, struct slice payload,
                    struct arena *arena, struct slice *ret) MUST_USE;

/* The journal's form: one CBOR map of the attributes, and `data` as a text
 * string (JSON text verbatim), tag 24 byte string (CBOR verbatim) or byte
 * string (binary). Deterministic: equal events give equal bytes. Check
 * writer->full. */
void event_store(const struct event *event, struct writer *writer);
/* The most bytes event_store() can need for it. */
size_t event_store_bound(const struct event *event);
/* Reads it back. All slices borrow from `stored`, so no arena is needed.
 * ERR_CORRUPT if it is not what event_store() writes. */
err_t event_load(struct slice stored, struct event *ret) MUST_USE;

/* What the journal adds when an event is rendered. */
struct event_record {
    uint64_t seq;    /* becomes journalsequence, 20 digits */
    int64_t wall_us; /* becomes recordedtime, RFC 3339, UTC, microseconds */
    struct event_life journal_id; /* becomes journalid */
    struct event_life life;       /* becomes journallife, if it is known */
};

/* The structured JSON event (one line), with what `record` says in place of any
 * extensions of these names (NULL: for what is not journaled). JSON data is
 * copied as it came; CBOR data is converted. ERR_FULL; ERR_UNSUPPORTED
 * if its CBOR data has no JSON form; the writer is unchanged then. */
err_t event_render_json(const struct event *event,
                        const struct event_record *record,
                        struct writer *writer) MUST_USE;

/* One journal record as stored, in CBOR diagnostic notation, on one line.
 * Nothing is added or converted. ERR_PARSE if it is not one CBOR item; check
 * writer->full. */
err_t event_render_diagnostic(struct slice record, struct writer *writer,
                              struct reason *reason) MUST_USE;

/* `data` as JSON text: JSON as is, CBOR converted into
 * `arena` (text keys only; byte strings as base64url, RFC 8949 section 6.1;
 * NaN, infinities, undefined, and unknown simple values refused), binary as a
 * base64 string, none as `null`. ERR_UNSUPPORTED, with a reason, if it has no
 * JSON form; ERR_FULL, never with six times the data's length plus 16 bytes of
 * room. */
err_t event_data_json(const struct event *event, struct arena *arena,
                      struct slice *ret, struct reason *reason) MUST_USE;

/* The ordering key: extension `partitionkey`, else subject, else source (the
 * CloudEvents partitioning extension; the rest is our fallback). */
struct slice event_key(const struct event *event);

/* The extension's text value, or ERR_NOT_FOUND. */
err_t event_extension_text(const struct event *event, const char *name,
                           struct slice *ret) MUST_USE;

/* A 64-bit content hash over all that event_store() keeps. */
uint64_t event_hash(const struct event *event);

/* "2026-11-23T10:18:30.123456Z", 27 bytes and a terminator. A time outside the
 * years 0 to 9999 becomes the nearest one inside. */
enum { EVENT_TIME_SIZE = 28 };
void event_time_format(int64_t wall_us, char ret[EVENT_TIME_SIZE]);
/* RFC 3339 to microseconds since 1970 UTC, finer digits cut off; a leap second
 * is the last microsecond before the next minute. ERR_PARSE. */
err_t event_time_parse(struct slice text, int64_t *ret_us) MUST_USE;

#endif
