/* SPDX-License-Identifier: Apache-2.0 */
/* Two passes over the same bytes: the events, which still know anchors, aliases
 * and tags, and then the document, which has the nodes with their marks. */
#include "config/yaml_file.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PATH_SHOWN_MAX = 80, /* the tail of a longer path is shown */
    DEPTH_MAX = 16,      /* nested lists and mappings; a good file has 5 */
};

void yaml_place_error_v(const char *path, size_t line, size_t column,
                        struct reason *reason, const char *format,
                        va_list args) {
    size_t len = strlen(path);
    bool cut = len > PATH_SHOWN_MAX;
    int head = snprintf(
        reason->text, sizeof reason->text, "%s%s:%zu:%zu: ", cut ? "..." : "",
        cut ? path + len - PATH_SHOWN_MAX : path, line + 1, column + 1);
    if (head < 0 || (size_t)head >= sizeof reason->text) {
        return;
    }
    vsnprintf(reason->text + head, sizeof reason->text - (size_t)head, format,
              args);
}

PRINTF_LIKE(5, 6)
static err_t place_error(const char *path, size_t line, size_t column,
                         struct reason *reason, const char *format, ...) {
    va_list args;
    va_start(args, format);
    yaml_place_error_v(path, line, column, reason, format, args);
    va_end(args);
    return ERR_CONFIG;
}

void yaml_file_error_v(const struct yaml_file *file, const yaml_node_t *node,
                       struct reason *reason, const char *format,
                       va_list args) {
    size_t line = node == NULL ? 0 : node->start_mark.line;
    size_t column = node == NULL ? 0 : node->start_mark.column;
    yaml_place_error_v(file->path, line, column, reason, format, args);
}

static void close_stream(FILE **stream) {
    if (*stream != NULL) {
        fclose(*stream);
    }
}

static err_t read_all(const char *path, uint8_t *buf, struct slice *ret,
                      struct reason *reason) {
    CLEANUP(close_stream) FILE *stream = fopen(path, "rbe");
    if (stream == NULL && errno == ENOENT) {
        return reason_set(reason, ERR_NOT_FOUND,
                          "%s: no such file; write one (config/"
                          "shopme-edge.yaml is an example) or name it with "
                          "--config FILE",
                          path);
    }
    if (stream == NULL) {
        (void)disk_failed(reason, ERR_IO, "read", path);
        return ERR_CONFIG;
    }
    size_t len = fread(buf, 1, YAML_FILE_BYTES_MAX + 1, stream);
    if (ferror(stream)) {
        (void)disk_failed(reason, ERR_IO, "read", path);
        return ERR_CONFIG;
    }
    if (len > YAML_FILE_BYTES_MAX) {
        return place_error(path, 0, 0, reason,
                           "found more than %d KiB; expected a configuration "
                           "file, which is a few KiB",
                           YAML_FILE_BYTES_MAX / 1024);
    }
    *ret = slice_of(buf, len);
    return ERR_OK;
}

/* libyaml gives a mark for grammar errors, but only an offset for bytes that
 * no YAML text may hold. */
static err_t syntax_error(const char *path, const yaml_parser_t *parser,
                          struct slice bytes, struct reason *reason) {
    const char *problem =
        parser->problem != NULL ? parser->problem : "not enough memory";
    size_t line = parser->problem_mark.line;
    size_t column = parser->problem_mark.column;
    if (parser->error == YAML_READER_ERROR) {
        line = column = 0;
        for (size_t i = 0; i < parser->problem_offset && i < bytes.len; i++) {
            bool is_break = bytes.data[i] == '\n';
            line += is_break ? 1 : 0;
            column = is_break ? 0 : column + 1;
        }
    }
    return place_error(path, line, column, reason,
                       "found no YAML (%s); expected YAML", problem);
}

/* What an event holds that plain YAML does not; NULL if nothing. */
static const char *not_plain(const yaml_event_t *event, int documents) {
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT) {
        return "found an alias (*); expected the value written out";
    }
    if (event->type == YAML_DOCUMENT_START_EVENT && documents > 0) {
        return "found a second document (---); expected one document in the "
               "file";
    }
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL) {
        return "found an anchor (&); expected the value alone";
    }
    return tag == NULL ? NULL : "found a tag (!); expected the value alone";
}

/* How much deeper the file is after this event. */
static int step(const yaml_event_t *event) {
    if (event->type == YAML_SEQUENCE_START_EVENT ||
        event->type == YAML_MAPPING_START_EVENT) {
        return 1;
    }
    return event->type == YAML_SEQUENCE_END_EVENT ||
                   event->type == YAML_MAPPING_END_EVENT
               ? -1
               : 0;
}

/* libyaml looks at every open bracket for each token, so deep nesting costs the
 * square of its depth: it is refused as soon as it is seen. */
static err_t check_events(const char *path, struct slice bytes,
                          struct reason *reason) {
    CLEANUP(yaml_parser_delete) yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return reason_set(reason, ERR_CONFIG, "%s: not enough memory", path);
    }
    yaml_parser_set_input_string(&parser, bytes.data, bytes.len);
    int documents = 0;
    int depth = 0;
    bool more = true;
    while (more) {
        CLEANUP(yaml_event_delete) yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            return syntax_error(path, &parser, bytes, reason);
        }
        const char *problem = not_plain(&event, documents);
        if (problem != NULL) {
            return place_error(path, event.start_mark.line,
                               event.start_mark.column, reason, "%s", problem);
        }
        depth += step(&event);
        if (depth > DEPTH_MAX) {
            return place_error(path, event.start_mark.line,
                               event.start_mark.column, reason,
                               "found brackets or lists nested more than %d "
                               "deep; expected a configuration file",
                               DEPTH_MAX);
        }
        documents += event.type == YAML_DOCUMENT_START_EVENT ? 1 : 0;
        more = event.type != YAML_STREAM_END_EVENT;
    }
    return ERR_OK;
}

static err_t load(const char *path, struct slice bytes, struct yaml_file *ret,
                  struct reason *reason) {
    TRY(check_events(path, bytes, reason));
    CLEANUP(yaml_parser_delete) yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return reason_set(reason, ERR_CONFIG, "%s: not enough memory", path);
    }
    yaml_parser_set_input_string(&parser, bytes.data, bytes.len);
    ret->path = path;
    if (yaml_parser_load(&parser, &ret->document) == 0) {
        return syntax_error(path, &parser, bytes, reason);
    }
    ret->root = yaml_document_get_root_node(&ret->document);
    return ERR_OK;
}

static void free_bytes(uint8_t **bytes) {
    free(*bytes);
}

err_t yaml_file_open(const char *path, struct yaml_file *ret,
                     struct reason *reason) {
    assert(reason != NULL);
    CLEANUP(free_bytes) uint8_t *buf = malloc(YAML_FILE_BYTES_MAX + 1);
    if (buf == NULL) {
        return reason_set(reason, ERR_CONFIG, "%s: not enough memory", path);
    }
    struct slice bytes;
    TRY(read_all(path, buf, &bytes, reason));
    return load(path, bytes, ret, reason);
}

void yaml_file_close(struct yaml_file *file) {
    yaml_document_delete(&file->document);
}

yaml_node_t *yaml_file_node(const struct yaml_file *file, int index) {
    /* libyaml's getter only reads, but takes no const pointer. */
    yaml_document_t document = file->document;
    yaml_node_t *node = yaml_document_get_node(&document, index);
    assert(node != NULL); /* libyaml made the index */
    return node;
}

struct slice yaml_scalar(const yaml_node_t *node) {
    assert(node->type == YAML_SCALAR_NODE);
    return slice_of(node->data.scalar.value, node->data.scalar.length);
}

bool yaml_is_plain(const yaml_node_t *node) {
    return node->type == YAML_SCALAR_NODE &&
           node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool yaml_is_nothing(const yaml_node_t *node) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (yaml_is_plain(node) && slice_eq_str(yaml_scalar(node), words[i])) {
            return true;
        }
    }
    return false;
}

/* Control characters are shown as '?', and a cut never splits a character. */
static struct yaml_words quoted(struct slice text) {
    struct yaml_words words;
    bool cut = text.len > YAML_FILE_SHOWN_MAX;
    size_t len = cut ? YAML_FILE_SHOWN_MAX : text.len;
    while (cut && len > 0 && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    struct writer writer = writer_over(words.text, sizeof words.text - 1);
    writer_str(&writer, "\"");
    for (size_t i = 0; i < len; i++) {
        bool control = text.data[i] < 0x20 || text.data[i] == 0x7f;
        writer_u8(&writer, control ? '?' : text.data[i]);
    }
    writer_str(&writer, cut ? "\"..." : "\"");
    words.text[writer.len] = '\0';
    return words;
}

struct yaml_words yaml_found(const yaml_node_t *node) {
    if (node->type == YAML_SEQUENCE_NODE) {
        return (struct yaml_words){"a list"};
    }
    if (node->type == YAML_MAPPING_NODE) {
        return (struct yaml_words){"a mapping"};
    }
    if (yaml_is_nothing(node)) {
        return (struct yaml_words){"nothing"};
    }
    return quoted(yaml_scalar(node));
}
