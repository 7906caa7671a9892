/* SPDX-License-Identifier: Apache-2.0 */
/* The little that is read of an XML or HTML body where JSON was expected: the
 * error of a service's front, or the title of a proxy's page. No parser: a
 * search in its first bytes. Pure. */
#ifndef BRIDGE_MARKUP_H
#define BRIDGE_MARKUP_H

#include "gateway/base/base.h"

enum { MARKUP_READ_MAX = 4 * 1024 };

/* The code and the message of an error as AWS writes it in XML: in elements
 * Code and Message, or with the root element as the code
 * (<AccessDeniedException>). The message may be empty. False if there is no
 * code; each is cut to its buffer. */
bool markup_error(struct slice body, char *code, size_t code_size,
                  char *message, size_t message_size);

/* The title of an HTML page, its white space as single spaces; false if it has
 * none. */
bool markup_title(struct slice body, char *ret, size_t ret_size);

#endif
