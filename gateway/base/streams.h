/* SPDX-License-Identifier: Apache-2.0 */
/* A process's standard streams. */
#ifndef GATEWAY_BASE_STREAMS_H
#define GATEWAY_BASE_STREAMS_H

#include <stdbool.h>

/* Opens /dev/null in place of each of the three that whoever started us has
 * closed. Otherwise the next file that is opened becomes standard error, and
 * what is written there goes into it: into a journal. First thing in main();
 * false if it cannot be done, and then there may be nowhere to say so. */
bool standard_streams_open(void);

#endif
