/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: the files beside a journal in the form that release 0.1.0
 * reads. This program reads that form too, so that whichever of the two starts
 * next can go on. */
#ifndef GATEWAY_COMMANDS_OLDER_FILES_H
#define GATEWAY_COMMANDS_OLDER_FILES_H

#include "gateway/base/base.h"

/* `<dir>/damage`, version 1: a gap that no record announces is announced by
 * whoever starts next, at `end`, where the journal ends. Nothing is done if
 * there is no such file. ERR_IO, ERR_FULL, ERR_MEMORY, ERR_UNSUPPORTED. */
err_t older_files_damage(const struct disk *disk, const char *dir, uint64_t end,
                         struct reason *reason) MUST_USE;

/* `<dir>/cursor`, version 1: the cloud has all before `cursor`. Nothing is done
 * if there is no such file. ERR_IO, ERR_FULL. */
err_t older_files_cursor(const struct disk *disk, const char *dir,
                         uint64_t cursor, struct reason *reason) MUST_USE;

#endif
