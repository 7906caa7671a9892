/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to AWS. */
#ifndef CONFIG_CLOUD_H
#define CONFIG_CLOUD_H

#include "config/broker.h"
#include "config/credentials.h"

enum { CONFIG_PROXY_MAX = CONFIG_HOST_MAX + 16 };
#define CONFIG_PROXY_NONE "none"
/* Stands for the store's name in cloud.source_prefix, once at most. */
#define CONFIG_STORE_PLACE "{store}"

struct config_cloud {
    char region[CONFIG_NAME_MAX];   /* required if a stream has a sink; default
                                       AWS_REGION, AWS_DEFAULT_REGION */
    char endpoint[CONFIG_PATH_MAX]; /* https URL for both services; empty
                                       = AWS's own for the region */
    char endpoint_eventbridge[CONFIG_PATH_MAX]; /* the same for one of them */
    char endpoint_kinesis[CONFIG_PATH_MAX];
    char proxy[CONFIG_PROXY_MAX];           /* http://HOST:PORT, or
                                               CONFIG_PROXY_NONE; empty: what the
                                               environment says */
    char proxy_login_file[CONFIG_PATH_MAX]; /* USER:PASSWORD in its first line;
                                               empty: none */
    char ca_file[CONFIG_PATH_MAX];          /* default Debian's bundle */
    char source_prefix[CONFIG_NAME_MAX];    /* EventBridge Source; default
                                               com.shopme */
    uint32_t connections;                   /* of each stream; default 1 */
    uint32_t lanes;     /* of each stream's keys; default 16 */
    uint64_t bandwidth; /* bytes a second to the cloud; 0 = no cap */
    uint32_t requests;  /* to EventBridge a second; 0 = no budget; default 50 */
    uint64_t status_every_ms; /* EdgeStatus; 0 = never; default 5 min */
    struct config_credentials credentials;
};

#endif
