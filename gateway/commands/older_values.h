/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: values that release 0.1.0 would refuse of keys that it knows.
 */
#ifndef GATEWAY_COMMANDS_OLDER_VALUES_H
#define GATEWAY_COMMANDS_OLDER_VALUES_H

#include <stdio.h>

#include "config/config.h"

/* Names each on a line of `out`, with the file `path`; returns how many. A
 * configuration that was loaded; `has_region`: the file itself says which. */
uint32_t older_values_check(const struct config *config, const char *path,
                            bool has_region, FILE *out);

#endif
