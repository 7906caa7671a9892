/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the configuration that says where AWS credentials come from. */
#ifndef CONFIG_CREDENTIALS_H
#define CONFIG_CREDENTIALS_H

#include "config/broker.h"

enum { CONFIG_IOT_NAME_SIZE = 129, CONFIG_COMMAND_SIZE = 1024 };

enum config_credentials_source {
    CONFIG_CREDENTIALS_DEFAULT,     /* the first below but for IOT */
    CONFIG_CREDENTIALS_ENVIRONMENT, /* AWS_ACCESS_KEY_ID ... */
    CONFIG_CREDENTIALS_PROFILE,     /* the shared files */
    CONFIG_CREDENTIALS_PROCESS,     /* `command` */
    CONFIG_CREDENTIALS_CONTAINER,   /* ECS, EKS, Greengrass */
    CONFIG_CREDENTIALS_IMDS,        /* an EC2 instance */
    CONFIG_CREDENTIALS_IOT,         /* AWS IoT Core, by a certificate */
};

/* AWS IoT Core's credential provider. */
struct config_iot {
    char endpoint[CONFIG_HOST_MAX]; /* host[:port] */
    char role_alias[CONFIG_IOT_NAME_SIZE];
    char thing[CONFIG_IOT_NAME_SIZE];
    char cert_file[CONFIG_PATH_MAX]; /* default systemd's iot-cert.pem */
    char key_file[CONFIG_PATH_MAX];  /* default systemd's iot-key.pem */
    char ca_file[CONFIG_PATH_MAX];   /* default cloud.ca_file */
};

struct config_credentials {
    enum config_credentials_source source;
    char profile[CONFIG_IOT_NAME_SIZE]; /* default AWS_PROFILE, "default" */
    char command[CONFIG_COMMAND_SIZE];
    struct config_iot iot;
};

#endif
