/* SPDX-License-Identifier: Apache-2.0 */
/* NO_PROXY: which hosts are reached without the proxy, by the rules that curl
 * and Python (botocore) share, and by those that only one of them has where
 * they do not contradict. Pure. */
#ifndef BRIDGE_NO_PROXY_H
#define BRIDGE_NO_PROXY_H

#include "gateway/base/base.h"

/* `list` is separated by commas or white space. An entry is
 *   *                all hosts
 *   example.com      this name and all names below it; so is .example.com
 *   10.0.0.1, ::1    this address, with brackets or without
 *   10.0.0.0/8       an address of this network
 *   HOST:PORT        the same, at this port only
 * A host that is a name is never resolved for it. */
bool no_proxy_has(const char *list, const char *host, uint16_t port);

#endif
