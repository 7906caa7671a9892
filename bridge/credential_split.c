/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_split.h"

#include <assert.h>

struct splitting {
    struct cursor in;
    char *out;
    struct split *split;
    bool in_word;
};

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static err_t begin_word(struct splitting *splitting) {
    if (!splitting->in_word) {
        ENSURE(splitting->split->count < SPLIT_WORDS_MAX, ERR_FULL);
        splitting->split->words[splitting->split->count++] = splitting->out;
        splitting->in_word = true;
    }
    return ERR_OK;
}

static void end_word(struct splitting *splitting) {
    if (splitting->in_word) {
        *splitting->out++ = '\0';
        splitting->in_word = false;
    }
}

/* Between double quotes a backslash protects only itself and the quote. */
static err_t quoted(struct splitting *splitting, uint8_t quote) {
    uint8_t c;
    for (;;) {
        TRY(cursor_u8(&splitting->in, &c));
        if (c == quote) {
            return ERR_OK;
        }
        if (c == '\\' && quote == '"') {
            uint8_t next;
            TRY(cursor_u8(&splitting->in, &next));
            if (next != '"' && next != '\\') {
                *splitting->out++ = '\\';
            }
            c = next;
        }
        ENSURE(c != '\0', ERR_PARSE);
        *splitting->out++ = (char)c;
    }
}

static err_t take(struct splitting *splitting, uint8_t c) {
    ENSURE(c != '\0', ERR_PARSE);
    if (is_space(c)) {
        end_word(splitting);
        return ERR_OK;
    }
    TRY(begin_word(splitting));
    if (c == '\'' || c == '"') {
        return quoted(splitting, c);
    }
    if (c == '\\') {
        TRY(cursor_u8(&splitting->in, &c));
        ENSURE(c != '\0', ERR_PARSE);
    }
    *splitting->out++ = (char)c;
    return ERR_OK;
}

err_t split_words(struct slice text, char *memory, struct split *ret) {
    *ret = (struct split){.count = 0};
    struct splitting splitting = {.in = cursor_over(text), .split = ret};
    splitting.out = memory;
    uint8_t c;
    while (cursor_u8(&splitting.in, &c) == ERR_OK) {
        TRY(take(&splitting, c));
    }
    end_word(&splitting);
    assert(splitting.out <= memory + text.len + 1);
    return ERR_OK;
}
