/* SPDX-License-Identifier: Apache-2.0 */
/* How far a word that is not known is from one that is, so that a message can
 * name what was probably meant. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "gateway/base/base.h"

enum { NEAREST_WORD_MAX = 64 }; /* bytes of `b` */

/* The number of edits (insert, delete, replace) from one word to the other. */
size_t nearest_distance(const char *a, struct slice b);

#endif
