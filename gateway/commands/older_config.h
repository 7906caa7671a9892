/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: what release 0.1.0 would refuse in a configuration, without
 * which a store would stand still after a downgrade. */
#ifndef GATEWAY_COMMANDS_OLDER_CONFIG_H
#define GATEWAY_COMMANDS_OLDER_CONFIG_H

#include <stdio.h>

#include "config/config.h"

/* Names each key that 0.1.0 does not know, and each file of a conf.d beside
 * `path`, on a line of `out`; if there are none, each value that it does not
 * take. `*ret_count` is how many. `config` was loaded from `path`. ERR_CONFIG,
 * ERR_NOT_FOUND with a reason. */
err_t older_config_check(const struct config *config, const char *path,
                         FILE *out, uint32_t *ret_count,
                         struct reason *reason) MUST_USE;

#endif
