/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/console/identity_json.h"

#include <assert.h>
#include <inttypes.h>

#include "gateway/console/put.h"
#include "gateway/event/json.h"

static const struct {
    const char *name;
    enum identity_op op;
} ops[] = {
    {"put", IDENTITY_PUT},
    {"password", IDENTITY_PASSWORD},
    {"remove", IDENTITY_REMOVE},
    {"reload", IDENTITY_RELOAD},
};

static const char *op_name(enum identity_op op) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (ops[i].op == op) {
            return ops[i].name;
        }
    }
    assert(false && "an operation without a name");
    return "";
}

/* --- Writing -------------------------------------------------------------- */

static void write_topics(const struct identity_change *change,
                         struct writer *writer) {
    put_name(writer, "topics");
    writer_str(writer, "[");
    for (uint32_t i = 0; i < change->topic_count; i++) {
        writer_str(writer, i == 0 ? "" : ",");
        json_write_string(writer, slice_from_str(change->topics[i]));
    }
    writer_str(writer, "]");
}

void identity_json_write(const struct identity_change *change,
                         struct writer *writer) {
    writer_str(writer, "{");
    put_str(writer, "op", op_name(change->op));
    if (change->op != IDENTITY_RELOAD) {
        put_str(writer, "name", change->name);
    }
    if (change->fresh) {
        put_bool(writer, "new", true);
    }
    if (change->has_password) {
        put_str(writer, "password", change->password);
    }
    if (change->has_certificate) {
        put_bool(writer, "certificate", change->certificate);
    }
    if (change->has_channel) {
        put_bool(writer, "channel", change->channel);
    }
    if (change->has_topics) {
        write_topics(change, writer);
    }
    writer_str(writer, "}\n");
}

void identity_json_request(uint64_t request, struct writer *writer) {
    writer_printf(writer, "{\"request\":%" PRIu64 "}\n", request);
}

static void write_request(const struct console_identity_request *request,
                          struct writer *writer) {
    static const char *const states[] = {
        [CONSOLE_REQUEST_WAITING] = "waiting",
        [CONSOLE_REQUEST_DONE] = "done",
        [CONSOLE_REQUEST_FAILED] = "failed",
    };
    writer_str(writer, "{");
    put_uint(writer, "request", request->number);
    put_str(writer, "state", states[request->state]);
    put_uint(writer, "set", request->set);
    put_str(writer, "reason", request->reason);
    writer_str(writer, "}");
}

/* One that does not fit is left out, with those before it, which are older. */
void identity_json_status(const struct console_identity *identity,
                          struct writer *writer) {
    static const char tail[] = "]}\n";
    writer_str(writer, "{");
    put_uint(writer, "set", identity->set);
    put_uint(writer, "loaded", identity->loaded);
    put_str(writer, "reason", identity->reason);
    put_name(writer, "requests");
    writer_str(writer, "[");
    assert(writer->cap > writer->len + sizeof tail);
    writer->cap -= strlen(tail);
    for (uint32_t i = identity->request_count; i > 0; i--) {
        struct writer trial = *writer;
        writer_str(&trial, i == identity->request_count ? "" : ",");
        write_request(&identity->requests[i - 1], &trial);
        if (trial.full) {
            break;
        }
        *writer = trial;
    }
    writer->cap += strlen(tail);
    writer_str(writer, tail);
}

/* --- Reading -------------------------------------------------------------- */

static err_t read_text(struct slice value, const char *name, char *ret,
                       size_t ret_size, struct reason *reason) {
    uint8_t room[ACCOUNT_TOPIC_MAX * 6]; /* as escapes have it */
    struct arena arena = arena_over(room, sizeof room);
    struct slice text;
    if (json_string(value, &arena, &text) != ERR_OK ||
        slice_to_str(text, ret, ret_size) != ERR_OK) {
        return reason_set(reason, ERR_RANGE,
                          "`%s` must be a text of at most %zu bytes", name,
                          ret_size - 1);
    }
    return ERR_OK;
}

static err_t read_bool(struct slice value, const char *name, bool *ret,
                       struct reason *reason) {
    enum json_kind kind = json_kind(value);
    if (kind != JSON_TRUE && kind != JSON_FALSE) {
        return reason_set(reason, ERR_RANGE, "`%s` must be true or false",
                          name);
    }
    *ret = kind == JSON_TRUE;
    return ERR_OK;
}

static err_t read_op(struct slice value, enum identity_op *ret,
                     struct reason *reason) {
    char text[16];
    TRY(read_text(value, "op", text, sizeof text, reason));
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(ops[i].name, text) == 0) {
            *ret = ops[i].op;
            return ERR_OK;
        }
    }
    return reason_set(reason, ERR_RANGE,
                      "`op` must be put, password, remove or reload");
}

static err_t read_topics(struct slice value, struct identity_change *change,
                         struct reason *reason) {
    struct slice topic;
    size_t at = 0;
    if (json_kind(value) != JSON_ARRAY) {
        return reason_set(reason, ERR_RANGE, "`topics` must be a list");
    }
    change->topic_count = 0;
    while (json_element(value, &at, &topic) == ERR_OK) {
        if (change->topic_count == ACCOUNT_TOPICS_MAX) {
            return reason_set(reason, ERR_RANGE,
                              "`topics` may have %d patterns at most",
                              ACCOUNT_TOPICS_MAX);
        }
        TRY(read_text(topic, "topics", change->topics[change->topic_count],
                      ACCOUNT_TOPIC_MAX, reason));
        change->topic_count++;
    }
    return ERR_OK;
}

/* What was there already, to find what is there twice. */
struct members {
    bool op;
    bool name;
    bool fresh;
};

static err_t read_member(struct slice name, struct slice value,
                         struct identity_change *change, struct members *seen,
                         struct reason *reason) {
    bool *had = NULL;
    err_t err = ERR_OK;
    if (slice_eq_str(name, "op")) {
        had = &seen->op;
        err = read_op(value, &change->op, reason);
    } else if (slice_eq_str(name, "name")) {
        had = &seen->name;
        err =
            read_text(value, "name", change->name, sizeof change->name, reason);
    } else if (slice_eq_str(name, "new")) {
        had = &seen->fresh;
        err = read_bool(value, "new", &change->fresh, reason);
    } else if (slice_eq_str(name, "password")) {
        had = &change->has_password;
        err = read_text(value, "password", change->password,
                        sizeof change->password, reason);
    } else if (slice_eq_str(name, "certificate")) {
        had = &change->has_certificate;
        err = read_bool(value, "certificate", &change->certificate, reason);
    } else if (slice_eq_str(name, "channel")) {
        had = &change->has_channel;
        err = read_bool(value, "channel", &change->channel, reason);
    } else if (slice_eq_str(name, "topics")) {
        had = &change->has_topics;
        err = read_topics(value, change, reason);
    }
    TRY(err);
    if (had == NULL || *had) {
        return reason_set(reason, ERR_RANGE, "%s member of the body: %.*s",
                          had == NULL ? "unknown" : "repeated",
                          (int)(name.len < 32 ? name.len : 32),
                          (const char *)name.data);
    }
    *had = true;
    return ERR_OK;
}

static err_t check_members(const struct identity_change *change,
                           const struct members *seen, struct reason *reason) {
    bool rights = change->has_certificate || change->has_channel ||
                  change->has_topics || seen->fresh;
    bool put = change->op == IDENTITY_PUT;
    bool password = put || change->op == IDENTITY_PASSWORD;
    if (!seen->op) {
        return reason_set(reason, ERR_RANGE, "`op` is missing");
    }
    if (seen->name != (change->op != IDENTITY_RELOAD)) {
        return reason_set(reason, ERR_RANGE, "`name` %s",
                          seen->name ? "does not go with this `op`"
                                     : "is missing");
    }
    if ((rights && !put) || (change->has_password && !password)) {
        return reason_set(reason, ERR_RANGE,
                          "`op` takes none of the other members but `name`%s",
                          password ? " and `password`" : "");
    }
    return ERR_OK;
}

err_t identity_json_read(struct slice body, struct identity_change *ret,
                         struct reason *reason) {
    struct members seen = {false};
    struct slice name;
    struct slice value;
    size_t at = 0;
    memset(ret, 0, sizeof *ret);
    if (json_check(body, NULL) != ERR_OK || json_kind(body) != JSON_OBJECT) {
        return reason_set(reason, ERR_PARSE,
                          "the body must be a JSON object: {\"op\": ...}");
    }
    while (json_member(body, &at, &name, &value) == ERR_OK) {
        TRY(read_member(name, value, ret, &seen, reason));
    }
    TRY(check_members(ret, &seen, reason));
    return identity_change_check(ret, reason);
}
