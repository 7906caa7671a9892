/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/event/oracle.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>

static json_t *load(struct slice text, json_error_t *error) {
    return json_loadb((const char *)text.data, text.len,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

bool oracle_accepts(struct slice text, struct oracle_error *ret) {
    json_error_t error;
    json_t *tree = load(text, &error);
    bool accepted = tree != NULL;
    if (!accepted) {
        enum json_error_code code = json_error_code(&error);
        snprintf(ret->text, sizeof ret->text, "%s", error.text);
        ret->is_limit = code == json_error_numeric_overflow ||
                        code == json_error_null_byte_in_key;
    }
    json_decref(tree);
    return accepted;
}

size_t oracle_string(struct slice text, char *ret, size_t ret_size) {
    json_error_t error;
    json_t *tree = load(text, &error);
    assert(tree != NULL && json_is_string(tree));
    size_t len = json_string_length(tree);
    assert(len <= ret_size);
    memcpy(ret, json_string_value(tree), len);
    json_decref(tree);
    return len;
}
