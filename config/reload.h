/* SPDX-License-Identifier: Apache-2.0 */
/* A changed configuration under a running gateway: what of it can take effect,
 * and what needs a restart. The schema marks the keys. */
#ifndef CONFIG_RELOAD_H
#define CONFIG_RELOAD_H

#include "config/config.h"

enum { CONFIG_CHANGE_KEY_MAX = 160, CONFIG_CHANGE_VALUE_MAX = 128 };

/* A key whose value differs. A long value is cut. */
struct config_change {
    char key[CONFIG_CHANGE_KEY_MAX]; /* "log_level", "streams[orders].keep" */
    char was[CONFIG_CHANGE_VALUE_MAX];
    char is[CONFIG_CHANGE_VALUE_MAX];
    bool reloadable;
};

/* Takes the values of the reloadable keys from `next` into `config`, and calls
 * `each` for every key that differs. The others keep their old value, and are
 * named again the next time. If the list of streams is another one (names,
 * their order, sinks), it is named as "streams" or "streams[NAME].sink". */
void config_reload(struct config *config, const struct config *next,
                   void (*each)(void *context,
                                const struct config_change *change),
                   void *context);

#endif
