/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/partition.h"

#include <stdio.h>

struct partition {
    const char *name;
    const char *prefix; /* of its regions; NULL: of all others */
    const char *domain; /* NULL: isolated */
    const char *dual_stack;
};

/* AWS's endpoint rules (botocore, data/partitions.json). */
static const struct partition partitions[] = {
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"aws-iso", "us-iso-", NULL, NULL},
    {"aws-iso-b", "us-isob-", NULL, NULL},
    {"aws-iso-e", "eu-isoe-", NULL, NULL},
    {"aws-iso-f", "us-isof-", NULL, NULL},
    {"aws", NULL, "amazonaws.com", "api.aws"},
};

static const struct partition *partition_of(const char *region) {
    const struct partition *one = partitions;
    while (one->prefix != NULL &&
           strncmp(region, one->prefix, strlen(one->prefix)) != 0) {
        one++;
    }
    return one;
}

/* The plain addresses of aws-us-gov are validated already: there is no other
 * one, but for Kinesis by IPv6 (the services' endpoint rules). */
static bool has_own_fips(const struct partition *partition, const char *service,
                         struct partition_variant variant) {
    bool gov = strcmp(partition->name, "aws-us-gov") == 0;
    bool by_six = variant.dual_stack && strcmp(service, "kinesis") == 0;
    return variant.fips && (!gov || by_six);
}

err_t partition_host(const char *service, const char *region,
                     struct partition_variant variant,
                     char ret[CONFIG_HOST_MAX], struct reason *reason) {
    const struct partition *partition = partition_of(region);
    if (partition->domain == NULL) {
        return reason_set(reason, ERR_CONFIG,
                          "cloud.region %.60s is of the isolated partition %s, "
                          "whose addresses this version does not know: set "
                          "cloud.endpoints",
                          region, partition->name);
    }
    int len = snprintf(
        ret, CONFIG_HOST_MAX, "%s%s.%s.%s", service,
        has_own_fips(partition, service, variant) ? "-fips" : "", region,
        variant.dual_stack ? partition->dual_stack : partition->domain);
    return len < CONFIG_HOST_MAX
               ? ERR_OK
               : reason_set(reason, ERR_CONFIG, "cloud.region is too long");
}
