/* SPDX-License-Identifier: Apache-2.0 */
/* Reads "SERVICE REGION FIPS DUAL_STACK" lines (the last two 0 or 1) and writes
 * for each the service's host there, or "refused", and whether the region is
 * known, for a judge that has AWS's own rules. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/partition.h"
#include "config/region.h"

int main(void) {
    char service[32];
    char region[64];
    int fips;
    int dual_stack;
    while (scanf("%31s %63s %d %d", service, region, &fips, &dual_stack) == 4) {
        struct partition_variant variant = {fips != 0, dual_stack != 0};
        char host[CONFIG_HOST_MAX];
        struct reason reason = {""};
        err_t err = partition_host(service, region, variant, host, &reason);
        printf("%s %s\n", err == ERR_OK ? host : "refused",
               region_is_known(region) ? "known" : "unknown");
    }
    return EXIT_SUCCESS;
}
