/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/bridge_rows.h"

const struct control bridge_controls[] = {
    {"CURSOR_PAST_FAILED", "the cursor passes an entry that failed",
     bridge_random},
    {"TWO_PER_KEY", "two events of a key may be under way", bridge_random},
    {"LANE_TWICE", "two requests of a lane may be under way", bridge_random},
    {"WRONG_LENGTH", "an answer of the wrong length is a success",
     bridge_random},
    {NULL, NULL, NULL},
};
