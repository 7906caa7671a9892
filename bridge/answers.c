/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/answers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bridge/markup.h"
#include "gateway/event/json.h"

enum { CODE_MAX = 96, MESSAGE_MAX = 1024 };

enum meaning {
    MEANS_THROTTLED,
    MEANS_FAILED,
    MEANS_INVALID,
    MEANS_NOT_FOUND,
    MEANS_NOT_OURS,
    MEANS_EXPIRED,
};

/* Codes of whole calls. Throttling and transient ones are those of the SDKs'
 * standard retry (botocore, retries/standard.py), with Kinesis'
 * KMSThrottlingException; any other code of a 4xx answer is a refusal that a
 * person must fix. */
static const struct {
    const char *code;
    enum meaning meaning;
} CODES[] = {
    {"BandwidthLimitExceeded", MEANS_THROTTLED},
    {"EC2ThrottledException", MEANS_THROTTLED},
    {"KMSThrottlingException", MEANS_THROTTLED},
    {"LimitExceededException", MEANS_THROTTLED},
    {"PriorRequestNotComplete", MEANS_THROTTLED},
    {"ProvisionedThroughputExceededException", MEANS_THROTTLED},
    {"RequestLimitExceeded", MEANS_THROTTLED},
    {"RequestThrottled", MEANS_THROTTLED},
    {"RequestThrottledException", MEANS_THROTTLED},
    {"SlowDown", MEANS_THROTTLED},
    {"ThrottledException", MEANS_THROTTLED},
    {"Throttling", MEANS_THROTTLED},
    {"ThrottlingException", MEANS_THROTTLED},
    {"TooManyRequestsException", MEANS_THROTTLED},
    {"TransactionInProgressException", MEANS_THROTTLED},
    {"InternalException", MEANS_FAILED},
    {"InternalFailure", MEANS_FAILED},
    {"InternalFailureException", MEANS_FAILED},
    {"InternalServerError", MEANS_FAILED},
    {"RequestTimeout", MEANS_FAILED},
    {"RequestTimeoutException", MEANS_FAILED},
    {"ServiceUnavailable", MEANS_FAILED},
    {"ServiceUnavailableException", MEANS_FAILED},
    {"InvalidArgumentException", MEANS_INVALID},
    {"SerializationException", MEANS_INVALID},
    {"ValidationException", MEANS_INVALID},
    {"ResourceNotFoundException", MEANS_NOT_FOUND},
    {"ExpiredToken", MEANS_EXPIRED},
    {"ExpiredTokenException", MEANS_EXPIRED},
    {"AccessDenied", MEANS_NOT_OURS},
    {"AccessDeniedException", MEANS_NOT_OURS},
    {"UnknownOperationException", MEANS_NOT_OURS},
};

static const size_t CODES_COUNT = sizeof CODES / sizeof CODES[0];

/* A service's words end up in a log line and on a page. */
static void make_printable(char *text) {
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

static void say(struct answer *answer, const char *what, const char *code,
                const char *message) {
    snprintf(answer->code, sizeof answer->code, "%s", code);
    make_printable(answer->code);
    snprintf(answer->text, sizeof answer->text, "%s%s%s%s", what, code,
             message[0] != '\0' ? ": " : "", message);
    make_printable(answer->text);
}

/* The decoded string called `name`, cut to the buffer; false if there is none
 * or it is empty. */
static bool text_of(struct slice object, const char *name, char *ret,
                    size_t ret_size) {
    struct slice value;
    if (json_get(object, name, &value) != ERR_OK ||
        json_kind(value) != JSON_STRING) {
        return false;
    }
    uint8_t memory[MESSAGE_MAX];
    struct arena arena = arena_over(memory, sizeof memory);
    struct slice text;
    if (json_string(value, &arena, &text) != ERR_OK || text.len == 0) {
        return false;
    }
    text.len = text.len < ret_size - 1 ? text.len : ret_size - 1;
    memcpy(ret, text.data, text.len);
    ret[text.len] = '\0';
    return true;
}

/* --- errors of a whole call --------------------------------------------- */

/* "aws.service#Code:http://..." is "Code" (AWS JSON 1.1 protocol). */
static void cut_code(char *code) {
    char *colon = strchr(code, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    const char *hash = strchr(code, '#');
    if (hash != NULL) {
        memmove(code, hash + 1, strlen(hash + 1) + 1);
    }
}

static bool find_code(const struct answer_raw *raw, struct slice object,
                      char ret[CODE_MAX]) {
    bool found = raw->error_type[0] != '\0';
    if (found) {
        snprintf(ret, CODE_MAX, "%s", raw->error_type);
    } else {
        found = text_of(object, "__type", ret, CODE_MAX);
    }
    if (found) {
        cut_code(ret);
    }
    return found && ret[0] != '\0';
}

static bool is_about_size(const char *message) {
    return strcasestr(message, "size") != NULL ||
           strcasestr(message, "too large") != NULL;
}

static void apply_meaning(enum meaning meaning, const char *message,
                          struct answer *ret) {
    switch (meaning) {
    case MEANS_THROTTLED:
        ret->call = CALL_THROTTLED;
        return;
    case MEANS_FAILED:
        ret->call = CALL_FAILED;
        return;
    case MEANS_INVALID:
        ret->call = is_about_size(message) ? CALL_TOO_LARGE : CALL_INVALID;
        return;
    case MEANS_NOT_FOUND:
        ret->not_found = true;
        break;
    case MEANS_NOT_OURS:
        ret->not_ours = true;
        break;
    case MEANS_EXPIRED:
        ret->expired = true;
        break;
    }
    ret->call = CALL_REFUSED;
}

static void read_code(uint32_t status, const char *code, const char *message,
                      struct answer *ret) {
    ret->call = status >= 500   ? CALL_FAILED
                : status == 429 ? CALL_THROTTLED
                                : CALL_REFUSED;
    for (size_t i = 0; i < CODES_COUNT; i++) {
        if (strcmp(CODES[i].code, code) == 0) {
            apply_meaning(CODES[i].meaning, message, ret);
        }
    }
    say(ret, "", code, message);
}

/* No code in it: a proxy, a load balancer, a captive portal. */
static void read_status(uint32_t status, struct slice body,
                        struct answer *ret) {
    char number[16];
    char title[64];
    char page[160] =
        "not an answer from the service (a proxy or a captive portal?)";
    snprintf(number, sizeof number, "HTTP %u", status);
    if (markup_title(body, title, sizeof title)) {
        snprintf(page, sizeof page,
                 "not an answer from the service, but a page \"%s\" (of a "
                 "proxy or a captive portal?)",
                 title);
    }
    ret->call = CALL_FAILED;
    if (status == 429) {
        ret->call = CALL_THROTTLED;
    } else if (status == 413) {
        ret->call = CALL_TOO_LARGE;
    }
    say(ret, "", number,
        status >= 500 || status == 429 || status == 413 ? "" : page);
}

static void read_error(const struct answer_raw *raw, struct answer *ret) {
    struct slice object = raw->body;
    if (json_check(object, NULL) != ERR_OK ||
        json_kind(object) != JSON_OBJECT) {
        object = SLICE("{}");
    }
    char code[CODE_MAX];
    char message[MESSAGE_MAX] = "";
    if (!find_code(raw, object, code)) {
        if (markup_error(raw->body, code, sizeof code, message,
                         sizeof message)) {
            read_code(raw->status, code, message, ret);
        } else {
            read_status(raw->status, raw->body, ret);
        }
        return;
    }
    if (!text_of(object, "message", message, sizeof message) &&
        !text_of(object, "Message", message, sizeof message)) {
        message[0] = '\0';
    }
    read_code(raw->status, code, message, ret);
}

static void read_unusable(const char *what, struct answer *ret) {
    ret->call = CALL_FAILED;
    say(ret, "not an answer from the service: ", what, "");
}

/* --- answers by entries ------------------------------------------------- */

/* What passes by itself in a whole call does so in an entry, too. */
static enum forwarder_outcome outcome_of(const char *code) {
    for (size_t i = 0; i < CODES_COUNT; i++) {
        if (strcmp(CODES[i].code, code) == 0) {
            return CODES[i].meaning == MEANS_THROTTLED ? ENTRY_THROTTLED
                   : CODES[i].meaning == MEANS_FAILED  ? ENTRY_FAILED
                                                       : ENTRY_REFUSED;
        }
    }
    return ENTRY_REFUSED;
}

/* The words of a refusal go before those of a failure that passes by itself. */
static void say_entry(struct answer *ret, struct slice entry, const char *code,
                      bool refused, bool *said_refused) {
    if (ret->text[0] != '\0' && (!refused || *said_refused)) {
        return;
    }
    char message[MESSAGE_MAX];
    if (!text_of(entry, "ErrorMessage", message, sizeof message)) {
        message[0] = '\0';
    }
    say(ret, refused ? "an event was refused: " : "an event failed: ", code,
        message);
    *said_refused = refused;
}

/* ERR_PARSE if it says neither that it was taken nor why not. */
static err_t read_entry(const struct answer_shape *shape, struct slice entry,
                        enum forwarder_outcome *ret, char code[CODE_MAX]) {
    ENSURE(json_kind(entry) == JSON_OBJECT, ERR_PARSE);
    if (text_of(entry, "ErrorCode", code, CODE_MAX)) {
        *ret = outcome_of(code);
        return ERR_OK;
    }
    char identity[CODE_MAX];
    ENSURE(text_of(entry, shape->identity, identity, sizeof identity),
           ERR_PARSE);
    *ret = ENTRY_CONFIRMED;
    return ERR_OK;
}

static err_t read_entries(const struct answer_shape *shape, struct slice list,
                          uint32_t count, struct answer *ret,
                          uint32_t *ret_failed) {
    size_t at = 0;
    uint32_t failed = 0;
    bool said_refused = false;
    struct slice entry;
    for (uint32_t i = 0; i < count; i++) {
        char code[CODE_MAX];
#ifdef EDGE_CONTROL_WRONG_LENGTH
        if (json_element(list, &at, &entry) != ERR_OK) {
            break;
        }
#else
        TRY(json_element(list, &at, &entry));
#endif
        TRY(read_entry(shape, entry, &ret->outcomes[i], code));
        if (ret->outcomes[i] != ENTRY_CONFIRMED) {
            failed++;
            say_entry(ret, entry, code, ret->outcomes[i] == ENTRY_REFUSED,
                      &said_refused);
        }
    }
    ENSURE(json_element(list, &at, &entry) == ERR_END, ERR_PARSE);
    *ret_failed = failed;
    return ERR_OK;
}

static err_t read_batch(const struct answer_shape *shape, struct slice body,
                        uint32_t count, struct answer *ret) {
    struct slice list;
    struct slice number;
    TRY(json_check(body, NULL));
    ENSURE(json_kind(body) == JSON_OBJECT, ERR_PARSE);
    TRY(json_get(body, shape->list, &list));
    TRY(json_get(body, shape->failed, &number));
    ENSURE(json_kind(list) == JSON_ARRAY, ERR_PARSE);
    int64_t said;
    uint32_t failed;
    TRY(json_integer(number, 0, count, &said));
    TRY(read_entries(shape, list, count, ret, &failed));
    ENSURE(failed == said, ERR_PARSE);
    return ERR_OK;
}

void answer_read(const struct answer_shape *shape, const struct answer_raw *raw,
                 uint32_t count, struct answer *ret) {
    assert(count > 0 && count <= FORWARDER_BATCH_MAX);
    memset(ret, 0, sizeof *ret);
    if (raw->status != 200) {
        read_error(raw, ret);
        return;
    }
    ret->call = CALL_ANSWERED;
    if (read_batch(shape, raw->body, count, ret) != ERR_OK) {
        memset(ret, 0, sizeof *ret);
        read_unusable("HTTP 200 without a result for each entry", ret);
    }
}

void answer_each_refusal(const struct answer_shape *shape,
                         const struct answer_raw *raw,
                         const struct answer *answer, uint32_t count,
                         answer_refusal each, void *context) {
    assert(answer->call == CALL_ANSWERED && count <= FORWARDER_BATCH_MAX);
    struct slice list;
    struct slice entry;
    size_t at = 0;
    if (json_get(raw->body, shape->list, &list) != ERR_OK) {
        return;
    }
    for (uint32_t i = 0; i < count && json_element(list, &at, &entry) == ERR_OK;
         i++) {
        char code[CODE_MAX] = "";
        char words[MESSAGE_MAX] = "";
        if (answer->outcomes[i] == ENTRY_REFUSED) {
            (void)text_of(entry, "ErrorCode", code, sizeof code);
            (void)text_of(entry, "ErrorMessage", words, sizeof words);
            make_printable(code);
            make_printable(words);
            each(context, i, code, words);
        }
    }
}

void answer_read_probe(const struct answer_raw *raw, const char *name,
                       struct answer *ret) {
    memset(ret, 0, sizeof *ret);
    if (raw->status != 200) {
        read_error(raw, ret);
        if (ret->call == CALL_TOO_LARGE) {
            ret->call = CALL_REFUSED;
        }
        return;
    }
    char value[CODE_MAX];
    bool good = json_check(raw->body, NULL) == ERR_OK &&
                json_kind(raw->body) == JSON_OBJECT &&
                text_of(raw->body, name, value, sizeof value);
    ret->call = CALL_ANSWERED;
    if (!good) {
        read_unusable("HTTP 200 without the expected content", ret);
    }
}
