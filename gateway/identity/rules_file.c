/* SPDX-License-Identifier: Apache-2.0 */
/* The rules as text. The lines stand in the order of rules.h. */
#include <inttypes.h>

#include "gateway/identity/lines.h"
#include "gateway/identity/password.h"
#include "gateway/identity/rules.h"

static const char first_line[] = "shopme-edge rules 1";

static err_t missing(struct lines *lines, const char *what) {
    lines->number++;
    return lines_corrupt(lines, "\"%s\" is missing", what);
}

/* A level of a topic: no wildcard and no other level in it. */
static bool is_level(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '/' || c == '+' || c == '#') {
            return false;
        }
    }
    return text.len > 0 && lines_is_text(text);
}

static err_t take_level(struct lines *lines, struct slice text,
                        char ret[static ACCOUNT_NAME_MAX]) {
    if (!is_level(text) ||
        slice_to_str(text, ret, ACCOUNT_NAME_MAX) != ERR_OK) {
        return lines_corrupt(lines,
                             "not a name of 1 to %d bytes without '/', "
                             "'+' and '#'",
                             ACCOUNT_NAME_MAX - 1);
    }
    return ERR_OK;
}

static err_t take_streams(struct lines *lines, struct rules *ret) {
    struct slice text;
    while (lines_accept_prefix(lines, "stream ", &text)) {
        if (ret->stream_count == RULES_STREAMS_MAX) {
            return lines_corrupt(lines, "more than %d streams",
                                 RULES_STREAMS_MAX);
        }
        TRY(take_level(lines, text, ret->streams[ret->stream_count]));
        ret->stream_count++;
    }
    return ERR_OK;
}

static err_t take_gateway(struct lines *lines, struct rules *ret) {
    struct slice text;
    if (!lines_accept_prefix(lines, "gateway ", &text)) {
        return missing(lines, "gateway");
    }
    const uint8_t *space =
        text.len > 0 ? memchr(text.data, ' ', text.len) : NULL;
    if (space == NULL) {
        return lines_corrupt(lines, "the gateway has no password");
    }
    size_t len = (size_t)(space - text.data);
    struct slice hash = slice_part(text, len + 1, text.len - len - 1);
    TRY(take_level(lines, slice_part(text, 0, len), ret->gateway));
    if (!password_hash_is_valid(hash)) {
        return lines_corrupt(lines, "the gateway's password has another form "
                                    "than $7$ITERATIONS$SALT$HASH");
    }
    return slice_to_str(hash, ret->gateway_password,
                        sizeof ret->gateway_password);
}

static err_t take_gateway_ids(struct lines *lines, struct rules *ret) {
    struct slice text;
    while (lines_accept_prefix(lines, "gateway-id ", &text)) {
        if (ret->gateway_id_count == RULES_GATEWAY_IDS_MAX) {
            return lines_corrupt(lines, "more than %d client ids",
                                 RULES_GATEWAY_IDS_MAX);
        }
        char *id = ret->gateway_ids[ret->gateway_id_count];
        if (text.len == 0 || !lines_is_text(text) ||
            slice_to_str(text, id, sizeof *ret->gateway_ids) != ERR_OK) {
            return lines_corrupt(lines, "not a client id of 1 to %zu bytes",
                                 sizeof *ret->gateway_ids - 1);
        }
        ret->gateway_id_count++;
    }
    return ERR_OK;
}

static bool is_number(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.len > 0 && text.len <= 12 && text.data[0] != '0';
}

static err_t take_session(struct lines *lines, struct slice text,
                          struct rules_session *ret) {
    const uint8_t *space =
        text.len > 0 ? memchr(text.data, ' ', text.len) : NULL;
    size_t len = space == NULL ? text.len : (size_t)(space - text.data);
    struct slice id = space == NULL
                          ? SLICE_EMPTY
                          : slice_part(text, len + 1, text.len - len - 1);
    if (!is_number(slice_part(text, 0, len)) || id.len == 0 ||
        !lines_is_text(id) ||
        slice_to_str(id, ret->client_id, sizeof ret->client_id) != ERR_OK) {
        return lines_corrupt(lines,
                             "not the end of a session and its client id");
    }
    ret->ends_s = 0;
    for (size_t i = 0; i < len; i++) {
        ret->ends_s = 10 * ret->ends_s + (text.data[i] - '0');
    }
    return ERR_OK;
}

static err_t take_sessions(struct lines *lines, struct rules *ret) {
    struct slice text;
    while (lines_accept_prefix(lines, "session ", &text)) {
        if (ret->session_count == RULES_SESSIONS_MAX) {
            return lines_corrupt(lines, "more than %d sessions",
                                 RULES_SESSIONS_MAX);
        }
        TRY(take_session(lines, text, &ret->sessions[ret->session_count]));
        ret->session_count++;
    }
    return ERR_OK;
}

static err_t read_all(struct lines *lines, struct rules *ret) {
    struct slice text;
    TRY(lines_take(lines, first_line));
    if (!lines_accept_prefix(lines, "store ", &text)) {
        return missing(lines, "store");
    }
    TRY(take_level(lines, text, ret->store));
    TRY(take_streams(lines, ret));
    ret->anonymous = lines_accept(lines, "anonymous");
    TRY(take_gateway(lines, ret));
    TRY(take_gateway_ids(lines, ret));
    TRY(take_sessions(lines, ret));
    TRY(lines_take(lines, "end"));
    return lines_take_nothing(lines);
}

err_t rules_read(struct slice text, struct rules *ret, struct reason *reason) {
    struct rules rules = {.store = ""};
    struct lines lines = lines_over("rules", text, reason);
    TRY(read_all(&lines, &rules));
    *ret = rules;
    return ERR_OK;
}

void rules_write(const struct rules *rules, struct writer *writer) {
    writer_printf(writer, "%s\nstore %s\n", first_line, rules->store);
    for (uint32_t i = 0; i < rules->stream_count; i++) {
        writer_printf(writer, "stream %s\n", rules->streams[i]);
    }
    writer_str(writer, rules->anonymous ? "anonymous\n" : "");
    writer_printf(writer, "gateway %s %s\n", rules->gateway,
                  rules->gateway_password);
    for (uint32_t i = 0; i < rules->gateway_id_count; i++) {
        writer_printf(writer, "gateway-id %s\n", rules->gateway_ids[i]);
    }
    for (uint32_t i = 0; i < rules->session_count; i++) {
        writer_printf(writer, "session %" PRId64 " %s\n",
                      rules->sessions[i].ends_s, rules->sessions[i].client_id);
    }
    writer_str(writer, "end\n");
}
