/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream does when something goes wrong. */
#ifndef CONFIG_POLICIES_H
#define CONFIG_POLICIES_H

enum config_full {
    CONFIG_FULL_REJECT,      /* accept nothing until there is room */
    CONFIG_FULL_DROP_OLDEST, /* drop the oldest events, and report them */
};

enum config_rot {
    CONFIG_ROT_QUARANTINE, /* set damage aside, report it, continue */
    CONFIG_ROT_STOP,       /* do not start on a damaged journal */
};

enum config_refused {
    CONFIG_REFUSED_DEAD, /* becomes a dead letter, and the stream goes on */
    CONFIG_REFUSED_HOLD, /* stays, and is tried again */
};

#endif
