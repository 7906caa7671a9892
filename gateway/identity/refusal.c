/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/identity/refusal.h"

#include <assert.h>

static const struct {
    const char *code;
    const char *text;
} refusals[REFUSAL_COUNT] = {
    [REFUSAL_NONE] = {"", ""},
#define REFUSAL(name, code, text) [REFUSAL_##name] = {code, text},
#include "gateway/identity/refusal_list.h"
#undef REFUSAL
};

const char *refusal_code(enum refusal refusal) {
    assert(refusal >= REFUSAL_NONE && refusal < REFUSAL_COUNT);
    return refusals[refusal].code;
}

const char *refusal_text(enum refusal refusal) {
    assert(refusal >= REFUSAL_NONE && refusal < REFUSAL_COUNT);
    return refusals[refusal].text;
}
