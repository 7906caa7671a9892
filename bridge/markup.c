/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/markup.h"

#include <assert.h>
#include <ctype.h>
#include <strings.h>

static struct slice beginning(struct slice body) {
    size_t len = body.len < MARKUP_READ_MAX ? body.len : MARKUP_READ_MAX;
    return slice_part(body, 0, len);
}

/* Where `tag` ("<title") begins at or after `from`, in any case; the end if it
 * does not. */
static size_t find(struct slice text, size_t from, const char *tag) {
    size_t len = strlen(tag);
    for (size_t at = from; text.len >= len && at <= text.len - len; at++) {
        if (strncasecmp((const char *)text.data + at, tag, len) == 0) {
            return at;
        }
    }
    return text.len;
}

static size_t find_byte(struct slice text, size_t from, char byte) {
    while (from < text.len && text.data[from] != (uint8_t)byte) {
        from++;
    }
    return from;
}

/* Cut to the buffer, white space joined. */
static bool copy(struct slice text, char *ret, size_t ret_size) {
    assert(ret_size > 0);
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < ret_size - 1; i++) {
        char c = (char)text.data[i];
        bool space = isspace((unsigned char)c) != 0 || c == '\0';
        if (!space) {
            ret[len++] = c;
        } else if (len > 0 && ret[len - 1] != ' ') {
            ret[len++] = ' ';
        }
    }
    while (len > 0 && ret[len - 1] == ' ') {
        len--;
    }
    ret[len] = '\0';
    return len > 0;
}

/* The text of the first element whose tag begins so, up to the next tag. */
static bool text_of(struct slice text, const char *tag, char *ret,
                    size_t ret_size) {
    size_t begin = find_byte(text, find(text, 0, tag), '>');
    ret[0] = '\0';
    if (begin == text.len) {
        return false;
    }
    size_t end = find_byte(text, begin, '<');
    return copy(slice_part(text, begin + 1, end - begin - 1), ret, ret_size);
}

static bool is_name(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (isalnum(text.data[i]) == 0) {
            return false;
        }
    }
    return text.len > 0;
}

/* The root element, if its name is an exception's. */
static bool root_code(struct slice text, char *ret, size_t ret_size) {
    static const char ending[] = "Exception";
    size_t begin = 0;
    while (begin < text.len && !is_name(slice_part(text, begin, 1))) {
        bool prolog = text.data[begin] == '<' && begin + 1 < text.len &&
                      text.data[begin + 1] == '?';
        begin = prolog ? find_byte(text, begin, '>') : begin;
        begin += begin < text.len;
    }
    size_t end = begin;
    while (end < text.len && is_name(slice_part(text, end, 1))) {
        end++;
    }
    struct slice name = slice_part(text, begin, end - begin);
    return name.len >= strlen(ending) &&
           slice_eq_str(
               slice_part(name, name.len - strlen(ending), strlen(ending)),
               ending) &&
           copy(name, ret, ret_size);
}

bool markup_error(struct slice body, char *code, size_t code_size,
                  char *message, size_t message_size) {
    struct slice text = beginning(body);
    if (text.len == 0 || text.data[0] != '<' ||
        find(text, 0, "<html") < text.len) {
        return false;
    }
    bool found = root_code(text, code, code_size);
    if (!found) {
        found = text_of(text, "<code>", code, code_size) &&
                is_name(slice_from_str(code));
    }
    (void)text_of(text, "<message>", message, message_size);
    return found;
}

bool markup_title(struct slice body, char *ret, size_t ret_size) {
    return text_of(beginning(body), "<title", ret, ret_size);
}
