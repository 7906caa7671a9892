/* SPDX-License-Identifier: Apache-2.0 */
/* Sends what is journaled without a gateway, by a bridge of this process.
 *
 * Either as the gateway would: each journal is opened and recovered under its
 * lock, and the cursor is kept beside it. Or, with a file for the cursors, the
 * data is only read: a copy, the disk of a dead box, a medium that cannot be
 * written. Then everything that verifies is sent, from the cursor in the file
 * or the one beside the journal, whichever is greater. */
#ifndef GATEWAY_COMMANDS_SYNC_OWN_H
#define GATEWAY_COMMANDS_SYNC_OWN_H

#include "config/config.h"
#include "gateway/commands/sync_view.h"

struct sync_own;

/* `config->data` is where the journals are; `cursor` is the file, or NULL. What
 * has no journal or no sink is left out. ERR_BUSY: another process has a
 * journal open. ERR_NOT_FOUND: there is no journal of a stream with a sink.
 * ERR_REFUSED: a journal is another store's, or the data another user's. The
 * reason says what to do. */
err_t sync_own_start(const struct config *config, const char *cursor,
                     struct sync_own **ret, struct reason *reason) MUST_USE;
void sync_own_look(struct sync_own *own, struct sync_view *ret);
/* Ends the bridge, saves the cursors, gives the locks back. Takes NULL. */
void sync_own_stop(struct sync_own *own);

#endif
