/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sigv4.h"

#include <assert.h>
#include <time.h>

enum { SCOPE_MAX = 256, DAY_LEN = 8 };

void sigv4_date(int64_t wall_us, char ret[SIGV4_DATE_SIZE]) {
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t len = strftime(ret, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc);
    if (len == 0) {
        ret[0] = '\0'; /* a year past 9999 does not fit */
    }
}

/* Letters, digits and "-._~" stay (RFC 3986 section 2.3). */
static bool is_unreserved(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' ||
           byte == '_' || byte == '~';
}

static void write_encoded(struct writer *writer, uint8_t byte) {
    if (is_unreserved(byte)) {
        writer_u8(writer, byte);
        return;
    }
    static const char digits[] = "0123456789ABCDEF";
    const char text[] = {'%', digits[byte >> 4], digits[byte & 15]};
    writer_slice_add(writer, slice_of(text, sizeof text));
}

/* --- the path ----------------------------------------------------------- */

static void write_path_part(struct writer *writer, struct slice part) {
    for (size_t i = 0; i < part.len; i++) {
        if (part.data[i] == '/') {
            writer_u8(writer, '/');
        } else {
            write_encoded(writer, part.data[i]);
        }
    }
}

static size_t segment_len(struct slice path, size_t from) {
    size_t len = 0;
    while (from + len < path.len && path.data[from + len] != '/') {
        len++;
    }
    return len;
}

/* Takes the last segment off what was written since `start`. */
static void drop_segment(struct writer *writer, size_t start) {
    while (writer->len > start && writer->data[writer->len - 1] != '/') {
        writer->len--;
    }
    if (writer->len > start) {
        writer->len--;
    }
}

/* RFC 3986 section 5.2.4, and consecutive slashes become one. Segments are
 * written as "/segment", so an empty result means the root. */
static void write_normal_path(struct writer *writer, struct slice path) {
    size_t start = writer->len;
    for (size_t at = 0; at < path.len;) {
        size_t len = segment_len(path, at);
        struct slice segment = slice_part(path, at, len);
        if (slice_eq_str(segment, "..")) {
            drop_segment(writer, start);
        } else if (len > 0 && !slice_eq_str(segment, ".")) {
            writer_u8(writer, '/');
            write_path_part(writer, segment);
        }
        at += len + 1;
    }
    bool ends_open = path.len > 0 && path.data[path.len - 1] == '/';
    if (writer->len == start || ends_open) {
        writer_u8(writer, '/');
    }
}

static void write_path(const struct sigv4_request *request,
                       struct writer *writer) {
    if (request->normalize) {
        write_normal_path(writer, request->path);
    } else if (request->path.len == 0) {
        writer_u8(writer, '/');
    } else {
        write_path_part(writer, request->path);
    }
    writer_u8(writer, '\n');
}

/* --- the query ---------------------------------------------------------- */

struct parameter {
    struct slice name; /* encoded */
    struct slice value;
};

static int hex_value(uint8_t digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    uint8_t lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* What the client percent-encoded is encoded again our way, so that the
 * canonical form is the same however it was written. */
static struct slice encode_again(struct slice text, struct writer *scratch) {
    size_t start = scratch->len;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%' && text.len - i > 2) {
            int high = hex_value(text.data[i + 1]);
            int low = hex_value(text.data[i + 2]);
            if (high >= 0 && low >= 0) {
                byte = (uint8_t)(high << 4 | low);
                i += 2;
            }
        }
        write_encoded(scratch, byte);
    }
    return slice_part(writer_slice(scratch), start, scratch->len - start);
}

static int slice_order(struct slice a, struct slice b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

static bool parameter_before(const struct parameter *a,
                             const struct parameter *b) {
    int order = slice_order(a->name, b->name);
    return order < 0 || (order == 0 && slice_order(a->value, b->value) < 0);
}

static struct parameter read_parameter(struct slice pair,
                                       struct writer *scratch) {
    size_t name_len = 0;
    while (name_len < pair.len && pair.data[name_len] != '=') {
        name_len++;
    }
    size_t value_at = name_len < pair.len ? name_len + 1 : pair.len;
    struct slice name = slice_part(pair, 0, name_len);
    struct slice value = slice_part(pair, value_at, pair.len - value_at);
    return (struct parameter){encode_again(name, scratch),
                              encode_again(value, scratch)};
}

static err_t read_query(struct slice query, struct writer *scratch,
                        struct parameter *list, size_t *ret_count) {
    size_t count = 0;
    for (size_t at = 0; at < query.len;) {
        size_t len = 0;
        while (at + len < query.len && query.data[at + len] != '&') {
            len++;
        }
        if (len > 0) {
            ENSURE(count < SIGV4_PARAMETERS_MAX, ERR_FULL);
            struct parameter one =
                read_parameter(slice_part(query, at, len), scratch);
            size_t place = count++;
            for (; place > 0 && parameter_before(&one, &list[place - 1]);
                 place--) {
                list[place] = list[place - 1];
            }
            list[place] = one;
        }
        at += len + 1;
    }
    *ret_count = count;
    return scratch->full ? ERR_FULL : ERR_OK;
}

static err_t write_query(struct slice query, struct writer *writer) {
    uint8_t memory[SIGV4_QUERY_SCRATCH];
    struct writer scratch = writer_over(memory, sizeof memory);
    struct parameter list[SIGV4_PARAMETERS_MAX];
    size_t count = 0;
    TRY(read_query(query, &scratch, list, &count));
    for (size_t i = 0; i < count; i++) {
        writer_str(writer, i > 0 ? "&" : "");
        writer_slice_add(writer, list[i].name);
        writer_u8(writer, '=');
        writer_slice_add(writer, list[i].value);
    }
    writer_u8(writer, '\n');
    return ERR_OK;
}

/* --- the headers -------------------------------------------------------- */

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static int name_order(struct slice a, struct slice b) {
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int order = lower(a.data[i]) - lower(b.data[i]);
        if (order != 0) {
            return order;
        }
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

static void write_lower(struct writer *writer, struct slice name) {
    for (size_t i = 0; i < name.len; i++) {
        writer_u8(writer, lower(name.data[i]));
    }
}

static bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Trimmed, and each run of white space (a folded line too) one space. */
static void write_trimmed(struct writer *writer, struct slice value) {
    bool wants_space = false;
    bool wrote = false;
    for (size_t i = 0; i < value.len; i++) {
        if (is_space(value.data[i])) {
            wants_space = wrote;
            continue;
        }
        if (wants_space) {
            writer_u8(writer, ' ');
            wants_space = false;
        }
        writer_u8(writer, value.data[i]);
        wrote = true;
    }
}

/* The order of the headers by name; equal names keep theirs. */
static err_t sort_headers(const struct sigv4_request *request,
                          uint8_t order[SIGV4_HEADERS_MAX]) {
    ENSURE(request->header_count <= SIGV4_HEADERS_MAX, ERR_FULL);
    for (size_t i = 0; i < request->header_count; i++) {
        size_t place = i;
        for (; place > 0; place--) {
            struct slice before = request->headers[order[place - 1]].name;
            if (name_order(request->headers[i].name, before) >= 0) {
                break;
            }
            order[place] = order[place - 1];
        }
        order[place] = (uint8_t)i;
    }
    return ERR_OK;
}

static bool same_as_before(const struct sigv4_request *request,
                           const uint8_t *order, size_t i) {
    return i > 0 && name_order(request->headers[order[i]].name,
                               request->headers[order[i - 1]].name) == 0;
}

static void write_headers(const struct sigv4_request *request,
                          const uint8_t *order, struct writer *writer) {
    for (size_t i = 0; i < request->header_count; i++) {
        const struct sigv4_header *header = &request->headers[order[i]];
        if (same_as_before(request, order, i)) {
            writer_u8(writer, ',');
        } else {
            writer_str(writer, i > 0 ? "\n" : "");
            write_lower(writer, header->name);
            writer_u8(writer, ':');
        }
        write_trimmed(writer, header->value);
    }
    writer_str(writer, request->header_count > 0 ? "\n\n" : "\n");
}

static void write_signed_names(const struct sigv4_request *request,
                               const uint8_t *order, struct writer *writer) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (!same_as_before(request, order, i)) {
            writer_str(writer, i > 0 ? ";" : "");
            write_lower(writer, request->headers[order[i]].name);
        }
    }
}

static void write_hash(struct slice bytes, struct writer *writer) {
    uint8_t digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    digest_sha256(bytes, digest);
    digest_hex(digest, hex);
    writer_str(writer, hex);
}

err_t sigv4_canonical(const struct sigv4_request *request,
                      struct writer *writer) {
    uint8_t order[SIGV4_HEADERS_MAX];
    TRY(sort_headers(request, order));
    writer_slice_add(writer, request->method);
    writer_u8(writer, '\n');
    write_path(request, writer);
    TRY(write_query(request->query, writer));
    write_headers(request, order, writer);
    write_signed_names(request, order, writer);
    writer_u8(writer, '\n');
    write_hash(request->body, writer);
    return writer->full ? ERR_FULL : ERR_OK;
}

/* --- the signature ------------------------------------------------------ */

static void write_scope(const struct sigv4_identity *identity, const char *date,
                        struct writer *writer) {
    assert(strlen(date) == SIGV4_DATE_SIZE - 1);
    writer_slice_add(writer, slice_of(date, DAY_LEN));
    writer_u8(writer, '/');
    writer_slice_add(writer, identity->region);
    writer_u8(writer, '/');
    writer_slice_add(writer, identity->service);
    writer_str(writer, "/aws4_request");
}

void sigv4_string_to_sign(struct slice canonical,
                          const struct sigv4_identity *identity,
                          const char *date, struct writer *writer) {
    writer_str(writer, "AWS4-HMAC-SHA256\n");
    writer_str(writer, date);
    writer_u8(writer, '\n');
    write_scope(identity, date, writer);
    writer_u8(writer, '\n');
    write_hash(canonical, writer);
}

/* A digest that changes when the secret, the day, the region or the service
 * does; the lengths make sure that moving a letter from one to the next changes
 * it, too. */
static err_t key_name(const struct sigv4_identity *identity, const char *date,
                      uint8_t ret[DIGEST_SIZE]) {
    uint8_t memory[SCOPE_MAX];
    struct writer scope = writer_over(memory, sizeof memory);
    writer_u64(&scope, identity->region.len);
    write_scope(identity, date, &scope);
    ENSURE(!scope.full, ERR_FULL);
    digest_hmac(identity->secret_key, writer_slice(&scope), ret);
    return ERR_OK;
}

static err_t make_key(const struct sigv4_identity *identity, const char *date,
                      struct sigv4_key *key) {
    uint8_t name[DIGEST_SIZE];
    TRY(key_name(identity, date, name));
    if (key->made && memcmp(key->of, name, sizeof name) == 0) {
        return ERR_OK;
    }
    uint8_t memory[SCOPE_MAX];
    struct writer secret = writer_over(memory, sizeof memory);
    writer_str(&secret, "AWS4");
    writer_slice_add(&secret, identity->secret_key);
    ENSURE(!secret.full, ERR_FULL);
    uint8_t a[DIGEST_SIZE];
    uint8_t b[DIGEST_SIZE];
    digest_hmac(writer_slice(&secret), slice_of(date, DAY_LEN), a);
    digest_hmac(slice_of(a, sizeof a), identity->region, b);
    digest_hmac(slice_of(b, sizeof b), identity->service, a);
    digest_hmac(slice_of(a, sizeof a), SLICE("aws4_request"), key->key);
    memcpy(key->of, name, sizeof name);
    key->made = true;
    return ERR_OK;
}

static err_t sign_canonical(struct slice canonical,
                            const struct sigv4_identity *identity,
                            const char *date, struct sigv4_key *key,
                            char ret[DIGEST_HEX_SIZE]) {
    TRY(make_key(identity, date, key));
    uint8_t memory[SCOPE_MAX + 128];
    struct writer text = writer_over(memory, sizeof memory);
    sigv4_string_to_sign(canonical, identity, date, &text);
    ENSURE(!text.full, ERR_FULL);
    uint8_t digest[DIGEST_SIZE];
    digest_hmac(slice_of(key->key, DIGEST_SIZE), writer_slice(&text), digest);
    digest_hex(digest, ret);
    return ERR_OK;
}

err_t sigv4_sign(const struct sigv4_request *request,
                 const struct sigv4_identity *identity, const char *date,
                 struct sigv4_key *key, struct writer *writer) {
    uint8_t order[SIGV4_HEADERS_MAX];
    TRY(sort_headers(request, order));
    uint8_t memory[SIGV4_SCRATCH];
    struct writer canonical = writer_over(memory, sizeof memory);
    TRY(sigv4_canonical(request, &canonical));
    char signature[DIGEST_HEX_SIZE];
    TRY(sign_canonical(writer_slice(&canonical), identity, date, key,
                       signature));
    writer_str(writer, "AWS4-HMAC-SHA256 Credential=");
    writer_slice_add(writer, identity->access_key);
    writer_u8(writer, '/');
    write_scope(identity, date, writer);
    writer_str(writer, ", SignedHeaders=");
    write_signed_names(request, order, writer);
    writer_str(writer, ", Signature=");
    writer_str(writer, signature);
    return writer->full ? ERR_FULL : ERR_OK;
}
