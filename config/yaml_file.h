/* SPDX-License-Identifier: Apache-2.0 */
/* One YAML document read whole by libyaml, and errors that name a place in it.
 * Only plain YAML is accepted: one document, no anchors, aliases or tags, and
 * little nesting, so that a person and the program read the same and no file
 * costs more than its length. */
#ifndef CONFIG_YAML_FILE_H
#define CONFIG_YAML_FILE_H

#include <stdarg.h>
#include <yaml.h>

#include "gateway/base/base.h"

enum {
    YAML_FILE_BYTES_MAX = 256 * 1024,
    YAML_FILE_SHOWN_MAX = 48, /* bytes of a found text shown in an error */
};

struct yaml_file {
    const char *path; /* borrowed */
    yaml_document_t document;
    yaml_node_t *root; /* NULL if the file holds no value */
};

/* ERR_NOT_FOUND if there is no such file, ERR_CONFIG for all else. */
err_t yaml_file_open(const char *path, struct yaml_file *ret,
                     struct reason *reason) MUST_USE;
void yaml_file_close(struct yaml_file *file);

/* Writes "file:line:column: ..." for the start of `node` (NULL: the start of
 * the file). */
void yaml_file_error_v(const struct yaml_file *file, const yaml_node_t *node,
                       struct reason *reason, const char *format, va_list args)
    PRINTF_LIKE(4, 0);
/* The same for a place, counted from 0. Of a long path the end is shown. */
void yaml_place_error_v(const char *path, size_t line, size_t column,
                        struct reason *reason, const char *format, va_list args)
    PRINTF_LIKE(5, 0);

yaml_node_t *yaml_file_node(const struct yaml_file *file, int index);
struct slice yaml_scalar(const yaml_node_t *node); /* of a scalar */
/* An empty plain scalar, `~` or `null`. */
bool yaml_is_nothing(const yaml_node_t *node);
bool yaml_is_plain(const yaml_node_t *node); /* a scalar without quotes */

/* What was found there, as text for an error, e.g. "a list" or "\"abc\"". */
struct yaml_words {
    char text[YAML_FILE_SHOWN_MAX + 8];
};
struct yaml_words yaml_found(const yaml_node_t *node);

#endif
