/* SPDX-License-Identifier: Apache-2.0 */
/* Where credentials are asked for over HTTP: an URL that was read, and whether
 * it may be asked. Without TLS that is only this machine and the addresses that
 * AWS gives its metadata services: anybody between would read the keys. */
#ifndef BRIDGE_CREDENTIAL_PLACE_H
#define BRIDGE_CREDENTIAL_PLACE_H

#include <sys/socket.h>

#include "bridge/endpoint.h"

enum { PLACE_PATH_MAX = 1024, PLACE_ADDRESSES_MAX = 2 };

struct credential_place {
    bool tls;
    struct endpoint where; /* its authority is the Host header */
    char path[PLACE_PATH_MAX];
    /* Without TLS: tried one after the other. */
    struct sockaddr_storage addresses[PLACE_ADDRESSES_MAX];
    uint32_t address_count;
};

/* Reads "http://host[:port][/path]" or https. Without TLS the host is
 * localhost, a loopback address, or one of the link: 169.254.0.0/16,
 * fd00:ec2::/32. ERR_CONFIG, and `reason` says so. */
err_t credential_place_read(const char *url, struct credential_place *ret,
                            struct reason *reason) MUST_USE;

#endif
