/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's own addresses: a region belongs to a partition, which has domains of
 * its own. Pure. */
#ifndef BRIDGE_PARTITION_H
#define BRIDGE_PARTITION_H

#include "config/config.h"
#include "gateway/base/base.h"

/* Which of a service's addresses in a region. */
struct partition_variant {
    bool fips;       /* whose cryptography is validated by FIPS 140 */
    bool dual_stack; /* IPv6, too */
};

/* The host of a service ("events", "kinesis"). ERR_CONFIG for the isolated
 * partitions, which no one outside can try. */
err_t partition_host(const char *service, const char *region,
                     struct partition_variant variant,
                     char ret[CONFIG_HOST_MAX], struct reason *reason) MUST_USE;

#endif
