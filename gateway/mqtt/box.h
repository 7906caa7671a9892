/* SPDX-License-Identifier: Apache-2.0 */
/* The part of an MQTT client id that is this box's own. A client id names a
 * session at the broker, so it must stay the same at every start, and no two
 * boxes may share it. The journal's id alone does the first, and two boxes of
 * one image share it; so the machine's id (/etc/machine-id) joins it.
 *
 * What joins it stands in the file `box.id` in the data folder, beside the
 * machine that it was made on. On another machine it is made anew: the data
 * came from another box, and that one's session is not ours. An installation
 * that is older than this file keeps its ids as they were, without a box, since
 * a session of theirs may hold events at the broker; it is written down the
 * same way. Two boxes with the same machine id do collide (link_retry.h).
 *
 *     shopme-edge box 1
 *     machine 0123456789abcdef      of the machine's id, hashed
 *     suffix 0123456789abcdef       or "-": none */
#ifndef GATEWAY_MQTT_BOX_H
#define GATEWAY_MQTT_BOX_H

#include "gateway/base/base.h"
#include "gateway/base/platform.h"

enum { BOX_SUFFIX_SIZE = 24 };

#define BOX_MACHINE_ID "/etc/machine-id"

/* What to put behind the journal's id: "-" and 16 hex digits, or "". Writes the
 * file if it is missing, damaged or another machine's. `is_new`: the journals
 * hold nothing yet. `machine_id` is BOX_MACHINE_ID; a machine without one has
 * no suffix. ERR_IO, ERR_FULL, with the reason. */
err_t box_suffix(const struct disk *disk, const char *data,
                 const char *machine_id, bool is_new, char ret[BOX_SUFFIX_SIZE],
                 struct reason *reason) MUST_USE;

#endif
