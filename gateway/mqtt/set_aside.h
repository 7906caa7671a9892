/* SPDX-License-Identifier: Apache-2.0 */
/* A file that its program cannot use is given another name, PATH.bad-N, so that
 * the program goes on without it and a person can still look at it. The newest
 * three of a name are kept. Waits for the disk. */
#ifndef GATEWAY_MQTT_SET_ASIDE_H
#define GATEWAY_MQTT_SET_ASIDE_H

#include <stddef.h>

#include "gateway/base/base.h"

enum { SET_ASIDE_KEPT = 3 };

/* Whatever `path` is, a file, a folder or a socket. `ret` gets the new name,
 * which is `path`'s and at most 12 bytes more. ERR_NOT_FOUND if nothing is
 * there; ERR_IO. */
err_t set_aside(const char *path, char *ret, size_t ret_size,
                struct reason *reason) MUST_USE;

/* The same, but it keeps its own name, too, until another file is renamed to
 * that. A file only. */
err_t set_aside_copy(const char *path, char *ret, size_t ret_size,
                     struct reason *reason) MUST_USE;

#endif
