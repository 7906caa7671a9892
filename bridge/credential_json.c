/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_json.h"

#include <stdlib.h>

#include "gateway/event/event.h"
#include "gateway/event/json.h"

enum { WORDS_MAX = 100, MEMORY_MAX = CREDENTIALS_TOKEN_MAX + 1024 };

/* The names in each form. */
struct names {
    const char *access, *secret, *token, *expires;
};

static const struct names NAMES[] = {
    [CREDENTIAL_FORM_METADATA] = {"AccessKeyId", "SecretAccessKey", "Token",
                                  "Expiration"},
    [CREDENTIAL_FORM_PROCESS] = {"AccessKeyId", "SecretAccessKey",
                                 "SessionToken", "Expiration"},
    [CREDENTIAL_FORM_IOT] = {"accessKeyId", "secretAccessKey", "sessionToken",
                             "expiration"},
};

/* Room for a string's escapes to be decoded in. */
struct scratch {
    uint8_t *memory;
};

static void scratch_free(struct scratch *scratch) {
    if (scratch->memory != NULL) {
        explicit_bzero(scratch->memory, MEMORY_MAX);
        free(scratch->memory);
    }
}

/* The string called `name`, empty if it is not there or null. */
static err_t find(const struct scratch *scratch, struct slice object,
                  const char *name, struct slice *ret, struct reason *reason) {
    struct slice value;
    *ret = SLICE_EMPTY;
    if (json_get(object, name, &value) != ERR_OK ||
        json_kind(value) == JSON_NULL) {
        return ERR_OK;
    }
    struct arena arena = arena_over(scratch->memory, MEMORY_MAX);
    if (json_string(value, &arena, ret) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG, "%s is no string, or is too long",
                          name);
    }
    return ERR_OK;
}

static err_t take(const struct scratch *scratch, struct slice object,
                  const char *name, bool required, char *ret, size_t ret_size,
                  struct reason *reason) {
    struct slice value;
    TRY(find(scratch, object, name, &value, reason));
    if (value.len == 0 && required) {
        return reason_set(reason, ERR_CONFIG, "there is no %s in it", name);
    }
    return credentials_put(value, name, ret, ret_size, reason);
}

static err_t take_time(const struct scratch *scratch, struct slice object,
                       const char *name, int64_t *ret_us,
                       struct reason *reason) {
    struct slice value;
    *ret_us = 0;
    TRY(find(scratch, object, name, &value, reason));
    if (value.len > 0 &&
        (event_time_parse(value, ret_us) != ERR_OK || *ret_us <= 0)) {
        return reason_set(reason, ERR_PARSE,
                          "%s is no time such as 2026-11-29T10:00:00Z", name);
    }
    return ERR_OK;
}

static void add_words(const struct scratch *scratch, struct slice object,
                      const char *name, struct writer *writer) {
    struct slice value;
    if (find(scratch, object, name, &value, NULL) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < value.len && i < WORDS_MAX; i++) {
        bool plain = value.data[i] >= ' ' && value.data[i] <= '~';
        writer_u8(writer, plain ? value.data[i] : '?');
    }
    writer_u8(writer, ' ');
}

/* Containers and IMDS say in a 200, too, that they failed. */
static err_t check_code(const struct scratch *scratch, struct slice object,
                        struct reason *reason) {
    struct slice code;
    TRY(find(scratch, object, "Code", &code, reason));
    if (code.len == 0 || slice_eq_str(code, "Success")) {
        return ERR_OK;
    }
    char words[2 * WORDS_MAX + 4];
    struct writer writer = writer_over(words, sizeof words - 1);
    add_words(scratch, object, "Code", &writer);
    add_words(scratch, object, "Message", &writer);
    words[writer.len] = '\0';
    return reason_set(reason, ERR_CONFIG, "it says %s", words);
}

static err_t check_version(struct slice object, struct reason *reason) {
    struct slice value;
    int64_t version;
    if (json_get(object, "Version", &value) != ERR_OK ||
        json_integer(value, 1, 1, &version) != ERR_OK) {
        return reason_set(reason, ERR_CONFIG,
                          "its Version is not 1, as credential_process asks "
                          "for");
    }
    return ERR_OK;
}

static err_t unwrap(enum credential_form form, struct slice text,
                    struct slice *ret, struct reason *reason) {
    struct reason ignored; /* it may quote the text */
    if (json_check(text, &ignored) != ERR_OK ||
        json_kind(text) != JSON_OBJECT) {
        return reason_set(reason, ERR_PARSE, "it is no JSON object");
    }
    *ret = text;
    if (form == CREDENTIAL_FORM_IOT &&
        (json_get(text, "credentials", ret) != ERR_OK ||
         json_kind(*ret) != JSON_OBJECT)) {
        return reason_set(reason, ERR_CONFIG, "there are no credentials in it");
    }
    return ERR_OK;
}

err_t credential_json_read(struct slice text, enum credential_form form,
                           struct credentials *ret, struct reason *reason) {
    const struct names *names = &NAMES[form];
    CLEANUP(scratch_free) struct scratch scratch = {malloc(MEMORY_MAX)};
    ENSURE(scratch.memory != NULL, ERR_MEMORY);
    struct slice object;
    TRY(unwrap(form, text, &object, reason));
    if (form == CREDENTIAL_FORM_PROCESS) {
        TRY(check_version(object, reason));
    }
    if (form == CREDENTIAL_FORM_METADATA) {
        TRY(check_code(&scratch, object, reason));
    }
    TRY(take(&scratch, object, names->access, true, ret->access_key,
             sizeof ret->access_key, reason));
    TRY(take(&scratch, object, names->secret, true, ret->secret_key,
             sizeof ret->secret_key, reason));
    TRY(take(&scratch, object, names->token, form != CREDENTIAL_FORM_PROCESS,
             ret->token, sizeof ret->token, reason));
    return take_time(&scratch, object, names->expires, &ret->expires_us,
                     reason);
}
