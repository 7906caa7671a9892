/* SPDX-License-Identifier: Apache-2.0 */
/* The AWS regions (AWS General Reference, "Regional endpoints"). The list grows
 * without us, so a name that is not in it is worth a warning and no more. */
#ifndef CONFIG_REGION_H
#define CONFIG_REGION_H

#include "gateway/base/base.h"

bool region_is_known(const char *name);
/* The region that is spelled most like it. */
const char *region_nearest(const char *name);

#endif
