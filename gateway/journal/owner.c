/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal/owner.h"

err_t owner_check(const struct journal_options *options,
                  const struct segment_header *header, struct reason *reason) {
    if (strcmp(header->store, options->store) == 0 &&
        strcmp(header->stream, options->stream) == 0) {
        return ERR_OK;
    }
    return reason_set(reason, ERR_REFUSED,
                      "the journal belongs to store %s, stream %s, not to "
                      "store %s, stream %s: give this one a directory other "
                      "than %s",
                      header->store, header->stream, options->store,
                      options->stream, options->dir);
}
