/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/credential_ini.h"

#include <assert.h>

struct reading {
    uint8_t *text;
    size_t len;
    size_t at;
    uint32_t line;
    size_t indent;        /* of the line that a value began on */
    struct ini_item item; /* the section, and the value that may go on */
    size_t value_end;     /* where the next line of the value is moved to */
    bool in_section;
    bool in_value;
    err_t (*each)(void *context, const struct ini_item *item);
    void *context;
};

static bool is_space(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice ini_trim(struct slice text) {
    size_t from = 0;
    size_t end = text.len;
    while (from < end && is_space(text.data[from])) {
        from++;
    }
    while (end > from && is_space(text.data[end - 1])) {
        end--;
    }
    return slice_part(text, from, end - from);
}

/* Lines end in a line feed, a carriage return, or both. */
static struct slice take_line(struct reading *reading) {
    size_t from = reading->at;
    size_t end = from;
    while (end < reading->len && reading->text[end] != '\n' &&
           reading->text[end] != '\r') {
        end++;
    }
    size_t next = end < reading->len ? end + 1 : end;
    if (next < reading->len && reading->text[end] == '\r' &&
        reading->text[next] == '\n') {
        next++;
    }
    reading->at = next;
    reading->line++;
    return slice_of(reading->text + from, end - from);
}

static err_t give_value(struct reading *reading) {
    if (!reading->in_value) {
        return ERR_OK;
    }
    reading->in_value = false;
    reading->item.value = ini_trim(reading->item.value);
    return reading->each(reading->context, &reading->item);
}

/* Behind what the value has already, of which at least its line's end is left
 * over in the text. */
static void go_on(struct reading *reading, struct slice part) {
    uint8_t *end = reading->text + reading->value_end;
    assert(end < part.data || part.len == 0);
    *end = '\n';
    if (part.len > 0) {
        memmove(end + 1, part.data, part.len);
    }
    reading->value_end += 1 + part.len;
    reading->item.value.len =
        (size_t)(reading->text + reading->value_end - reading->item.value.data);
}

static err_t begin_section(struct reading *reading, struct slice line) {
    size_t end = line.len;
    while (end > 0 && line.data[end - 1] != ']') {
        end--;
    }
    ENSURE(end > 2, ERR_PARSE);
    reading->in_section = true;
    reading->item = (struct ini_item){
        .section = slice_part(line, 1, end - 2),
        .line = reading->line,
    };
    return reading->each(reading->context, &reading->item);
}

static void make_lower(struct reading *reading, struct slice name) {
    uint8_t *at = reading->text + (name.data - reading->text);
    for (size_t i = 0; i < name.len; i++) {
        at[i] = at[i] >= 'A' && at[i] <= 'Z' ? (uint8_t)(at[i] | 0x20) : at[i];
    }
}

static err_t begin_value(struct reading *reading, struct slice line) {
    size_t split = 0;
    while (split < line.len && line.data[split] != '=' &&
           line.data[split] != ':') {
        split++;
    }
    struct slice name = ini_trim(slice_part(line, 0, split));
    ENSURE(reading->in_section && split < line.len && name.len > 0, ERR_PARSE);
    make_lower(reading, name);
    reading->item.name = name;
    reading->item.value =
        ini_trim(slice_part(line, split + 1, line.len - split - 1));
    if (reading->item.value.len == 0) { /* it may go on, from here */
        reading->item.value.data = line.data + line.len;
    }
    reading->item.line = reading->line;
    reading->value_end = (size_t)(reading->item.value.data - reading->text) +
                         reading->item.value.len;
    reading->in_value = true;
    return ERR_OK;
}

static err_t read_line(struct reading *reading, struct slice raw) {
    struct slice line = ini_trim(raw);
    if (line.len == 0) {
        if (reading->in_value && reading->value_end + 1 < reading->at) {
            go_on(reading, SLICE_EMPTY);
        }
        return ERR_OK;
    }
    if (line.data[0] == '#' || line.data[0] == ';') {
        return ERR_OK;
    }
    size_t indent = (size_t)(line.data - raw.data);
    if (reading->in_value && indent > reading->indent) {
        go_on(reading, line);
        return ERR_OK;
    }
    TRY(give_value(reading));
    reading->indent = indent;
    if (line.data[0] == '[' && memchr(line.data, ']', line.len) != NULL) {
        return begin_section(reading, line);
    }
    return begin_value(reading, line);
}

err_t ini_read(uint8_t *text, size_t len,
               err_t (*each)(void *context, const struct ini_item *item),
               void *context, struct reason *reason) {
    struct reading reading = {
        .len = len,
        .each = each,
        .context = context,
    };
    reading.text = text;
    while (reading.at < len) {
        err_t err = read_line(&reading, take_line(&reading));
        if (err == ERR_PARSE) {
            return reason_set(reason, ERR_PARSE,
                              "line %u is neither [section] nor name = value",
                              reading.line);
        }
        TRY(err);
    }
    return give_value(&reading);
}
