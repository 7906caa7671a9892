/* SPDX-License-Identifier: Apache-2.0 */
/* The INI files of AWS's tools, by the rules of Python's RawConfigParser, which
 * the AWS command line reads them with: "[section]", "name = value" or "name:
 * value", whole lines of comment with # or ;, and indented lines that go on
 * with the value above. What is none of this is refused with its line. */
#ifndef BRIDGE_CREDENTIAL_INI_H
#define BRIDGE_CREDENTIAL_INI_H

#include "gateway/base/base.h"

struct ini_item {
    struct slice section;
    struct slice name;  /* lower case; empty: the section begins here */
    struct slice value; /* trimmed; its lines are joined by line feeds */
    uint32_t line;      /* from 1 */
};

/* Calls `each` for every section and value in order; its slices are parts of
 * `text`, which is written over: a continued value is moved together there.
 * ERR_PARSE with the line; else ERR_OK, or the first error of `each`. */
err_t ini_read(uint8_t *text, size_t len,
               err_t (*each)(void *context, const struct ini_item *item),
               void *context, struct reason *reason) MUST_USE;

/* Without white space at its ends. */
struct slice ini_trim(struct slice text);

#endif
