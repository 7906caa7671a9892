/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: what lies beside a journal, in the form that release 0.1.0
 * reads. This program reads that form too, so that whichever of the two starts
 * next can go on. (The bridge's cursor has one form for both.) */
#ifndef GATEWAY_COMMANDS_OLDER_FILES_H
#define GATEWAY_COMMANDS_OLDER_FILES_H

#include "gateway/base/base.h"

/* `<dir>/damage`, version 1: a gap that no record announces is announced by
 * whoever starts next, at `end`, where the journal ends. Nothing is done if
 * there is no such file. ERR_IO, ERR_FULL, ERR_MEMORY, ERR_UNSUPPORTED. */
err_t older_files_damage(const struct disk *disk, const char *dir, uint64_t end,
                         struct reason *reason) MUST_USE;

#endif
