/* SPDX-License-Identifier: Apache-2.0 */
/* Which credentials each device of the fleet has, from the command line: one
 * set for all of them, or for each its own from a folder:
 *
 *     DIR/till-1.pem, till-1.key     its certificate and key, or
 *     DIR/till-1.password            its password; the user name is its name
 *
 * Of a device that has both, the certificate is used with TLS. */
#ifndef DEVICES_IDENTITY_H
#define DEVICES_IDENTITY_H

#include "devices/client/credentials.h"
#include "devices/options.h"

/* The credentials of the device called `name`, its files looked at. ERR_REFUSED
 * or ERR_IO, with what to do. The caller wipes `ret`. */
err_t identity_of(const struct options *options, const char *name,
                  struct credentials *ret, struct reason *reason) MUST_USE;

#endif
