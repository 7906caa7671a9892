/* SPDX-License-Identifier: Apache-2.0 */
/* Whose journal a segment, or a directory of them, belongs to. */
#ifndef GATEWAY_JOURNAL_OWNER_H
#define GATEWAY_JOURNAL_OWNER_H

#include "gateway/journal/options.h"
#include "gateway/journal/page.h"

/* ERR_REFUSED if it belongs to another store or stream than `options` says. */
err_t owner_check(const struct journal_options *options,
                  const struct segment_header *header,
                  struct reason *reason) MUST_USE;

/* The same for what is in the directory, before it is opened: looks at the
 * first segment with a header that verifies. ERR_OK also if there is none;
 * ERR_IO if the directory cannot be read. Uses the platform, `dir`, `store`,
 * `stream`. */
err_t owner_look(const struct journal_options *options,
                 struct reason *reason) MUST_USE;

#endif
