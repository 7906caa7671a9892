/* SPDX-License-Identifier: Apache-2.0 */
/* Whose journal a segment belongs to. */
#ifndef GATEWAY_JOURNAL_OWNER_H
#define GATEWAY_JOURNAL_OWNER_H

#include "gateway/journal/options.h"
#include "gateway/journal/page.h"

/* ERR_REFUSED if it belongs to another store or stream than `options` says. */
err_t owner_check(const struct journal_options *options,
                  const struct segment_header *header,
                  struct reason *reason) MUST_USE;

#endif
